"""The names of classes that Hugging Face's datasets store as integers, from where these datasets describe their columns."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...errors import DataError

ClassNames = Mapping[str, Sequence[str]]
"""Column -> the name of each class, by its integer."""
NO_CLASS = -1
"""What test splits without answers have."""


def names_in_features(features: Any) -> dict[str, Sequence[str]]:
    """Of `features` as JSON files and the metadata of Arrow and Parquet have them; nothing where they are of another form."""
    found = {column: _of_feature(feature) for column, feature in features.items()} if isinstance(features, dict) else {}
    return {column: names for column, names in found.items() if names}


def _of_feature(feature: Any) -> list[str]:
    """A class label, or a list of them: `{"feature": {"names": [...], "_type": "ClassLabel"}, "_type": "List"}`."""
    if isinstance(feature, list) and len(feature) == 1:
        return _of_feature(feature[0])
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
        return [str(name) for name in feature["names"]]
    return _of_feature(feature.get("feature"))


def names_in_metadata(metadata: Mapping[bytes, bytes] | None) -> dict[str, Sequence[str]]:
    """Of the metadata of an Arrow schema."""
    try:
        described = json.loads((metadata or {}).get(b"huggingface", b"{}"))
        return names_in_features(described["info"]["features"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def described_with(metadata: Mapping[bytes, bytes] | None, fields: Sequence[Any]) -> dict[bytes, bytes]:
    """The metadata of an Arrow schema with more columns: where they describe the columns of a dataset, they have to describe them all."""
    kept = dict(metadata or {})
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        described = json.loads(kept[b"huggingface"])
        for field in fields:
            described["info"]["features"][field.name] = {"dtype": {"double": "float64"}.get(str(field.type), str(field.type)),
                                                         "_type": "Value"}
        kept[b"huggingface"] = json.dumps(described).encode()
    return kept


def names_in_card(card: Any, config: str) -> dict[str, Sequence[str]]:
    """Of the `dataset_info` in a README's front matter: of the named configuration where there are several."""
    described = card.get("dataset_info") if isinstance(card, dict) else None
    infos = [each for each in (described if isinstance(described, list) else [described]) if isinstance(each, dict)]
    chosen = next((each for each in infos if each.get("config_name") == config), infos[0] if len(infos) == 1 else {})
    columns = chosen.get("features")
    found = {str(each.get("name")): _of_card(each) for each in columns if isinstance(each, dict)} if isinstance(columns, list) else {}
    return {column: names for column, names in found.items() if names}


def _of_card(column: Mapping[str, Any]) -> list[str]:
    """`dtype: {class_label: {names: {'0': neg, '1': pos}}}`, or the same under `sequence` or `list`."""
    for key in ("dtype", "sequence", "list"):
        held = column.get(key)
        label = held.get("class_label") if isinstance(held, dict) else None
        names = label.get("names") if isinstance(label, dict) else None
        if isinstance(names, dict):
            return [str(names[number]) for number in sorted(names, key=lambda number: int(number) if str(number).isdecimal() else 0)]
        if isinstance(names, list):
            return [str(name) for name in names]
        if isinstance(held, dict) and (deeper := _of_card(held)):
            return deeper
    return []


def class_name(number: int, names: Sequence[str], where: str) -> str:
    """The name of a class; an empty text for none."""
    if number == NO_CLASS:
        return ""
    if not 0 <= number < len(names):
        raise DataError(f"{where} has the class {number}, and the dataset describes {len(names)} classes, 0 to {len(names) - 1}: "
                        f"{', '.join(names[:8])}{', ...' * (len(names) > 8)}. Correct the description, or the file.")
    return names[number]
