"""Ranking candidates by how well they answer a query. Numpy only; the losses of networks are in `losses.py`."""

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
"""Default number of candidates listed for each text."""


@dataclass(frozen=True)
class EncodedQueries(Predictions):
    """For each query its vector (1, d), the vectors of its candidates (n, d), and their judgements."""

    queries: list[Any]
    candidates: list[Any]
    known: list[Known]


@dataclass(frozen=True)
class Rankings(Predictions):
    """For each query: the metrics (rows, n), the sum of its losses, the number of right answers, the rank of the first one, the expected
    reciprocal rank of a random order, the top candidate with its score, and the texts of the highest relevance.
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
    """The task: vectors of queries and candidates, ranks by dot product, and ranking metrics."""

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
        """An output with one vector per text."""
        return Head("ranking", 0)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """The loss of right answers against less relevant candidates."""
        from ..losses import Objective
        from .losses import RankingLoss

        return [Objective("", model, RankingLoss(self.config.loss, self.config.whole_batches))]

    def predict(self, model: Any, batch: Batch) -> EncodedQueries:
        """Vectors of the queries and their candidates."""
        vectors = model.outputs(**batch.inputs)
        queries = [vectors["queries"][place : place + 1] for place in range(len(batch))]
        return EncodedQueries(batch.rows, queries, [vectors["candidates"][known.places] for known in batch.gold], list(batch.gold))

    def completed(self, predictions: EncodedQueries) -> Rankings:
        """Ranks among all candidates of the rows, or, with `task.relevance`, among the candidates of each query."""
        rankings = list(self._ranked(predictions))
        most_relevant = [max(known.relevance) for known in predictions.known]
        answers = [frozenset(text for text, relevance in zip(known.candidates, known.relevance, strict=True) if relevance == highest)
                   for known, highest in zip(predictions.known, most_relevant, strict=True)]
        expected = cache(chance)
        return Rankings(
            predictions.rows,
            figures=np.array([figures_of(each.ranks, each.relevance) for each in rankings]).reshape(-1, len(FIGURES)),
            losses=np.array([each.losses.sum() for each in rankings]),
            right=np.array([len(each.ranks) for each in rankings]),
            ranks=np.array([each.ranks.min() for each in rankings]),
            by_chance=np.array([expected(len(each.ranks), each.n_candidates) for each in rankings]),
            best=[each.best for each in rankings],
            scores=np.array([each.score for each in rankings]),
            answers=answers,
        )

    def _ranked(self, encoded: EncodedQueries) -> Iterator[Ranked]:
        if self.config.relevance is not None:
            for query, candidates, known in zip(encoded.queries, encoded.candidates, encoded.known, strict=True):
                yield from ranked(query, candidates, known.candidates, [known], self.config.loss)
            return
        texts = list(chain.from_iterable(known.candidates for known in encoded.known))
        first = list({text: place for place, text in reversed(list(enumerate(texts)))}.values())
        pool = _stacked(encoded.candidates)[first]
        yield from ranked(_stacked(encoded.queries), pool, [texts[place] for place in first], encoded.known, self.config.loss)

    def metrics(self, predictions: Rankings) -> dict[str, float]:
        """`loss` per right answer; `mrr`, the mean reciprocal rank of the first right answer; `map`, mean average precision; `ndcg@k`;
        and `recall@k`, the share of right answers within rank k.
        """
        loss = float(predictions.losses.sum() / max(predictions.right.sum(), 1))
        return {"loss": loss, **dict(zip(FIGURES, predictions.figures.mean(axis=0).tolist(), strict=True))}

    def metric_columns(self, predictions: Rankings) -> MetricColumns:
        """For each query its losses, its number of right answers, and each metric."""
        rows = ones(len(predictions.rows))
        by_name = zip(FIGURES, predictions.figures.T, strict=True)
        figures: MetricColumns = {name: ("ratio", {f"sum_of_{name}": values, "rows": rows}) for name, values in by_name}
        return {"loss": ("ratio", {"losses": predictions.losses, "right": compact(predictions.right)}), **figures}

    def counted_rows(self, predictions: Rankings) -> Mapping[str, BoolArray]:
        """Recall, if each query has one right answer, which is found or not."""
        if (predictions.right > 1).any():
            return {}
        return {name: predictions.figures[:, place] == 1 for place, name in enumerate(FIGURES) if name.startswith("recall")}

    def baselines(self, predictions: Rankings) -> Mapping[str, float]:
        """The MRR of a random order."""
        return {"a random order": float(predictions.by_chance.mean())}

    def describe(self, predictions: Rankings, place: int, full: bool = False) -> dict[str, Any]:
        """The top candidate with its score, and the rank of the first right answer."""
        return {"prediction": predictions.best[place], "score": _rounded(predictions.scores[place]), "rank": int(predictions.ranks[place])}

    def row_texts(self, predictions: Rankings, split: Split) -> RowTexts:
        """If several answers share the highest relevance, predicting any of them counts as predicting the label."""
        labels = [split.example(row)["label"] for row in predictions.rows.tolist()]
        rows = zip(predictions.best, predictions.answers, labels, strict=True)
        predicted = [label if best in answers else best for best, answers, label in rows]
        return super().row_texts(predictions, split)._replace(predicted=predicted)

    # Candidates given by the user

    def check_options(self, model: Any, options: PredictOptions) -> None:
        """Raises ConfigError without candidates, or for an empty one."""
        if not options.candidates:
            raise ConfigError("A run of task.type ranking orders candidates by how well they answer a text, and "
                              f"{'none are given' if options.candidates is None else 'their list is empty'}. Give a file of candidates, as "
                              "in `nlp predict RUN TEXT --candidates FILE`, or in Python `predict(texts, candidates=[...])`.")
        empty = next((number for number, text in enumerate(options.candidates, 1) if not text.strip()), None)
        if empty is not None:
            raise ConfigError(f"Candidate {empty} of {len(options.candidates):,} is empty, so nothing can be compared with it. Remove it.")

    def answers(self, model: Any, encoding: Encoding, chunks: Iterable[Sequence[str]], options: PredictOptions,
                explain: Explain = lambda *_: None) -> Iterator[Answer]:
        """The candidates with the highest scores for each text; candidates are encoded once."""
        distinct = list(dict.fromkeys(options.candidates or ()))
        candidates = [distinct[place] for place in by_text(distinct).tolist()]
        vectors, most = self._vectors(model, encoding, candidates, second=True), options.top or NEAREST
        for texts in chunks:
            scores = products(self._vectors(model, encoding, texts), vectors)
            for text, row in zip(texts, scores, strict=True):
                best = np.argsort(-row, kind="stable")[:most]
                yield _answer(text, [(candidates[place], _rounded(row[place])) for place in best.tolist()])

    def _vectors(self, model: Any, encoding: Encoding, texts: Sequence[str], second: bool = False) -> Any:
        """(n, d): the vectors, in the order of the texts."""
        split = self.preparation.unlabelled(texts, encoding)
        batches = split.evaluation_batches()
        vectors = _stacked([model.vectors(second=second, **split.batch(rows, model.config.inputs).inputs) for rows in batches])
        return vectors[np.argsort(np.concatenate(batches), kind="stable")]


def _answer(text: str, best: Sequence[tuple[str, float]]) -> Answer:
    fields = {"text": text, "prediction": best[0][0], "score": best[0][1],
              "candidates": [{"text": candidate, "score": score} for candidate, score in best]}
    return Answer(fields, [text, *(f"    {score:6.3f}  {candidate}" for candidate, score in best)])


def _rounded(score: float) -> float:
    return float(f"{score:.7g}")


def _stacked(parts: Sequence[Any]) -> Any:
    """Several matrices, all dense or all sparse, with their rows concatenated."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    from scipy.sparse import vstack

    return vstack(parts, format="csr")
