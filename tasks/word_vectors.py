"""Word vectors, learned from words and their contexts. Numpy only; the loss is in `losses.py`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..configs.schema.data import SizesData
from ..configs.schema.tasks.word_vectors import WordVectorsConfig
from ..configs.schema.tokenizer import PAD, SPECIAL_TOKENS, UNK
from ..datasets.arrays import FloatArray, IntArray
from ..datasets.encoded.split import Batch, Encoding, Split
from ..datasets.encoded.texts.word_contexts import WordContexts, WordStream, spelling_of
from ..datasets.tokenizers.token_sequences import TokenSequences
from ..datasets.word_pairs import WordPairs, read_word_pairs
from ..errors import DataError
from ..models.head import Head
from .predictions import Predictions
from .scoring.correlation import spearman
from .scoring.figures import ratio
from .scoring.row_scores import MetricColumns, RowTexts, compact
from .task import MOST_POINTS, Answer, Explain, Points, PredictOptions, Task, stated, unanswered
from .word_expressions import parsed

if TYPE_CHECKING:
    from torch import nn

    from .losses import Objective

NEIGHBOURS = 10
"""Default number of neighbours to list for each word."""


@dataclass(frozen=True)
class ContextPredictions(Predictions):
    """Sums over the examples of each block, (rows,): nats, examples."""

    losses: FloatArray
    examples: IntArray
    similarities: FloatArray | None = None
    """In every row the rank correlation of the model's cosines with human judgements, if there are any."""


class Judged(NamedTuple):
    """Pairs of known words by id, their human similarity scores, and the number of pairs including those with an unknown word."""

    first: IntArray
    second: IntArray
    scores: FloatArray
    total: int


class WordVectors(Task):
    """The task: the loss of negative sampling, and the neighbours of words."""

    predict_options = frozenset({"n_best"})

    def __init__(self, config: WordVectorsConfig, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        self.config, self.head, self.tokenizer = config, self.head_for(config, encoding.spec), encoding.tokenizer
        self.judged = None if config.similarity is None else self._judged(read_word_pairs(Path(config.similarity)))

    @classmethod
    def prepare(cls, config: WordVectorsConfig) -> WordContexts:
        """Running text as words and their contexts."""
        return WordContexts(config)

    @classmethod
    def head_for(cls, config: WordVectorsConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Head:
        """An output vector for each word of the vocabulary, which scores it in a context."""
        return Head("vocabulary", stated(sizes.vocab_size, "vocab_size", "there is a vector for each word"), bias=False)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """The loss of distinguishing context words from randomly sampled ones."""
        from .losses import NegativeSamplingLoss, Objective

        return [Objective("", model, NegativeSamplingLoss("words", self.config.negatives))]

    def predict(self, model: Any, batch: Batch) -> ContextPredictions:
        """The loss of each block."""
        scores, mask = model.outputs(**batch.inputs), batch.targets["words"].mask
        examples, weight = mask.sum(axis=2), self.config.negatives / self.config.shared_negatives
        positive = (np.logaddexp(0, -scores["words"].astype(np.float64)) * mask).sum(axis=(1, 2))
        negative = np.logaddexp(0, scores["negatives"].astype(np.float64)).sum(axis=2)
        similarities = None if self.judged is None else np.full(len(batch), self._similarity(model, self.judged))
        losses = positive + weight * (negative * examples).sum(axis=1)
        return ContextPredictions(batch.rows, losses, examples.sum(axis=1), similarities)

    def metrics(self, predictions: ContextPredictions) -> dict[str, float]:
        """`loss` in nats per example, with its `negatives`: a pair of words for `skip_gram`, a word with its window for `cbow`.
        `similarity`: Spearman's rank correlation.
        """
        similarity = {} if predictions.similarities is None else {"similarity": float(predictions.similarities[0])}
        return {"loss": float(ratio(np.array([predictions.losses.sum(), predictions.examples.sum()]))), **similarity}

    @property
    def key_metrics(self) -> tuple[str, ...]:
        """The loss, and `similarity` if there are human judgements."""
        return self.config.metrics

    def correlated_pairs(self) -> Mapping[str, int]:
        """The number of judged pairs whose words are both known."""
        return {} if self.judged is None else {"similarity": len(self.judged.scores)}

    def signatures(self) -> Mapping[str, str]:
        """The number of judged pairs that the correlation is over."""
        if self.judged is None:
            return {}
        used, total = len(self.judged.scores), self.judged.total
        return {"similarity": f"Spearman's rho over {used:,} of {total:,} pairs of {Path(self.config.similarity or '').name}; "
                              f"{total - used:,} skipped because of an unknown word"}

    def _judged(self, pairs: WordPairs) -> "Judged":
        """The pairs by word id, without those that have an unknown word. Raises DataError if fewer than two remain."""
        first, second = (self._ids(words) for words in (pairs.first, pairs.second))
        known = (first != UNK) & (second != UNK)
        if known.sum() < 2:
            raise DataError(f"{self.config.similarity}: {known.sum()} of its {len(known):,} pairs have both words in the vocabulary, but a "
                            "rank correlation needs two. Check that its language is that of the text, and tokenizer.lowercase.")
        return Judged(first[known], second[known], pairs.scores[known], len(known))

    def _ids(self, words: Sequence[str]) -> IntArray:
        """(words,): the id of each, [UNK] for anything but a single known word."""
        assert self.tokenizer is not None
        encoded = self.tokenizer.encode(words)
        ids = encoded.ids[encoded.offsets[:-1]]
        return np.where((encoded.lengths == 1) & (ids >= len(SPECIAL_TOKENS)), ids, UNK)

    def _similarity(self, model: Any, judged: "Judged") -> float:
        ids, places = np.unique(np.concatenate([judged.first, judged.second]), return_inverse=True)
        assert self.tokenizer is not None
        vectors = _scaled(model.word_vectors(ids, spelling_of(self.tokenizer.tokens(ids))))
        first, second = np.split(vectors[places], 2)
        return spearman((first * second).sum(axis=1), judged.scores)

    def metric_columns(self, predictions: ContextPredictions) -> MetricColumns:
        """For each block: nats and examples."""
        return {"loss": ("ratio", {"losses": predictions.losses.astype(np.float64), "examples": compact(predictions.examples)})}

    def row_texts(self, predictions: ContextPredictions, split: Split) -> RowTexts:
        """The words of each block."""
        assert isinstance(split, WordStream) and isinstance(self.tokenizer, TokenSequences)
        texts = [self.tokenizer.decode(split.block(row).tolist()) for row in predictions.rows.tolist()]
        return RowTexts(texts, texts, [""] * len(texts))

    @property
    def baseline_metric(self) -> str:
        """The loss, since not every run has `similarity`."""
        return "loss"

    def baselines(self, predictions: ContextPredictions) -> Mapping[str, float]:
        """The loss if every score is 0, so that each word has probability 1/2."""
        return {"all scores 0": (1 + self.config.negatives) * log(2)}

    def describe(self, predictions: ContextPredictions, place: int, full: bool = False) -> dict[str, Any]:
        """The mean loss of a block."""
        return {"prediction": f"{predictions.losses[place] / max(predictions.examples[place], 1):.4f} nats per example"}

    # Neighbours

    def answers(self, model: Any, encoding: Encoding, chunks: Iterable[Sequence[str]], options: PredictOptions,
                explain: Explain = lambda *_: None) -> Iterator[Answer]:
        """The words whose vectors have the highest cosine with a word's vector, or with a sum such as `king - man + woman`."""
        table = None
        for text in chain.from_iterable(chunks):
            table = _scaled(self.vectors(model)) if table is None else table
            yield self._nearest(model, table, text, options.n_best or NEIGHBOURS)

    @property
    def words(self) -> list[str]:
        """All words of the vocabulary, in the order of their ids."""
        assert self.tokenizer is not None
        return self.tokenizer.tokens(range(len(SPECIAL_TOKENS), self.tokenizer.vocab_size))

    def vectors(self, model: Any) -> FloatArray:
        """(words, size): the vector of each word."""
        ids = np.arange(len(SPECIAL_TOKENS), len(SPECIAL_TOKENS) + len(self.words))
        return model.word_vectors(ids, spelling_of(self.words))

    def vectors_of(self, model: Any, words: Sequence[str]) -> FloatArray:
        """(n, size): the vectors of words; for unknown words that of their n-grams if the model has n-grams, else zeros."""
        assert isinstance(self.tokenizer, TokenSequences)
        ids, lowercase = self._ids(words), self.tokenizer.config.lowercase
        spelled = spelling_of([word.lower() if lowercase else word for word in words])
        values = model.word_vectors(np.where(ids == UNK, PAD, ids), spelled)
        return values if model.config.ngrams is not None else np.where((ids == UNK)[:, None], np.float32(0), values)

    def points(self, model: Any, split: Split) -> Points:
        """The vectors of the most frequent words."""
        return Points("words", self.vectors(model)[:MOST_POINTS], {"word": self.words[:MOST_POINTS]})

    def _nearest(self, model: Any, table: FloatArray, text: str, most: int) -> Answer:
        terms = parsed(text)
        if isinstance(terms, str):
            return unanswered(text, terms)
        total, query_ids = np.zeros(table.shape[1]), []
        for sign, word in terms:
            vector, number = self._vector(model, word)
            if vector is None:
                return unanswered(text, self._unknown(word))
            total, query_ids = total + sign * _scaled(vector), [*query_ids, *([] if number is None else [number])]
        cosines = table @ _scaled(total)
        cosines[query_ids] = -np.inf  # exclude the query's own words
        best = np.argsort(-cosines, kind="stable")[: min(most, len(cosines) - len(set(query_ids)))]
        neighbours = [(self.words[place], float(cosines[place])) for place in best.tolist()]
        fields = {"text": text, "prediction": neighbours[0][0] if neighbours else None,
                  "neighbours": [{"word": word, "cosine": round(cosine, 6)} for word, cosine in neighbours]}
        return Answer(fields, [text, *(f"    {cosine:6.3f}  {word}" for word, cosine in neighbours)])

    def _vector(self, model: Any, word: str) -> tuple[FloatArray | None, int | None]:
        """The vector of a word and its row in the table; for an unknown word that of its n-grams if the model has n-grams."""
        (number,), (vector,) = self._ids([word]), self.vectors_of(model, [word])
        return (vector, int(number) - len(SPECIAL_TOKENS) if number != UNK else None) if vector.any() else (None, None)

    def _unknown(self, word: str) -> str:
        from difflib import get_close_matches

        similar = get_close_matches(word, self.words, n=3, cutoff=0.7)
        suggestion = f"; words with a similar spelling: {', '.join(similar)}" if similar else ""
        return f"the word {word!r} is not in the vocabulary of this run{suggestion}"


def _scaled(vectors: FloatArray) -> FloatArray:
    """(..., size), normalised to length 1; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
