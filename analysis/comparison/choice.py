"""Select the runs that the user names, and group them into methods."""

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from ...configs.catalog import is_pattern
from ...configs.schema.model import differs_by_seed
from ...configs.schema.recipe import Recipe
from ...errors import RunError
from ...training.folder.files import REMEDY
from ...training.folder.run_directory import RunDirectory, find_runs, list_runs, runs_in, runs_root


class Candidate(NamedTuple):
    """A run with its recipe (without seeds, description and score_test, which do not define the method), its seed, and its test fold
    (0 without folds).

    `others`: the runs of the same seed on the other folds; their rows and its own form one test set.
    """

    run: RunDirectory
    recipe: Mapping[str, Any]
    seed: int
    fold: int = 0
    others: tuple[RunDirectory, ...] = ()

    @property
    def key(self) -> str:
        """Equal for runs of one method."""
        return json.dumps(self.recipe, sort_keys=True, default=str)

    @property
    def runs(self) -> tuple[RunDirectory, ...]:
        """The runs of all folds."""
        return self.run, *self.others

    @property
    def task(self) -> str:
        """What it predicts, such as `classification`."""
        task = self.recipe.get("task")
        return str(task.get("type")) if isinstance(task, Mapping) else ""


@dataclass(frozen=True)
class Group:
    """Finished runs of one method, one for each seed, or one for each seed and fold."""

    recipe: Mapping[str, Any]
    runs: Sequence[Candidate]

    @property
    def has_chance(self) -> bool:
        """Whether the model depends on the seed."""
        return differs_by_seed(self.recipe["model"])

    @property
    def latest(self) -> RunDirectory:
        """The run that started last."""
        return self.latest_test.run

    @property
    def latest_test(self) -> Candidate:
        """The latest run with its other folds."""
        return max(self.runs, key=lambda each: _age(each.run))


@dataclass(frozen=True)
class Choice:
    """The selected methods, and notices about the selection."""

    groups: list[Group] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def choose(texts: Sequence[str], split: str) -> Choice:
    """The methods that paths, addresses, recipes and patterns name.

    Raises RunError if one of them names no run that can be compared; runs that are left out are in the notices.
    """
    chosen, runs = Choice(), dict[Path, Candidate]()
    for text in texts:
        for candidate in _usable(text, split, chosen.notices):
            if candidate.run.folder in runs:
                chosen.notices.append(f"{candidate.run.address} is named twice and counts once.")
            runs[candidate.run.folder] = candidate
    chosen.groups.extend(_one_per_seed(part, chosen.notices) for part in _by_method(runs.values()))
    return chosen


def _usable(text: str, split: str, notices: list[str]) -> list[Candidate]:
    """The runs of one argument that can be compared. The others are named in one notice; raises RunError if there are only those."""
    matched = _matched(text)
    usable, reasons = [], dict[str, list[str]]()
    for each in matched:
        if (reason := _reason(each.run, split)) is None:
            usable.append(each)
        else:
            reasons.setdefault(reason, []).append(each.run.address)
    if is_pattern(text):
        usable, others = _of_most_recipes(usable)
        for each in others:
            reasons.setdefault(f"another task, {each.task}", []).append(each.run.address)
    listed = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
    if not usable:
        raise RunError(f"No run of {text} can be compared. {listed}.")
    if reasons:
        notices.append(f"Left out: {listed}.")
    return usable


def _of_most_recipes(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """The runs of the task that most recipes have, and the others, which cannot be compared with them (none in case of a tie)."""
    recipes = {(each.task, each.run.recipe) for each in candidates}
    ranked = Counter(task for task, _ in recipes).most_common(2)
    if len(ranked) < 2 or ranked[0][1] == ranked[1][1]:
        return list(candidates), []
    return [each for each in candidates if each.task == ranked[0][0]], [each for each in candidates if each.task != ranked[0][0]]


def _matched(text: str) -> list[Candidate]:
    """A recipe's latest method, a run, or all seeds of a group; for a pattern all matching recipes, or if there are none, all runs."""
    if is_pattern(text):
        return _matching_pattern(text)
    runs = find_runs(text)
    if (recipe := runs[0].path.parent) in (Path(text).expanduser().resolve(), runs_root() / text.strip("/")):
        return _latest_method(runs_in(recipe))
    return [_candidate(run) for run in runs]


def _matching_pattern(pattern: str) -> list[Candidate]:
    runs = list_runs()
    recipes = sorted({run.recipe for run in runs if fnmatchcase(run.recipe, pattern)})
    methods = [_latest_method([run for run in runs if run.recipe == recipe]) for recipe in recipes]
    candidates = [each for part in methods for each in part] or [_candidate(run) for run in runs if fnmatchcase(run.address, pattern)]
    if not candidates:
        raise RunError(f"No recipe and no run in {runs_root()} matches {pattern!r}. `nlp runs` lists all; a pattern such as 'names/*' "
                       "needs quotes, so that the shell does not expand it.")
    return candidates


def _latest_method(runs: Sequence[RunDirectory]) -> list[Candidate]:
    """The runs of a recipe's latest method: the one with the latest finished run, or else the latest run. A method trained on a part of
    the training examples is chosen only if there is no other.
    """
    return max(_by_method(map(_candidate, runs)), key=lambda method: max(
        (each.run.status() == "finished", not each.run.is_of_part(), _age(each.run)) for each in method))


def _reason(run: RunDirectory, split: str) -> str | None:
    """Why a run cannot be compared, and what to do; None if it can."""
    match run.status():
        case "running":
            return "still training; wait for it to finish"
        case "failed":
            return "failed; `nlp train --resume RUN` tries again"
        case "interrupted":
            return "not finished; `nlp train --resume RUN` continues it"
    if not run.row_scores(split).exists():
        other = "; without a test file, compare with --split validation" if split == "test" else ""
        return (f"no row scores for the split {split}; `nlp eval RUN --split {shlex.quote(split)}` writes them, if the data has that split"
                f"{other}")
    return None


def _candidate(run: RunDirectory) -> Candidate:
    """The run as a candidate. Raises RunError if the saved recipe cannot be read."""
    try:
        recipe = _with_defaults(dict(yaml.load(run.config.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))))
        (seed,), _ = recipe.pop("seeds"), recipe["model"]["type"]
        fold = _take_fold(recipe)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, yaml.YAMLError):
        raise RunError(f"{run.config} is damaged: it is not the recipe of a run. {REMEDY}") from None
    for key in ("description", "score_test"):
        recipe.pop(key, None)
    return Candidate(run, recipe, seed, fold)


def _with_defaults(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe of an earlier version with the defaults of later settings, so that its runs and those of this version are one method."""
    with suppress(ValidationError):  # it has a setting that no longer exists
        return Recipe.model_validate(recipe).model_dump(mode="json")
    return recipe


def _take_fold(recipe: dict[str, Any]) -> int:
    """The fold that a recipe is tested on; its `split_seed` is set to that of the first fold, so that all folds share one recipe."""
    data = recipe["data"]
    if not (n_folds := data.get("folds")):
        return 0
    shuffle, fold = divmod(data["split_seed"], n_folds)
    recipe["data"] = data | {"split_seed": shuffle * n_folds}
    return fold


def _by_method(candidates: Iterable[Candidate]) -> list[list[Candidate]]:
    """Runs grouped by recipe, ignoring seeds and description, in the order of the first of each."""
    parts: dict[str, list[Candidate]] = {}
    for each in candidates:
        parts.setdefault(each.key, []).append(each)
    return list(parts.values())


def _one_per_seed(runs: Sequence[Candidate], notices: list[str]) -> Group:
    """The latest run of each seed with all its folds; only one seed for a deterministic method."""
    has_chance, recipe = Group(runs[0].recipe, runs).has_chance, runs[0].recipe
    oldest_first = sorted(runs, key=lambda each: _age(each.run))
    latest = {(each.seed if has_chance else 0, each.fold): each for each in oldest_first}
    if has_chance and (earlier := [each for each in runs if latest[each.seed, each.fold] is not each]):
        pairs = (f"{each.run.address} (seed {each.seed}, run again as {latest[each.seed, each.fold].run.address})" for each in earlier)
        notices.append(f"Of several runs of one recipe with the same seed, only the latest counts. Left out: {', '.join(pairs)}.")
    seeds: dict[int, list[Candidate]] = {}
    for seed, fold in sorted(latest):
        seeds.setdefault(seed, []).append(latest[seed, fold])
    return Group(recipe, _whole_tests(seeds, notices))


def _whole_tests(seeds: Mapping[int, Sequence[Candidate]], notices: list[str]) -> list[Candidate]:
    """One candidate for each seed, with the runs of all its folds; seeds with fewer folds than others are left out."""
    most = max(map(len, seeds.values()))
    if incomplete := [each.run.address for folds in seeds.values() if len(folds) < most for each in folds]:
        notices.append(f"Left out: {', '.join(incomplete)}, of a seed with fewer folds than others; "
                       "`nlp train --splits` trains the rest.")
    return [folds[0]._replace(others=tuple(each.run for each in folds[1:])) for folds in seeds.values() if len(folds) == most]


def _age(run: RunDirectory) -> tuple[float, str]:
    return run.started(), run.name


def names_of(groups: Sequence[Group]) -> list[str]:
    """The shortest distinct names of methods: the recipe, without its dataset if all have the same one, then settings."""
    recipes = [group.latest.recipe for group in groups]
    same = len({recipe.rpartition("/")[0] for recipe in recipes}) <= 1
    names = [recipe.rpartition("/")[2] if same else recipe for recipe in recipes]
    pairs = list(zip(groups, names, strict=True))
    return [name if names.count(name) == 1 else f"{name} ({_apart(group, [each for each, other in pairs if other == name])})"
            for group, name in pairs]


MOST_SETTINGS = 2
"""Maximum number of settings in the name of a method; if more differ, it is named by its runs."""


def _apart(group: Group, namesakes: Sequence[Group]) -> str:
    """How a group's recipe differs from others of the same name: `hidden_size=256`, or the name of its latest runs."""
    flat = [dict(_flat(each.recipe)) for each in namesakes]
    keys = sorted({key for each in flat for key in each if len({json.dumps(other.get(key), default=str) for other in flat}) > 1})
    if len(keys) > MOST_SETTINGS:
        return group.latest.group.name
    own = dict(_flat(group.recipe))
    return ", ".join(f"{key.rpartition('.')[2]}={own.get(key)}" for key in keys)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
