"""Ranking: which candidates answer a query. Numpy only; the losses of networks are in `losses.py`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from ...configs.schema.data import SizesData
from ...configs.schema.tasks.ranking import FIGURES, RankingConfig
from ...datasets.arrays import BoolArray, FloatArray, IntArray
from ...datasets.encoded.split import Batch, Encoding, Split
from ...datasets.encoded.texts.ranked_texts import Known, RankedTexts
from ...errors import ConfigError
from ...models.head import Head
from ..predictions import Predictions
from ..scoring.row_scores import MetricColumns, RowTexts, compact, ones
from ..task import Answer, Explain, PredictOptions, Task
from .ranks import Ranked, by_text, chance, figures_of, products, ranked

if TYPE_CHECKING:
    from torch import nn

    from ..losses import Objective

NEAREST = 5
"""Candidates that are named for each text where no number is given."""


@dataclass(frozen=True)
class EncodedQueries(Predictions):
    """Of each query its vector (1, d), those of its candidates (n, d), and what is known of them."""

    queries: list[Any]
    candidates: list[Any]
    known: list[Known]


@dataclass(frozen=True)
class Rankings(Predictions):
    """Of each query: the metrics (rows, n), the sum of its losses and how many right answers they are of, the rank of the first one, what a
    random order would give, and the best candidate with its score.
    """

    figures: FloatArray
    losses: FloatArray
    right: IntArray
    ranks: IntArray
    by_chance: FloatArray
    best: list[str]
    scores: FloatArray
    answers: list[frozenset[str]]


class Ranking(Task):
    """The task: vectors of queries and candidates, ranks by their dot products, and metrics of these."""

    predict_options = frozenset({"candidates", "top"})

    def __init__(self, config: RankingConfig, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        self.config, self.head = config, self.head_for(config, encoding.spec)

    @classmethod
    def prepare(cls, config: RankingConfig) -> RankedTexts:
        """Queries with their candidates."""
        return RankedTexts(config)

    @classmethod
    def head_for(cls, config: RankingConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Head:
        """A vector of each text."""
        return Head("ranking", 0)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """What is minimised: the loss of right answers against less relevant candidates."""
        from ..losses import Objective
        from .losses import RankingLoss

        return [Objective("", model, RankingLoss(self.config.loss, self.config.whole_batches))]

    def predict(self, model: Any, batch: Batch) -> EncodedQueries:
        """Vectors of the queries and their candidates."""
        vectors = model.outputs(**batch.inputs)
        queries = [vectors["queries"][place : place + 1] for place in range(len(batch))]
        return EncodedQueries(batch.rows, queries, [vectors["candidates"][known.places] for known in batch.gold], list(batch.gold))

    def completed(self, predictions: EncodedQueries) -> Rankings:
        """The ranks among all candidates of the rows, or where a relevance is given among those of each query."""
        found = list(self._ranked(predictions))
        best = [max(zip(known.relevance, known.candidates, strict=True))[0] for known in predictions.known]
        answers = [frozenset(text for text, relevance in zip(known.candidates, known.relevance, strict=True) if relevance == highest)
                   for known, highest in zip(predictions.known, best, strict=True)]
        expected = cache(chance)
        return Rankings(
            predictions.rows,
            figures=np.array([figures_of(each.ranks, each.relevance) for each in found]).reshape(-1, len(FIGURES)),
            losses=np.array([each.losses.sum() for each in found]),
            right=np.array([len(each.ranks) for each in found]),
            ranks=np.array([each.ranks.min() for each in found]),
            by_chance=np.array([expected(len(each.ranks), each.n_candidates) for each in found]),
            best=[each.best for each in found],
            scores=np.array([each.score for each in found]),
            answers=answers,
        )

    def _ranked(self, given: EncodedQueries) -> Iterator[Ranked]:
        if self.config.relevance is not None:
            for query, candidates, known in zip(given.queries, given.candidates, given.known, strict=True):
                yield from ranked(query, candidates, known.candidates, [known], self.config.loss)
            return
        texts = list(chain.from_iterable(known.candidates for known in given.known))
        first = list({text: place for place, text in reversed(list(enumerate(texts)))}.values())
        pool = _stacked(given.candidates)[first]
        yield from ranked(_stacked(given.queries), pool, [texts[place] for place in first], given.known, self.config.loss)

    def metrics(self, predictions: Rankings) -> dict[str, float]:
        """`loss` of the right answers; `mrr`, the mean reciprocal rank of the first right answer; `map`, the mean of average precision;
        up to rank k nDCG, and the share of right answers that are found.
        """
        loss = float(predictions.losses.sum() / max(predictions.right.sum(), 1))
        return {"loss": loss, **dict(zip(FIGURES, predictions.figures.mean(axis=0).tolist(), strict=True))}

    def metric_columns(self, predictions: Rankings) -> MetricColumns:
        """Of each query: its losses and right answers, and each metric."""
        rows = ones(len(predictions.rows))
        by_name = zip(FIGURES, predictions.figures.T, strict=True)
        figures: MetricColumns = {name: ("ratio", {f"sum_of_{name}": values, "rows": rows}) for name, values in by_name}
        return {"loss": ("ratio", {"losses": predictions.losses, "right": compact(predictions.right)}), **figures}

    def counted_rows(self, predictions: Rankings) -> Mapping[str, BoolArray]:
        """Recall, where each query has one right answer: it is found or not."""
        if (predictions.right > 1).any():
            return {}
        return {name: predictions.figures[:, place] == 1 for place, name in enumerate(FIGURES) if name.startswith("recall")}

    def baselines(self, predictions: Rankings) -> Mapping[str, float]:
        """What a random order gives."""
        return {"a random order": float(predictions.by_chance.mean())}

    def describe(self, predictions: Rankings, place: int, full: bool = False) -> dict[str, Any]:
        """The best candidate with its score, and the rank of the first right answer."""
        return {"prediction": predictions.best[place], "score": _rounded(predictions.scores[place]), "rank": int(predictions.ranks[place])}

    def row_texts(self, predictions: Rankings, split: Split) -> RowTexts:
        """Where several answers share the highest relevance, predicting any of them counts as predicting the first."""
        labels = [split.example(row)["label"] for row in predictions.rows.tolist()]
        found = zip(predictions.best, predictions.answers, labels, strict=True)
        predicted = [label if best in answers else best for best, answers, label in found]
        return super().row_texts(predictions, split)._replace(predicted=predicted)

    # Candidates that a user names

    def check_options(self, model: Any, options: PredictOptions) -> None:
        """There have to be candidates, each with a text."""
        if not options.candidates:
            raise ConfigError("A run of task.type ranking orders candidates by how well they answer a text, and "
                              f"{'none are given' if options.candidates is None else 'the list of them is empty'}. Name a file of them, as "
                              "in `nlp predict RUN TEXT --candidates FILE`, or in Python `predict(texts, candidates=[...])`.")
        empty = next((number for number, text in enumerate(options.candidates, 1) if not text.strip()), None)
        if empty is not None:
            raise ConfigError(f"Candidate {empty} of {len(options.candidates):,} is empty, so nothing can be compared with it. Remove it.")

    def answers(self, model: Any, encoding: Encoding, chunks: Iterable[Sequence[str]], options: PredictOptions,
                explain: Explain = lambda *_: None) -> Iterator[Answer]:
        """For each text the candidates with the highest scores; candidates are encoded once."""
        different = list(dict.fromkeys(options.candidates or ()))
        candidates = [different[place] for place in by_text(different).tolist()]
        vectors, most = self._vectors(model, encoding, candidates, second=True), options.top or NEAREST
        for texts in chunks:
            scores = products(self._vectors(model, encoding, texts), vectors)
            for text, row in zip(texts, scores, strict=True):
                best = np.argsort(-row, kind="stable")[:most]
                yield _answer(text, [(candidates[place], _rounded(row[place])) for place in best.tolist()])

    def _vectors(self, model: Any, encoding: Encoding, texts: Sequence[str], second: bool = False) -> Any:
        """(n, d), in the order of the texts."""
        split = self.preparation.unlabelled(texts, encoding)
        batches = split.evaluation_batches()
        found = _stacked([model.vectors(second=second, **split.batch(rows, model.config.inputs).inputs) for rows in batches])
        return found[np.argsort(np.concatenate(batches), kind="stable")]


def _answer(text: str, best: Sequence[tuple[str, float]]) -> Answer:
    fields = {"text": text, "prediction": best[0][0], "score": best[0][1],
              "candidates": [{"text": candidate, "score": score} for candidate, score in best]}
    return Answer(fields, [text, *(f"    {score:6.3f}  {candidate}" for candidate, score in best)])


def _rounded(score: float) -> float:
    return float(f"{score:.7g}")


def _stacked(parts: Sequence[Any]) -> Any:
    """Rows of several matrices, dense or sparse, as one."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    from scipy.sparse import vstack

    return vstack(parts, format="csr")
