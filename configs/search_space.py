"""The search space of a recipe with open values: ranges and choices, validated with their locations; loads neither torch nor Optuna."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ConfigError
from .catalog import find_recipe
from .load import checked, error_of, findings_of
from .schema.recipe import Recipe
from .yaml.error_report import Finding
from .yaml.inheritance import resolve
from .yaml.locations import Located, shown
from .yaml.marks import Path, find_marks, with_value
from .yaml.writer import inline

Number = int | float
RANGE_KEYS = ("from", "to", "step", "log")
MOST_CORNERS = 1_000
"""With more corners, only those of each pair of values are checked; hardly any constraint involves three values."""
CLOSED = {
    "data": "trials are compared on the same data",
    "seeds": "a seed is not a setting; trials use the first of the recipe's seeds, and the chosen setting is trained with all of them",
    "training.best_metric": "trials are compared by one metric",
    "model.rules_file": "name one file",
    "model.vectors": "name one file or run",
    "tokenizer.analysis.meaning.clusters.vectors": "name one file or run",
    "score_test": "the test split is scored only for the chosen setting",
    "description": "write one line",
}
"""Keys that cannot be left open, and why."""


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included; only whole numbers if both are whole."""

    low: Number
    high: Number
    step: Number | None = None
    log: bool = False

    @property
    def is_whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def corners(self) -> tuple[Number, ...]:
        return self.low, self.high


@dataclass(frozen=True)
class Choices:
    """A list of values, by their text as YAML; they may also be lists and sections."""

    options: Mapping[str, Located]

    @property
    def corners(self) -> tuple[str, ...]:
        return tuple(self.options)


@dataclass(frozen=True)
class Mark:
    """An open value: its key, its location and its possible values."""

    path: Path
    node: Located
    values: Range | Choices

    @property
    def name(self) -> str:
        return ".".join(map(str, self.path))

    def filled(self, value: Number | str) -> Located:
        """One of its values at its location; a choice is given by its text."""
        if isinstance(self.values, Choices):
            return replace(self.values.options[str(value)], key=self.node.key)
        return replace(self.node, value=value)


@dataclass(frozen=True)
class SearchSpace:
    """A recipe with open values. A setting maps the name of each open key to a value."""

    name: str
    document: Located
    marks: Sequence[Mark]

    def recipe(self, setting: Mapping[str, Number | str], **changes: Any) -> Recipe:
        """The recipe of one setting. Raises ConfigError if it is invalid."""
        return checked(self._document(setting), self.name).model_copy(update=changes)

    def corners(self) -> Iterator[dict[str, Number | str]]:
        """All settings that combine the ends of ranges and the values of choices."""
        values = [mark.values.corners for mark in self.marks]
        if math.prod(map(len, values)) <= MOST_CORNERS:
            yield from (dict(zip(self._names, corner, strict=True)) for corner in itertools.product(*values))
            return
        first = dict(zip(self._names, (each[0] for each in values), strict=True))
        for one, other in itertools.combinations(self.marks, 2):
            for pair in itertools.product(one.values.corners, other.values.corners):
                yield first | {one.name: pair[0], other.name: pair[1]}

    def plain(self) -> dict[str, Any]:
        """The recipe as written, with its ranges and choices, without its description."""
        return {key: value for key, value in self.document.plain().items() if key != "description"}

    @property
    def _names(self) -> list[str]:
        return [mark.name for mark in self.marks]

    def _document(self, setting: Mapping[str, Number | str]) -> Located:
        document = self.document
        for mark in self.marks:
            document = with_value(document, mark.path, mark.filled(setting[mark.name]))
        return document

    def wrong_corners(self) -> list[Finding]:
        """Errors of the recipes at the corners, one per key."""
        by_path: dict[Path, Finding] = {}
        for corner in self.corners():
            for each in findings_of(self._document(corner)):
                by_path.setdefault(each.path, each if each.path in [mark.path for mark in self.marks] else _where(each, corner))
        return list(by_path.values())


def _where(finding: Finding, corner: Mapping[str, Number | str]) -> Finding:
    """The finding with the setting that causes it added to its message."""
    setting = ", ".join(f"{name} is {value}" for name, value in corner.items())
    return finding._replace(message=f"{finding.message.removesuffix('.')} (where {setting})")


def load_space(name_or_path: str, overrides: Sequence[str] = ()) -> SearchSpace | None:
    """The search space of a recipe; None if it has no open values.

    Raises ConfigError, which lists all errors in the open values, or in the recipes at the corners.
    """
    document, name = resolve(name_or_path, overrides), shown(find_recipe(name_or_path))
    parsed = [_parse(path, node) for path, node in find_marks(document)]
    errors = [each for each in parsed if isinstance(each, Finding)]
    space = SearchSpace(name, document, [each for each in parsed if isinstance(each, Mark)])
    if errors := errors or (space.wrong_corners() if parsed else []):
        raise error_of(errors, name)
    return space if parsed else None


def sweep_space(name_or_path: str, overrides: Sequence[str] = ()) -> SearchSpace:
    """The search space of a recipe. Raises ConfigError if it has no open values."""
    space = load_space(name_or_path, overrides)
    if space is None:
        raise ConfigError(f"{shown(find_recipe(name_or_path))} leaves no value open, so there is nothing to search for. Write a range or "
                          "choices in place of a value, such as `learning_rate: {from: 1e-4, to: 1e-2, log: true}` or "
                          "`--set 'model.hidden_size={choices: [64, 128]}'`.")
    return space


class _WrongMark(Exception):
    def __init__(self, at: Located, message: str) -> None:
        self.at, self.message = at, message


def _parse(path: Path, node: Located) -> Mark | Finding:
    """The mark at a path, or the error in it."""
    try:
        _refuse_closed(path, node)
        is_choices = "choices" in node.mapping
        _refuse_unknown_keys(node, *(("choices", ["choices"]) if is_choices else ("a range", RANGE_KEYS)))
        return Mark(path, node, _choices(node.mapping["choices"]) if is_choices else _range(node, node.mapping))
    except _WrongMark as wrong:
        return Finding(wrong.at.place, path, wrong.message)


def _refuse_closed(path: Path, node: Located) -> None:
    name = ".".join(map(str, path))
    for closed, why in CLOSED.items():
        if f"{name}.".startswith(f"{closed}."):
            raise _WrongMark(node, f"cannot be left open: {why}")


def _refuse_unknown_keys(node: Located, kind: str, keys: Sequence[str]) -> None:
    for key, item in node.mapping.items():
        if key not in keys:
            at = replace(item, place=item.key or item.place)
            raise _WrongMark(at, f"unknown key {key!r} of {kind}; valid keys: {', '.join(keys)}")


def _choices(node: Located) -> Choices:
    if not isinstance(node.value, list) or not node.value:
        raise _WrongMark(node, "choices must be a list of at least one value, such as `{choices: [relu, gelu]}`")
    options: dict[str, Located] = {}
    for item in node.value:
        text = inline(item.plain())
        if next(find_marks(Located([item], item.place)), None):
            raise _WrongMark(item, "a choice cannot be left open itself; list its values as choices")
        if text in options:
            raise _WrongMark(item, f"choices lists {text} twice")
        options[text] = item
    return Choices(options)


def _range(node: Located, entries: Mapping[str, Located]) -> Range:
    for key in ("from", "to"):
        if key not in entries:
            raise _WrongMark(node, f"a range needs `{key}`, as in `{{from: 1, to: 4}}`")
    low, high = _number("from", entries["from"]), _number("to", entries["to"])
    step = _number("step", entries["step"]) if "step" in entries else None
    log = entries["log"].value if "log" in entries else False
    if not isinstance(log, bool):
        raise _WrongMark(entries["log"], f"log must be true or false, not {inline(entries['log'].plain())}")
    values = Range(low, high, step, log)
    _refuse_wrong_ends(values, entries)
    if step is not None:
        _refuse_wrong_step(values, step, entries["step"])
    return values


def _number(key: str, node: Located) -> Number:
    if isinstance(node.value, bool) or not isinstance(node.value, Number):
        raise _WrongMark(node, f"{key} must be a number, not {inline(node.plain())}")
    return node.value


def _refuse_wrong_ends(values: Range, entries: Mapping[str, Located]) -> None:
    if values.low >= values.high:
        raise _WrongMark(entries["from"], f"from must be less than to, and {values.low:g} is not less than {values.high:g}")
    if values.log and values.low <= 0:
        raise _WrongMark(entries["from"], f"from must be greater than 0 if log is true, not {values.low:g}")


def _refuse_wrong_step(values: Range, step: Number, at: Located) -> None:
    if values.log:
        raise _WrongMark(at, "step and log cannot be combined; leave one of them out, or list the values as choices")
    if step <= 0 or (values.is_whole and not isinstance(step, int)):
        raise _WrongMark(at, f"step must be a {'whole ' if values.is_whole else ''}number above 0, not {step:g}")
    last = values.low + math.floor((values.high - values.low) / step + 1e-9) * step
    if not math.isclose(last, values.high):
        raise _WrongMark(at, f"steps of {step:g} from {values.low:g} lead to {last:g} and {last + step:g}, not to {values.high:g}; "
                             "change `to` or `step`")
