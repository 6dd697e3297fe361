"""Names of the classes that Hugging Face datasets store as integers, from the metadata of these datasets."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...errors import DataError

ClassNames = Mapping[str, Sequence[str]]
"""Column -> the name of each class, by its integer."""
NO_CLASS = -1
"""The label in test splits without published labels."""


def names_in_features(features: Any) -> dict[str, Sequence[str]]:
    """Class names from `features` as in JSON files and the metadata of Arrow and Parquet; empty if they have another structure."""
    by_column = {column: _names_in_feature(feature) for column, feature in features.items()} if isinstance(features, dict) else {}
    return {column: names for column, names in by_column.items() if names}


def _names_in_feature(feature: Any) -> list[str]:
    """Names of a class label, or of a list of them: `{"feature": {"names": [...], "_type": "ClassLabel"}, "_type": "List"}`."""
    if isinstance(feature, list) and len(feature) == 1:
        return _names_in_feature(feature[0])
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
        return [str(name) for name in feature["names"]]
    return _names_in_feature(feature.get("feature"))


def names_in_metadata(metadata: Mapping[bytes, bytes] | None) -> dict[str, Sequence[str]]:
    """Class names from the metadata of an Arrow schema."""
    try:
        described = json.loads((metadata or {}).get(b"huggingface", b"{}"))
        return names_in_features(described["info"]["features"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def described_with(metadata: Mapping[bytes, bytes] | None, fields: Sequence[Any]) -> dict[bytes, bytes]:
    """The metadata of an Arrow schema with more columns: if it describes the columns of a dataset, it has to describe all of them."""
    kept = dict(metadata or {})
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        described = json.loads(kept[b"huggingface"])
        for field in fields:
            described["info"]["features"][field.name] = {"dtype": {"double": "float64"}.get(str(field.type), str(field.type)),
                                                         "_type": "Value"}
        kept[b"huggingface"] = json.dumps(described).encode()
    return kept


def names_in_card(card: Any, config: str) -> dict[str, Sequence[str]]:
    """Class names from the `dataset_info` in a README's front matter; with several configurations, those of `config`."""
    described = card.get("dataset_info") if isinstance(card, dict) else None
    infos = [info for info in (described if isinstance(described, list) else [described]) if isinstance(info, dict)]
    chosen = next((info for info in infos if info.get("config_name") == config), infos[0] if len(infos) == 1 else {})
    features = chosen.get("features")
    columns = [column for column in features if isinstance(column, dict)] if isinstance(features, list) else []
    by_column = {str(column.get("name")): _names_in_card_column(column) for column in columns}
    return {column: names for column, names in by_column.items() if names}


def _names_in_card_column(column: Mapping[str, Any]) -> list[str]:
    """Names from `dtype: {class_label: {names: {'0': neg, '1': pos}}}`, or the same under `sequence` or `list`."""
    for key in ("dtype", "sequence", "list"):
        value = column.get(key)
        label = value.get("class_label") if isinstance(value, dict) else None
        names = label.get("names") if isinstance(label, dict) else None
        if isinstance(names, dict):
            return [str(names[number]) for number in sorted(names, key=lambda number: int(number) if str(number).isdecimal() else 0)]
        if isinstance(names, list):
            return [str(name) for name in names]
        if isinstance(value, dict) and (nested := _names_in_card_column(value)):
            return nested
    return []


def class_name(number: int, names: Sequence[str], where: str) -> str:
    """The name of a class; empty for `NO_CLASS`."""
    if number == NO_CLASS:
        return ""
    if not 0 <= number < len(names):
        raise DataError(f"{where} has the class {number}, and the dataset describes {len(names)} classes, 0 to {len(names) - 1}: "
                        f"{', '.join(names[:8])}{', ...' * (len(names) > 8)}. Correct the description, or the file.")
    return names[number]
