"""Predictions of systems that this package did not train, so that runs can be compared with them.

A file is CSV, TSV or JSONL, also gzipped (.gz), with one row for each text of the test set, in any order, and the columns

    text            what the system read; or, without it, `key` or `id`, a unique name of the row
    gold            or `label`: the gold answer
    prediction      or `predicted`: the system's answer
    loss            if known: its loss in nats; or `gold_probability`: the probability that it gave the gold answer

Rows are matched by their text, as those of runs are, so a file with texts compares with runs and with other such files. A file
without texts compares only with files that have the same keys. `probability` is not read: it may belong to the prediction, as in the
files of runs.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ...datasets.arrays import FloatArray
from ...datasets.files import read_content
from ...datasets.formats.file_format import Form
from ...datasets.formats.table_reader import read_table
from ...datasets.tables import Table
from ...errors import DataError
from ...tasks.scoring.metrics import CLIP
from ...tasks.scoring.row_scores import Keys, MetricRows, RowScores, compact, hashes, keys_of, ones
from ...training.folder.row_scores_file import read_row_scores
from ...training.folder.run_directory import SHOWN_CHARACTERS

TEXT, KEY, GOLD, PREDICTION = ("text",), ("key", "id"), ("gold", "label"), ("prediction", "predicted")
OF_A_RUN = {"row", "text", "label", "prediction"}


def read_predictions(path: Path) -> RowScores:
    """Read a file of predictions of another system (see above) or of a run. Raises DataError with file and line, or RunError."""
    if path.suffix == ".safetensors" or (path.suffix == ".jsonl" and path.with_suffix(".safetensors").is_file()):
        return read_row_scores(path.with_suffix(".safetensors"))
    form = Form(_format(path))
    table = read_table(read_content(path), str(path), form)
    gold, predicted = _answers(table, GOLD), _answers(table, PREDICTION)
    keys = _keys(table)
    labels = tuple(sorted({*gold, *predicted}))
    return RowScores("classification", "accuracy", labels, keys, hashes(gold), hashes(predicted), _metrics(table, gold, predicted, labels))


def _format(path: Path) -> Literal["csv", "tsv", "jsonl"]:
    match Path(path.name.removesuffix(".gz")).suffix.lower():
        case ".csv":
            return "csv"
        case ".tsv":
            return "tsv"
        case ".jsonl":
            return "jsonl"
    raise DataError(f"{path} is not a file of predictions: its name must end in .csv, .tsv or .jsonl, with or without .gz.")


def _metrics(table: Table, gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> dict[str, MetricRows]:
    numbers, rows = {label: number for number, label in enumerate(labels)}, ones(len(table))
    ids = [compact([numbers[label] for label in column]) for column in (gold, predicted)]
    metrics = {
        "accuracy": MetricRows("share", {"right": compact(np.equal(*ids)), "rows": rows}, n_labels=len(labels)),
        "f1": MetricRows("macro_f1", {"gold": ids[0], "predicted": ids[1]}, n_labels=len(labels)),
    }
    if (losses := _losses(table)) is not None:
        metrics["loss"] = MetricRows("ratio", {"losses": losses, "rows": rows}, lower_is_better=True, n_labels=len(labels))
    return metrics


def _keys(table: Table) -> Keys:
    """The keys of rows: their texts, or in a file without texts their names, which must be unique."""
    if (column := _find(table, TEXT)) is not None:
        cut = next((row for row, text in enumerate(table.columns[column]) if len(text) >= SHOWN_CHARACTERS), None)
        if table.columns.keys() >= OF_A_RUN and cut is not None:
            raise DataError(f"{table.where(cut)}: a run keeps only the start of each text in this file, so its rows cannot be matched. "
                            f"Keep {Path(table.source).stem}.safetensors of the run beside it; `nlp eval RUN` writes both.")
        return keys_of(table.columns[column])
    names = table.columns[_column(table, KEY, "`text`, or without texts `key` or `id`")]
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        if (other := first.setdefault(name, row)) != row:
            raise DataError(f"{table.where(row)} has the same key {name!r} as {table.where(other)}. Give each row a unique key.")
    return hashes(f"key\0{name}" for name in names)


def _answers(table: Table, names: Sequence[str]) -> list[str]:
    column = _column(table, names, " or ".join(f"`{name}`" for name in names))
    answers = [answer.strip() for answer in table.columns[column]]
    if "" in answers:
        raise DataError(f"{table.where(answers.index(''))} has an empty cell in column `{column}`. Fill it in, or remove the row from all "
                        "files that are compared.")
    return answers


def _losses(table: Table) -> FloatArray | None:
    """(rows,): losses in nats; None if the file has none."""
    if "loss" in table.columns:
        return np.array([_number(table, "loss", row, math.inf) for row in range(len(table))])
    if "gold_probability" in table.columns:
        shares = np.array([_number(table, "gold_probability", row, 1) for row in range(len(table))])
        return -np.log(np.maximum(shares, CLIP))
    return None


def _number(table: Table, column: str, row: int, largest: float) -> float:
    cell = table.columns[column][row]
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not (0 <= number <= largest and math.isfinite(number)):
        end = f"from 0 to {largest}" if largest < math.inf else "that is 0 or more"
        raise DataError(f"{table.where(row)} has {cell[:50]!r} in column `{column}`, which should be a number {end}.")
    return number


def _find(table: Table, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _column(table: Table, names: Sequence[str], called: str) -> str:
    """The name of a column that the file must have."""
    if (column := _find(table, names)) is None:
        present = ", ".join(f"`{name}`" for name in table.columns)
        remedy = ("Put commas between its fields, as .csv needs; a file with tabs is .tsv." if _is_one_column_of_several(table)
                  else "Rename its columns.")
        raise DataError(f"{table.source} has no column {called}; it has {present}. A file of predictions needs `text` (or `key`), `gold` "
                        f"and `prediction`. {remedy}")
    return column


def _is_one_column_of_several(table: Table) -> bool:
    """Whether the fields are separated by another delimiter than the format's, as in CSV files of many spreadsheets."""
    heads = list(table.columns)
    return len(heads) == 1 and any(sign in heads[0] for sign in ";\t,|")
