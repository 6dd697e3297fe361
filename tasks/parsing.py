"""Dependency parsing: the head of each word, and the relation to it. Numpy only; the loss of networks is in `losses.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..configs.schema.data import SizesData
from ..configs.schema.tasks.parsing import ParsingConfig
from ..datasets.arrays import BoolArray, FloatArray, IntArray
from ..datasets.encoded.labels import UNSEEN
from ..datasets.encoded.sentences.parsed_sentences import ParsedSentences
from ..datasets.encoded.sentences.trees import tree_text
from ..datasets.encoded.split import Batch, Encoding
from ..datasets.formats.conll import split_tokens
from ..models.head import Head, TreeSizes
from ..models.parsing.spanning_tree import best_tree
from .predictions import Predictions
from .scoring import metrics
from .scoring.row_scores import MetricColumns, compact
from .task import Confusion, Task, stated
from .tree_drawing import drawn_tree

if TYPE_CHECKING:
    from .losses import Objective


@dataclass(frozen=True)
class TreePredictions(Predictions):
    """heads, relations: (n_words,) for each sentence, predicted; gold_heads, gold_relations: gold, -1 if unknown. The rest are (rows,).

    words: the words of each sentence; right_heads: number of words with the right head; right: with the right head and relation, as LAS
    counts them; losses: summed over a sentence's words.
    """

    words: list[list[str]]
    heads: list[IntArray]
    relations: list[IntArray]
    gold_heads: list[IntArray]
    gold_relations: list[IntArray]
    right_heads: IntArray
    right: IntArray
    n_words: IntArray
    losses: FloatArray
    has_probabilities: IntArray


class Parsing(Task):
    """The task: the output layer, the loss, the predictions and the metrics."""

    written: ClassVar[tuple[str, ...]] = ("head", "deprel")

    def __init__(self, config: ParsingConfig, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        self.config, self.head = config, self.head_for(config, encoding.spec, encoding.labels)

    @classmethod
    def prepare(cls, config: ParsingConfig) -> ParsedSentences:
        """Sentences with a head and a relation for each word."""
        return ParsedSentences(config)

    @classmethod
    def head_for(cls, config: ParsingConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Head:
        """An output with a score for each head and each relation."""
        n_relations = stated(sizes.n_classes, "n_classes", "the output has one score for each relation")
        return Head("tree", n_relations, labels=labels, tree=TreeSizes(**config.biaffine.model_dump()))

    def objectives(self, model: Any) -> "list[Objective]":
        """The cross-entropies of heads and of relations."""
        from .losses import Objective, TreeLoss

        return [Objective("", model, TreeLoss(model.output))]

    def predict(self, model: Any, batch: Batch) -> TreePredictions:
        """The best tree of each sentence, and the best relation of each word to its head in that tree."""
        n_words = np.array([len(each.words) for each in batch.gold], dtype=np.int64)
        gold = {name: batch.targets[name].filled(UNSEEN) for name in ("heads", "relations")}
        if model.scores_are == "trees":
            heads, relations = model.parse(**batch.inputs)
            losses = None
        else:
            heads, relations, losses = _best_trees(model, batch, gold, n_words)
        gold_heads, gold_relations = ([row[:length] for row, length in zip(ids, n_words, strict=True)] for ids in gold.values())
        right_heads = [predicted == row for predicted, row in zip(heads, gold_heads, strict=True)]
        right = [right_head & self._same_relations(predicted, tree.relations)
                 for right_head, predicted, tree in zip(right_heads, relations, batch.gold, strict=True)]
        n_right = _sums(right)
        return TreePredictions(
            rows=batch.rows,
            words=[each.words for each in batch.gold],
            heads=heads,
            relations=relations,
            gold_heads=gold_heads,
            gold_relations=gold_relations,
            right_heads=_sums(right_heads),
            right=n_right,
            n_words=n_words,
            losses=(n_words - n_right).astype(np.float64) if losses is None else losses,
            has_probabilities=np.full(len(batch), losses is not None),
        )

    def _same_relations(self, relations: IntArray, gold: Sequence[str]) -> BoolArray:
        """(n_words,): whether relations agree before the colon, as the scorer of the CoNLL 2018 shared task compares them."""
        names = [self.labels[relation] for relation in relations.tolist()]
        return np.array([universal(name) == universal(gold_name) for name, gold_name in zip(names, gold, strict=True)], dtype=bool)

    def metrics(self, predictions: TreePredictions) -> dict[str, float]:
        """`loss` per word (log loss of heads and relations in nats; `zero_one_loss` if the model gives no probabilities); `uas`, the share
        of words with the right head, and `las`, with the right head and relation; punctuation counts, as in CoNLL 2018.
        """
        n_words = max(int(predictions.n_words.sum()), 1)
        figures = {"loss" if predictions.has_probabilities.all() else "zero_one_loss": predictions.losses,
                   "uas": predictions.right_heads, "las": predictions.right}
        return {name: float(rows.sum()) / n_words for name, rows in figures.items()}

    def metric_columns(self, predictions: TreePredictions) -> MetricColumns:
        """For each sentence its loss, its number of words, and how many have the right head, and the right relation too."""
        words = {"words": compact(predictions.n_words)}
        loss_name = "loss" if predictions.has_probabilities.all() else "zero_one_loss"
        return {loss_name: ("ratio", {"losses": predictions.losses, **words}),
                "uas": ("ratio", {"right_heads": compact(predictions.right_heads), **words}),
                "las": ("ratio", {"right": compact(predictions.right), **words})}

    def baselines(self, predictions: TreePredictions) -> Mapping[str, float]:
        """UAS of attaching each word to the word before it (the first to the root), or to the word after it (the last to the root)."""
        n_words, before, after = max(int(predictions.n_words.sum()), 1), 0, 0
        for gold in predictions.gold_heads:
            places = np.arange(len(gold))
            before += int((gold == places).sum())
            after += int((gold == np.where(places + 1 < len(gold), places + 2, 0)).sum())
        return {"the word before": before / n_words, "the word after": after / n_words}

    @property
    def baseline_metric(self) -> str:
        """The baselines predict no relations, so they are measured by UAS."""
        return "uas"

    def confusion(self, predictions: TreePredictions) -> Confusion:
        """Counts of words (n_relations, n_relations), gold in rows; heads are ignored."""
        gold, predicted = (np.concatenate([np.zeros(0, np.int64), *ids]) for ids in (predictions.gold_relations, predictions.relations))
        return Confusion.of(self.labels, gold, predicted)

    def describe(self, predictions: TreePredictions, place: int, full: bool = False) -> dict[str, Any]:
        """`HEAD:RELATION` of each word; with `full` also the words, the heads and the relations."""
        heads, names = predictions.heads[place].tolist(), [self.labels[each] for each in predictions.relations[place].tolist()]
        fields: dict[str, Any] = {"prediction": tree_text(heads, names)}
        if full:
            fields |= {"text": " ".join(predictions.words[place]), "head": " ".join(map(str, heads)), "deprel": " ".join(names)}
        return fields

    def shown(self, fields: Mapping[str, Any]) -> list[str]:
        """The tree, one word per line, and an empty line."""
        heads = [int(head) for head in fields["head"].split()]
        return [*drawn_tree(split_tokens(fields["text"]), heads, fields["deprel"].split()), ""]


def universal(relation: str) -> str:
    """The universal part of a relation, without its subtype: `nsubj` of `nsubj:pass`."""
    return relation.partition(":")[0]


def _sums(rows: Sequence[BoolArray]) -> IntArray:
    return np.array([int(row.sum()) for row in rows], dtype=np.int64)


def _best_trees(model: Any, batch: Batch, gold: Mapping[str, IntArray],
                n_words: IntArray) -> tuple[list[IntArray], list[IntArray], FloatArray]:
    """Heads and relations of the best trees, and losses (batch,) summed over words; an unknown relation has probability 0, clipped."""
    scores = model.outputs(**batch.inputs)
    arcs = scores["arcs"].astype(np.float64)
    is_word = np.arange(arcs.shape[1]) < n_words[:, None]
    heads = [best_tree(arcs[row, :length, : length + 1]) for row, length in enumerate(n_words.tolist())]
    padded_heads = np.zeros(is_word.shape, dtype=np.int64)
    padded_heads[is_word] = np.concatenate([np.zeros(0, np.int64), *heads])
    relations = model.relation_scores(scores, padded_heads, is_word).argmax(axis=1)
    gold_scores = model.relation_scores(scores, np.maximum(gold["heads"], 0), is_word).astype(np.float64)
    losses = np.zeros(is_word.shape)
    losses[is_word] = (metrics.log_losses(metrics.softmax(arcs[is_word]), gold["heads"][is_word])
                       + metrics.log_losses(metrics.softmax(gold_scores), gold["relations"][is_word]))
    return heads, np.split(relations, np.cumsum(n_words)[:-1]), losses.sum(axis=1)
