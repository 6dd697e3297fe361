"""Dependency parsing: the head of each word, and its relation to it. Numpy only; the loss of networks is in `losses.py`."""

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
    """heads, relations: (n_words,) of each sentence, predicted, and gold ones, -1 where they are not known. The rest are (rows,).

    words: those of each sentence; right_heads and right: words with the right head, and those whose relation is right too, as LAS counts
    it; losses: summed over a sentence's words.
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
    """The task: the head it needs, the loss, the predictions and the metrics."""

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
        """A score for each head, and one for each relation."""
        n_relations = stated(sizes.n_classes, "n_classes", "the output has one score for each relation")
        return Head("tree", n_relations, labels=labels, tree=TreeSizes(**config.biaffine.model_dump()))

    def objectives(self, model: Any) -> "list[Objective]":
        """What is minimised: the cross-entropy of heads and that of relations."""
        from .losses import Objective, TreeLoss

        return [Objective("", model, TreeLoss(model.output))]

    def predict(self, model: Any, batch: Batch) -> TreePredictions:
        """The best tree of each sentence, and the best relation of each word to its head in it."""
        n_words = np.array([len(each.words) for each in batch.gold], dtype=np.int64)
        gold = {name: batch.targets[name].filled(UNSEEN) for name in ("heads", "relations")}
        if model.scores_are == "trees":
            heads, relations = model.parse(**batch.inputs)
            losses = None
        else:
            heads, relations, losses = _by_scores(model, batch, gold, n_words)
        gold_heads, gold_relations = ([row[:length] for row, length in zip(ids, n_words, strict=True)] for ids in gold.values())
        right_heads = [mine == theirs for mine, theirs in zip(heads, gold_heads, strict=True)]
        right = [there & self._same(mine, tree.relations) for there, mine, tree in zip(right_heads, relations, batch.gold, strict=True)]
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

    def _same(self, relations: IntArray, gold: Sequence[str]) -> BoolArray:
        """Whether relations are the same before the colon, as the scorer of the CoNLL 2018 shared task compares them."""
        return np.array([universal(self.labels[mine]) == universal(theirs) for mine, theirs in zip(relations.tolist(), gold, strict=True)],
                        dtype=bool)

    def metrics(self, predictions: TreePredictions) -> dict[str, float]:
        """`loss` a word (log loss in nats of heads and relations; `zero_one_loss` where there are no probabilities); `uas`, the share of
        words with the right head, and `las`, with the right head and relation; punctuation counts, as in CoNLL 2018.
        """
        n_words = max(int(predictions.n_words.sum()), 1)
        figures = {"loss" if predictions.has_probabilities.all() else "zero_one_loss": predictions.losses,
                   "uas": predictions.right_heads, "las": predictions.right}
        return {name: float(of_rows.sum()) / n_words for name, of_rows in figures.items()}

    def metric_columns(self, predictions: TreePredictions) -> MetricColumns:
        """Of each sentence: its loss, its words, and those that have the right head, and the right relation too."""
        words = {"words": compact(predictions.n_words)}
        loss_name = "loss" if predictions.has_probabilities.all() else "zero_one_loss"
        return {loss_name: ("ratio", {"losses": predictions.losses, **words}),
                "uas": ("ratio", {"right_heads": compact(predictions.right_heads), **words}),
                "las": ("ratio", {"right": compact(predictions.right), **words})}

    def baselines(self, predictions: TreePredictions) -> Mapping[str, float]:
        """UAS where the head of each word is the word before it (the first is the root), or the word after it (the last is the root)."""
        n_words, before, after = max(int(predictions.n_words.sum()), 1), 0, 0
        for gold in predictions.gold_heads:
            places = np.arange(len(gold))
            before += int((gold == places).sum())
            after += int((gold == np.where(places + 1 < len(gold), places + 2, 0)).sum())
        return {"the word before": before / n_words, "the word after": after / n_words}

    @property
    def baseline_metric(self) -> str:
        """Without looking at the words nothing can be said of relations."""
        return "uas"

    def confusion(self, predictions: TreePredictions) -> Confusion:
        """Counts of words (n_relations, n_relations), gold in rows, whatever their heads."""
        gold, predicted = (np.concatenate([np.zeros(0, np.int64), *ids]) for ids in (predictions.gold_relations, predictions.relations))
        return Confusion.of(self.labels, gold, predicted)

    def describe(self, predictions: TreePredictions, place: int, full: bool = False) -> dict[str, Any]:
        """`HEAD:RELATION` of each word; in full also the words, the heads and the relations."""
        heads, names = predictions.heads[place].tolist(), [self.labels[each] for each in predictions.relations[place].tolist()]
        fields: dict[str, Any] = {"prediction": tree_text(heads, names)}
        if full:
            fields |= {"text": " ".join(predictions.words[place]), "head": " ".join(map(str, heads)), "deprel": " ".join(names)}
        return fields

    def shown(self, fields: Mapping[str, Any]) -> list[str]:
        """The tree, a word in each line, and an empty line."""
        heads = [int(head) for head in fields["head"].split()]
        return [*drawn_tree(split_tokens(fields["text"]), heads, fields["deprel"].split()), ""]


def universal(relation: str) -> str:
    """The part of a relation that all languages have: `nsubj` of `nsubj:pass`."""
    return relation.partition(":")[0]


def _sums(rows: Sequence[BoolArray]) -> IntArray:
    return np.array([int(row.sum()) for row in rows], dtype=np.int64)


def _by_scores(model: Any, batch: Batch, gold: Mapping[str, IntArray],
               n_words: IntArray) -> tuple[list[IntArray], list[IntArray], FloatArray]:
    """Heads and relations of the best trees, and (batch,) losses summed over words; an unknown relation has probability 0, clipped."""
    scores = model.outputs(**batch.inputs)
    arcs = scores["arcs"].astype(np.float64)
    real = np.arange(arcs.shape[1]) < n_words[:, None]
    heads = [best_tree(arcs[row, :length, : length + 1]) for row, length in enumerate(n_words.tolist())]
    chosen = np.zeros(real.shape, dtype=np.int64)
    chosen[real] = np.concatenate([np.zeros(0, np.int64), *heads])
    best = model.relation_scores(scores, chosen, real).argmax(axis=1)
    known = model.relation_scores(scores, np.maximum(gold["heads"], 0), real).astype(np.float64)
    losses = np.zeros(real.shape)
    losses[real] = (metrics.log_losses(metrics.softmax(arcs[real]), gold["heads"][real])
                    + metrics.log_losses(metrics.softmax(known), gold["relations"][real]))
    return heads, np.split(best, np.cumsum(n_words)[:-1]), losses.sum(axis=1)
