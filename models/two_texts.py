"""The inputs of a model that reads two texts, each by itself."""

from collections.abc import Mapping
from typing import Any

OTHER = "other_"
"""What the names of the second text's inputs begin with."""


def apart(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs of the first text and those of the second, each by the names that one text has."""
    others = {name.removeprefix(OTHER): value for name, value in inputs.items() if name.startswith(OTHER)}
    return {name: value for name, value in inputs.items() if not name.startswith(OTHER)}, others
