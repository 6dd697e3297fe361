"""Similarity of predicted texts to references, as sums over rows: BLEU, chrF and TER by sacrebleu, and edit rates."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np

from ...datasets.arrays import BoolArray, FloatArray
from .figures import FIGURES, Kind
from .row_scores import MetricColumns, compact


class TextScores(Protocol):
    """Corpus metrics from sums over rows, so that any subset of the rows can be scored without reading its texts again."""

    def sums(self, predicted: Sequence[str], references: Sequence[Sequence[str]]) -> FloatArray:
        """(rows, n_sums), each row by itself; `references` holds at least one text per row."""
        ...

    def figures(self, totals: FloatArray) -> dict[str, float]:
        """(n_sums,) totals over rows -> metrics by name"""
        ...

    def columns(self, sums: FloatArray) -> MetricColumns:
        """(rows, n_sums) -> for each metric its kind and its columns"""
        ...

    def counted_rows(self, sums: FloatArray) -> Mapping[str, BoolArray]:
        """(rows, n_sums) -> for each metric that is a share of rows, which rows count"""
        ...

    def signatures(self) -> Mapping[str, str]:
        """The exact settings, for metrics that have a signature."""
        ...


class TranslationScores:
    """BLEU (Papineni et al. 2002), cased and lowercased, chrF (Popovic 2015) and TER (Snover et al. 2006), each from 0 to 100.

    All on raw text by sacrebleu (Post 2018), with its default settings and signatures.
    """

    def __init__(self) -> None:
        self.sizes: list[int] = []  # number of sums per metric

    @cached_property
    def scorers(self) -> Mapping[str, Any]:
        """sacrebleu's metrics by name; the library is loaded when the first text is scored."""
        from sacrebleu.metrics import BLEU, CHRF, TER

        return {"bleu": BLEU(force=True), "bleu_lowercase": BLEU(lowercase=True, force=True), "chrf": CHRF(), "ter": TER()}

    # Every sacrebleu metric defines the two private methods used here; its own bootstrap sums the same statistics.

    def sums(self, predicted: Sequence[str], references: Sequence[Sequence[str]]) -> FloatArray:
        """(rows, n_sums): n-gram matches, edits and lengths of each row; needs at least one row."""
        most = max(map(len, references))
        by_place = [[row[place] if place < len(row) else None for row in references] for place in range(most)]
        parts = [np.array(scorer._extract_corpus_statistics(predicted, by_place), dtype=np.float64) for scorer in self.scorers.values()]
        self.sizes = [part.shape[1] for part in parts]
        return np.concatenate(parts, axis=1)

    def figures(self, totals: FloatArray) -> dict[str, float]:
        """The score of each metric, from 0 to 100; TER can exceed 100, and lower is better."""
        figures, start = {}, 0
        for (name, scorer), size in zip(self.scorers.items(), self.sizes, strict=True):
            figures[name] = float(scorer._compute_score_from_stats(_numbers(totals[start : start + size])).score)
            start += size
        return figures

    def columns(self, sums: FloatArray) -> MetricColumns:
        """sacrebleu's statistics of each row, one column (rows, n) per score."""
        kinds: tuple[Kind, ...] = ("bleu", "bleu_lowercase", "chrf", "ter")
        parts = np.split(sums, np.cumsum([FIGURES[kind].n_columns for kind in kinds])[:-1], axis=1)
        return {kind: (kind, {kind: compact(part)}) for kind, part in zip(kinds, parts, strict=True)}

    def counted_rows(self, sums: FloatArray) -> Mapping[str, BoolArray]:
        """No metric is a share of rows."""
        return {}

    def signatures(self) -> Mapping[str, str]:
        """sacrebleu's signature of each metric."""
        return {name: str(scorer.get_signature()) for name, scorer in self.scorers.items() if hasattr(scorer, "num_refs")}


class EditScores:
    """Edits (insertions, deletions, substitutions) to the nearest reference over that reference's length (Levenshtein 1966).

    Units are characters, or phonemes separated by spaces; with phonemes also the word error rate, the share of rows with any edit.
    """

    def __init__(self, unit: Literal["character", "phoneme"]) -> None:
        self.unit = unit

    def sums(self, predicted: Sequence[str], references: Sequence[Sequence[str]]) -> FloatArray:
        """(rows, 4): edits, length of the reference, whether there is an edit, 1."""
        nearest = [min((edit_distance(self._units(text), parts), len(parts)) for parts in map(self._units, right))
                   for text, right in zip(predicted, references, strict=True)]
        return np.array([(edits, length, edits > 0, 1) for edits, length in nearest], dtype=np.float64).reshape(-1, 4)

    def figures(self, totals: FloatArray) -> dict[str, float]:
        """Error rates; 0 is best."""
        edits, length, wrong, rows = totals.tolist()
        rate = {f"{self.unit}_error_rate": edits / max(length, 1)}
        return rate | {"word_error_rate": wrong / max(rows, 1)} if self.unit == "phoneme" else rate

    def columns(self, sums: FloatArray) -> MetricColumns:
        """Edits and lengths; for the word error rate, whether there is an edit, and ones that count rows."""
        edits, length, wrong, rows = map(compact, sums.T)
        rate: MetricColumns = {f"{self.unit}_error_rate": ("ratio", {"edits": edits, "length": length})}
        words: MetricColumns = {"word_error_rate": ("share", {"wrong": wrong, "rows": rows})}
        return {**rate, **words} if self.unit == "phoneme" else rate

    def counted_rows(self, sums: FloatArray) -> Mapping[str, BoolArray]:
        """The word error rate is the share of rows with an edit."""
        return {"word_error_rate": sums[:, 2] > 0} if self.unit == "phoneme" else {}

    def signatures(self) -> Mapping[str, str]:
        """None: the names are unambiguous."""
        return {}

    def _units(self, text: str) -> Sequence[str]:
        return text.split() if self.unit == "phoneme" else text


class NoScores:
    """No scores, for tasks with many more right texts than references."""

    def sums(self, predicted: Sequence[str], references: Sequence[Sequence[str]]) -> FloatArray:
        """(rows, 0)"""
        return np.zeros((len(predicted), 0))

    def figures(self, totals: FloatArray) -> dict[str, float]:
        """None."""
        return {}

    def columns(self, sums: FloatArray) -> MetricColumns:
        """None."""
        return {}

    def counted_rows(self, sums: FloatArray) -> Mapping[str, BoolArray]:
        """None."""
        return {}

    def signatures(self) -> Mapping[str, str]:
        """None."""
        return {}


def edit_distance(a: Sequence[str], b: Sequence[str]) -> int:
    """The minimum number of insertions, deletions and substitutions that turn `a` into `b` (Wagner and Fischer 1974)."""
    row = list(range(len(b) + 1))
    for count, unit in enumerate(a, start=1):
        diagonal, row[0] = row[0], count
        for place, other in enumerate(b, start=1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (unit != other))
    return row[-1]


def _numbers(values: FloatArray) -> list[float]:
    """Whole numbers as integers, as sacrebleu counts them."""
    return [int(value) if value == int(value) else value for value in values.tolist()]
