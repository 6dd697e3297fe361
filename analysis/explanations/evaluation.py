"""The report of `nlp eval --explanations`: the faithfulness of each method on some rows of a split."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...datasets.build import read_split
from ...errors import DataError
from ...training.folder.files import write_json
from ...training.open_run import OpenedRun
from .explanation import Explanation
from .faithfulness import PERCENTAGES, RANDOM_DRAWS, Drops, Measure, drops_of_orders, random_orders, ranked
from .leave_one_out import class_scores
from .methods import chosen, explanations_of, methods_of
from .words import words_of

FILE = "explanations.json"


@dataclass(frozen=True)
class Faithfulness:
    """The results of one method: both measures, and the median completeness error of gradients."""

    method: str
    comprehensiveness: Measure
    sufficiency: Measure
    completeness_error: float | None

    def to_json(self) -> dict[str, Any]:
        """The JSON output."""
        return {"method": self.method, "comprehensiveness": self.comprehensiveness.to_json(), "sufficiency": self.sufficiency.to_json(),
                "completeness_error": self.completeness_error}


@dataclass(frozen=True)
class FaithfulnessReport:
    """The methods of one run on the same texts. Rows with fewer than two words, or with tokens that cannot be traced, are left out.

    `not_measured`: methods whose tokens cannot be traced to the words of any text.
    """

    split: str
    rows: int
    left_out: int
    scores: str
    methods: Sequence[Faithfulness]
    not_measured: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """The JSON output, which is also the content of `explanations.json`."""
        return {"split": self.split, "rows": self.rows, "left_out": self.left_out, "scores": self.scores,
                "percentages": list(PERCENTAGES), "random_draws": RANDOM_DRAWS, "methods": [each.to_json() for each in self.methods],
                "not_measured": list(self.not_measured)}


def checked_methods(run: OpenedRun, names: str) -> list[str]:
    """The methods of a comma-separated list; `all` means those that fit. Raises ConfigError for a method that does not fit."""
    requested = [name.strip() for name in names.split(",")]
    return list(dict.fromkeys(method for name in requested for method in ((name == "all" and methods_of(run)) or (chosen(run, name),))))


def faithfulness_of_run(run: OpenedRun, methods: Sequence[str], split_name: str | None, n_rows: int) -> FaithfulnessReport:
    """Measure methods on rows that are spread evenly over a split, and write `explanations.json` into the run's folder."""
    split, _ = read_split(run.recipe.data, run.task.preparation, run.encoding, split_name, run.hashes)
    rows = np.unique(np.linspace(0, len(split) - 1, min(n_rows, len(split))).round().astype(int)).tolist()
    texts = {row: text for row in rows if len(words_of(text := split.example(row)["text"])) > 1}
    explanations = {row: dict(zip(methods, explanations_of(run, methods, text), strict=True)) for row, text in texts.items()}
    usable = [method for method in methods if any(each[method].by_word is not None for each in explanations.values())]
    measured = [result for row, text in texts.items()
                if usable and (result := _measured(run, [explanations[row][method] for method in usable], text, row)) is not None]
    if not measured:
        raise DataError(f"None of {len(rows):,} {split.name} texts of {run.directory.address} can be measured: they have fewer than "
                        "two words, or their tokens cannot be traced to words; leave_one_out needs no tokens.")
    scores = "margins" if run.model.scores_are == "margins" else "probabilities"
    summaries = [_summary(method, index, measured) for index, method in enumerate(usable)]
    not_measured = [method for method in methods if method not in usable]
    report = FaithfulnessReport(split.name, len(measured), len(rows) - len(measured), scores, summaries, not_measured)
    write_json(run.directory.folder / FILE, report.to_json())
    return report


@dataclass(frozen=True)
class _Row:
    """The drops of each method and of random words, and the completeness errors."""

    drops: list[Drops]
    random: Drops
    errors: list[float | None]


def _measured(run: OpenedRun, explanations: Sequence[Explanation], text: str, row: int) -> _Row | None:
    by_word = [each.by_word for each in explanations if each.by_word is not None]
    if len(by_word) < len(explanations):
        return None
    orders = [*map(ranked, by_word), *random_orders(len(words_of(text)), row)]
    drops = drops_of_orders(partial(class_scores, run), text, orders)
    random = Drops(*np.mean(drops[len(by_word) :], axis=0).tolist())
    return _Row(drops[: len(by_word)], random, [each.completeness_error for each in explanations])


def _summary(method: str, index: int, rows: Sequence[_Row]) -> Faithfulness:
    measures = [Measure.of(np.array([row.drops[index][kind] for row in rows]), np.array([row.random[kind] for row in rows]))
                for kind in range(len(Drops._fields))]
    errors = [error for row in rows if (error := row.errors[index]) is not None]
    return Faithfulness(method, measures[0], measures[1], float(np.median(errors)) if errors else None)
