"""The inputs of models that encode two texts separately."""

from collections.abc import Mapping
from typing import Any

OTHER = "other_"
"""Prefix of the second text's input names."""


def apart(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs of the first and of the second text, both under the names for a single text."""
    others = {name.removeprefix(OTHER): value for name, value in inputs.items() if name.startswith(OTHER)}
    return {name: value for name, value in inputs.items() if not name.startswith(OTHER)}, others
