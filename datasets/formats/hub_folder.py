"""Datasets in folders as downloaded from the Hugging Face Hub or written by `save_to_disk`. Their scripts are never run."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ...errors import DataError
from ..files import read_content, sha256
from ..tables import Table
from .arrow import read_arrow, read_parquet
from .class_names import ClassNames, class_name, names_in_card, names_in_features
from .file_format import Form
from .table_reader import read_table

SPLITS = {"train": ("train",), "validation": ("validation", "valid", "dev", "val"), "test": ("test",)}
"""The names that each split may have."""
_ENDINGS = (".parquet", ".arrow", ".csv", ".tsv", ".jsonl", ".json")
"""In order of preference if a split exists in several formats."""
_SAVED = "state.json"
_CARD = re.compile(r"---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)", re.DOTALL)
_OF = re.compile(r"-of-(\d{5})\b")


def read_hub_split(path: str, form: Form, wanted: Sequence[str]) -> tuple[Table, Mapping[str, str]]:
    """The split FOLDER/SPLIT of a dataset, from all of its files in order; and the SHA-256 of each."""
    split = Path(path).expanduser()
    files = split_files(split)
    if not files:
        raise DataError(f"There is no split `{split.name}` in {split.parent}: {_HOW_NAMED}{_present(split.parent)}")
    names, contents = _class_names(split), [read_content(file) for file in files]
    tables = [_read(content, file, form, wanted, names) for content, file in zip(contents, files, strict=True)]
    hashes = {str(file): sha256(content) for content, file in zip(contents, files, strict=True)}
    if len(tables) == 1:
        return tables[0], hashes
    _refuse_other_columns(tables)
    return Table({name: [text for table in tables for text in table.columns[name]] for name in tables[0].columns}, path), hashes


_HOW_NAMED = ("its files have the split in their names, such as data/train-00000-of-00001.parquet, train.csv or train/state.json, and end "
              f"in {', '.join(_ENDINGS)}, also with .gz.")


def split_files(split: Path) -> list[Path]:
    """The files of FOLDER/SPLIT: in the folder, in its subfolder `data`, or in a subfolder named after the split; empty without such a
    split.

    Raises DataError if one of them is missing.
    """
    if (split / _SAVED).is_file():
        return _saved_files(split)
    files = next((matching for folder in (split.parent, split.parent / "data") if (matching := _matching(folder, split.name))), [])
    _refuse_gaps(files)
    return files


def _matching(folder: Path, split: str) -> list[Path]:
    """The data files in the subfolder named after the split, or those of the folder with the split in their name."""
    name = re.compile(rf"(?<![a-z0-9]){re.escape(split.lower())}(?![a-z])")
    inner = _data_files(folder / split)
    files = inner or [file for file in _data_files(folder) if name.search(file.name.lower())]
    best = min((_ENDINGS.index(_ending(file)) for file in files), default=0)
    return [file for file in files if _ending(file) == _ENDINGS[best]]


def _data_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if _ending(file) in _ENDINGS and file.is_file()) if folder.is_dir() else []


def _ending(file: Path) -> str:
    return Path(file.name.removesuffix(".gz")).suffix.lower()


def _refuse_gaps(files: Sequence[Path]) -> None:
    """Raise DataError if files such as train-00000-of-00003 are incomplete."""
    counts = {int(match[1]) for file in files if (match := _OF.search(file.name))}
    if len(counts) == 1 and counts != {len(files)}:
        raise DataError(f"{files[0]} is one of {counts.pop()} files, and only {len(files)} are here. Download the dataset again.")


def _saved_files(split: Path) -> list[Path]:
    """The files that `state.json` lists, always in its own folder, whichever folders it names."""
    listed = _json(split / _SAVED).get("_data_files")
    names = [Path(str(entry.get("filename"))).name for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if not names:
        raise DataError(f"{split / _SAVED} lists no files under `_data_files`. Write the dataset again with `save_to_disk`.")
    return [split / name for name in names]


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_content(file))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is not valid JSON: {error}. Download or write the dataset again.") from None
    return content if isinstance(content, dict) else {}


def _class_names(split: Path) -> ClassNames:
    """Class names from `dataset_info.json` next to the data, or from the front matter of the dataset's README."""
    if (split / "dataset_info.json").is_file():
        return names_in_features(_json(split / "dataset_info.json").get("features"))
    readme = next((folder / "README.md" for folder in (split.parent, split.parent.parent) if (folder / "README.md").is_file()), None)
    front = None if readme is None else _CARD.match(read_content(readme).decode("utf-8-sig", "replace"))
    try:
        return names_in_card(yaml.safe_load(front[1]), split.parent.name) if front else {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).replace("\n", " ")
        raise DataError(f"The front matter of {readme}, which describes the columns, is not valid YAML: {reason}. Correct it, or remove "
                        "it.") from None


def _read(content: bytes, file: Path, form: Form, wanted: Sequence[str], names: ClassNames) -> Table:
    match _ending(file):
        case ".parquet":
            return read_parquet(content, str(file), form, wanted, names)
        case ".arrow":
            return read_arrow(content, str(file), form, wanted, names)
        case ".csv" | ".tsv" as ending:
            kind = "csv" if ending == ".csv" else "tsv"
        case ending:
            kind = "jsonl" if ending == ".jsonl" or content.lstrip().startswith(b"{") else "json"  # the Hub's .json files are often JSONL
    return _named(read_table(content, str(file), replace(form, format=kind), wanted), form, names)


def _named(table: Table, form: Form, names: ClassNames) -> Table:
    """The table with class ids replaced by class names; columns that already hold the names stay."""
    columns = dict(table.columns)
    for column, texts in table.columns.items():
        known = names.get(str(form.columns.get(column, column)), ())
        if known and not set(texts) <= {*known, ""}:
            columns[column] = [class_name(int(text), known, f"{table.where(row)}: `{column}`") if re.fullmatch(r"-?\d+", text) else text
                               for row, text in enumerate(texts)]
    return Table(columns, table.source, table.lines)


def _refuse_other_columns(tables: Sequence[Table]) -> None:
    first = tables[0]
    if (other := next((table for table in tables if set(table.columns) != set(first.columns)), None)) is not None:
        raise DataError(f"{other.source} has the columns {', '.join(other.columns)}, and {first.source} has {', '.join(first.columns)}. "
                        "The files of a split need the same columns.")


def _present(folder: Path) -> str:
    """The content of the folder instead, as the end of a message."""
    if not folder.is_dir():
        return f" There is no folder {folder}."
    if (script := next(iter(sorted(folder.glob("*.py"))), None)) is not None:
        return f" {script.name} is a script that would load the data, and is not run. {_INSTEAD}"
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return f" The folder holds: {', '.join(names[:8])}{', ...' * (len(names) > 8)}."


_INSTEAD = ("Get the dataset as Parquet files: from the branch refs/convert/parquet of its page, or with `save_to_disk` of the package "
            "`datasets`.")


def find_dataset_folder(folder: Path) -> Path | None:
    """The folder with a dataset's splits: this one, or its only subfolder with splits. None if there is no such dataset.

    Raises DataError if there are several, or if only a script could load the data.
    """
    if _has_train(folder):
        return folder
    inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".") and _has_train(entry)]
    if len(inner) > 1:
        raise DataError(f"{folder} holds several datasets: {', '.join(dataset.name for dataset in inner)}. Name one, such as {inner[0]}.")
    if not inner and any(folder.glob("*.py")) and not any(entry.is_dir() for entry in folder.glob("[!.]*")):
        raise DataError(f"{folder} holds no data:{_present(folder)}")
    return inner[0] if inner else None


def _has_train(folder: Path) -> bool:
    return (folder / _SAVED).is_file() or bool(split_files(folder / "train"))


def find_splits(folder: Path) -> dict[str, Path]:
    """Split -> FOLDER/SPLIT of each split that exists. A single table written by `save_to_disk` is the training split."""
    if (folder / _SAVED).is_file():
        return {"train": folder}
    candidates = ((split, folder / name) for split, names in SPLITS.items() for name in names)
    splits: dict[str, Path] = {}
    for split, path in candidates:
        if split not in splits and split_files(path):
            splits[split] = path
    return splits
