"""Statistics of each rule on a split: how often it fired, and for the right class; its decisions; which rules contradict it.

As in Snorkel's `LFAnalysis` (Ratner et al. 2017): coverage, conflicts and accuracy of each source of votes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..configs.schema.models.rules import RulesConfig
from .model_report import ModelReport

FIRES, DECIDES = 1, 2
"""Values of a trace (texts, n_voters): the rule fires; it fires and decides the class. Negative if it is negated, 0 if it does not
fire."""
SHOWN_CHARACTERS = 32
"""Characters of a rule's condition that the table shows."""
COLUMNS = ("rule", "class", "condition", "texts", "coverage", "precision", "decided", "right", "conflicts", "most with")
DISPENSABLE = ("condition", "most with", "coverage")

Entry = Mapping[str, Any]


class _Side(NamedTuple):
    """One way to vote: by a rule, by a negated rule, or by the lexicon for one class. `classes` (n_classes + 1,) marks the classes that
    get the vote; the last entry is for classes unseen in training.
    """

    voter: int
    rule: int | str
    negated: bool
    label: str
    condition: Any
    classes: npt.NDArray[np.bool_]


def rule_report(config: RulesConfig, labels: Sequence[str], trace: npt.NDArray[np.int8], gold: npt.NDArray[np.integer[Any]]) -> ModelReport:
    """Counts from a trace and the gold classes (texts,), -1 for a class that is not in `labels`."""
    sides = [side for side in _sides(config, labels) if not side.negated or (trace[:, side.voter] < 0).any()]
    default = _default(config, np.abs(trace).max(axis=1, initial=0) < DECIDES, gold == labels.index(config.default))
    entries = [*_entries(sides, trace, gold), default]
    shown = sorted((entry for entry in entries if entry["texts"] != 0),
                   key=lambda entry: (entry["right"] - entry["decided"], -(entry["texts"] or 0)))
    rows = [_row(entry) for entry in shown]
    return ModelReport("rules", "rules, most mistakes first", COLUMNS, rows, entries, DISPENSABLE, _silent(entries))


def _sides(config: RulesConfig, labels: Sequence[str]) -> list[_Side]:
    """The sides of each rule, plain and negated, then those of the lexicon."""
    voters: list[tuple[int | str, str, Any]] = [(number, rule.label, rule.condition) for number, rule in enumerate(config.rules, start=1)]
    if (lexicon := config.lexicon) is not None:
        voters += [("lexicon", lexicon.positive, lexicon.file), ("lexicon", lexicon.negative, lexicon.file)]
    return [_side(voter, *about, negated, labels) for voter, about in enumerate(voters) for negated in (False, True)]


def _side(voter: int, rule: int | str, label: str, condition: Any, negated: bool, labels: Sequence[str]) -> _Side:
    """One side; a vote against one of two classes is a vote for the other."""
    classes = [(name == label) != negated for name in labels]
    named = [name for name, is_for in zip(labels, classes, strict=True) if is_for]
    return _Side(voter, rule, negated, named[0] if len(named) == 1 else f"not {label}", condition, np.array([*classes, False]))


def _entries(sides: Sequence[_Side], trace: npt.NDArray[np.int8], gold: npt.NDArray[np.integer[Any]]) -> list[Entry]:
    signs, voters = np.array([-1 if side.negated else 1 for side in sides], dtype=np.int8), [side.voter for side in sides]
    acts = trace[:, voters] * signs
    fires, decides = acts >= FIRES, acts >= DECIDES
    classes = np.array([side.classes for side in sides]).reshape(len(sides), -1)
    right = classes[:, gold].T
    votes, opposed = fires.astype(np.float32), _contradictions(classes)  # floats, since only their matrix products are fast
    together, conflicts = votes.T @ votes * opposed, fires & (votes @ opposed > 0)
    counts = np.array([flags.sum(axis=0) for flags in (fires, fires & right, decides, decides & right, conflicts)]).T.tolist()
    return [_entry(side, len(trace), numbers, _rival(sides, row)) for side, numbers, row in zip(sides, counts, together, strict=True)]


def _contradictions(classes: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """(sides, sides): 1 where the two sides have no class in common."""
    return (classes.astype(np.float32) @ classes.T == 0).astype(np.float32)


def _rival(sides: Sequence[_Side], texts: npt.NDArray[np.float32]) -> Entry | None:
    """The side that contradicts this one most often, given the number of such texts for each side (sides,)."""
    most = int(texts.argmax())
    return {**_name(sides[most]), "texts": int(texts[most])} if texts[most] else None


def _name(side: _Side) -> dict[str, Any]:
    return {"rule": side.rule, **({"negated": True} if side.negated else {}), "label": side.label}


def _entry(side: _Side, n_texts: int, counts: Sequence[int], rival: Entry | None) -> Entry:
    texts, of_class, decided, right, conflicts = counts
    return {**_name(side), "condition": side.condition, "texts": texts, "coverage": texts / n_texts if n_texts else None,
            "of_class": of_class, "precision": of_class / texts if texts else None, "decided": decided, "right": right,
            "conflicts": conflicts, "most_with": rival}


def _default(config: RulesConfig, undecided: npt.NDArray[np.bool_], of_class: npt.NDArray[np.bool_]) -> Entry:
    """The entry of the default: texts that no rule decided, and those among them that have the default class."""
    return {"rule": "default", "label": config.default, "texts": None, "decided": int(undecided.sum()),
            "right": int((undecided & of_class).sum())}


def _row(entry: Entry) -> list[str]:
    if entry["texts"] is None:
        return ["default", entry["label"], "no rule decides", "-", "-", "-", f"{entry['decided']:,}", f"{entry['right']:,}", "-", ""]
    condition, rival = entry["condition"], entry["most_with"]
    words = condition if isinstance(condition, str) else ", ".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
                                                                   for part in condition)
    shown = words if len(words) <= SHOWN_CHARACTERS else f"{words[:SHOWN_CHARACTERS]} ..."
    return [_called(entry), entry["label"], shown, f"{entry['texts']:,}", f"{entry['coverage']:.2%}", f"{entry['precision']:.2%}",
            *(f"{entry[name]:,}" for name in ("decided", "right", "conflicts")), f"{_called(rival)} ({rival['texts']:,})" if rival else ""]


def _called(entry: Entry) -> str:
    side = " negated" if entry.get("negated") else f" for {entry['label']}" if entry["rule"] == "lexicon" else ""
    return f"{entry['rule']}{side}"


def _silent(entries: Sequence[Entry]) -> list[str]:
    """A sentence that names the rules that never fire, neither plain nor negated."""
    fired = {_called(entry) for entry in entries if entry["texts"] != 0}
    silent = [entry for entry in entries if entry["texts"] == 0 and f"{entry['rule']} negated" not in fired]
    names = ", ".join(_called(entry) if entry["rule"] == "lexicon" else f"{entry['rule']} ({entry['label']})" for entry in silent)
    return [f"Rules that never fire: {names}."] if silent else []
