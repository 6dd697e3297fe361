"""Parquet files, Excel workbooks and datasets as Hugging Face publishes and saves them, written for tests."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

CARD = """---
language: [en]
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': neg
          '1': pos
  splits:
  - name: train
---
# Reviews
"""


def parquet(columns: Mapping[str, Any], features: Mapping[str, Any] | None = None) -> bytes:
    table = _described(pa.table(dict(columns)), features)
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


def _described(table: pa.Table, features: Mapping[str, Any] | None) -> pa.Table:
    """As the package `datasets` describes the columns of what it writes."""
    if features is None:
        return table
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def xlsx(*sheets: Sequence[Sequence[Any]]) -> bytes:
    """A sheet for each list of rows."""
    workbook, written = openpyxl.Workbook(), io.BytesIO()
    workbook.remove(workbook.active)
    for number, rows in enumerate(sheets, start=1):
        sheet = workbook.create_sheet(f"Sheet{number}")
        for row in rows:
            sheet.append(list(row))
    workbook.save(written)
    return written.getvalue()


def write_hub(folder: Path, splits: Mapping[str, Sequence[tuple[str, int]]], card: str = CARD) -> None:
    """A clone of a dataset from the Hub: a Parquet file for each split, and classes whose names are in the README."""
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text(card, encoding="utf-8")
    for split, rows in splits.items():
        content = parquet({"text": [text for text, _ in rows], "label": [label for _, label in rows]})
        (folder / "data" / f"{split}-00000-of-00001.parquet").write_bytes(content)


def write_saved(folder: Path, splits: Mapping[str, Mapping[str, Any]], features: Mapping[str, Any]) -> None:
    """What `DatasetDict.save_to_disk` writes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}), encoding="utf-8")
    for split, columns in splits.items():
        (folder / split).mkdir()
        (folder / split / "dataset_info.json").write_text(json.dumps({"features": features}), encoding="utf-8")
        state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": split}
        (folder / split / "state.json").write_text(json.dumps(state), encoding="utf-8")
        table = _described(pa.table(dict(columns)), features)
        with pa.ipc.new_stream(str(folder / split / "data-00000-of-00001.arrow"), table.schema) as stream:
            stream.write_table(table)
