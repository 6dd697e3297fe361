"""Which runs a person means, and which of them are of one method."""

import json
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
    """A run with its recipe, without what makes no other model (seeds, description, score_test), its seed, and which fold it was tested on
    (0 where there are none).

    `others`: the runs of the same seed on the other folds of the deal; their rows and its own are one test.
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
        """Of all folds."""
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
        """Whether another seed gives another model."""
        return differs_by_seed(self.recipe["model"])

    @property
    def latest(self) -> RunDirectory:
        """The run that started last."""
        return self.latest_test.run

    @property
    def latest_test(self) -> Candidate:
        """The same with its other folds."""
        return max(self.runs, key=lambda each: _age(each.run))


@dataclass(frozen=True)
class Choice:
    """The methods that are meant, and what a reader should know about how they were found."""

    groups: list[Group] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def choose(texts: Sequence[str], split: str) -> Choice:
    """The methods that paths, addresses, recipes and patterns mean.

    Raises RunError where one of them means nothing that can be compared; what is left out beside other runs is in the notices.
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
    """The runs of one text that can be compared. The others are named in one notice; RunError where there are only those."""
    meant = _meant(text)
    usable, reasons = [], dict[str, list[str]]()
    for each in meant:
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
        raise RunError(f"Nothing of {text} can be compared. {listed}.")
    if reasons:
        notices.append(f"Left out: {listed}.")
    return usable


def _of_most_recipes(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """The runs of the task that most recipes have, and the others, which cannot be compared with them; none where two have as many."""
    recipes = {(each.task, each.run.recipe) for each in candidates}
    ranked = Counter(task for task, _ in recipes).most_common(2)
    if len(ranked) < 2 or ranked[0][1] == ranked[1][1]:
        return list(candidates), []
    return [each for each in candidates if each.task == ranked[0][0]], [each for each in candidates if each.task != ranked[0][0]]


def _meant(text: str) -> list[Candidate]:
    """Of a recipe its latest method, a run, or all seeds of a group; a pattern means all recipes that it fits, or else all runs."""
    if is_pattern(text):
        return _fitting(text)
    found = find_runs(text)
    if (recipe := found[0].path.parent) in (Path(text).expanduser().resolve(), runs_root() / text.strip("/")):
        return _latest_method(runs_in(recipe))
    return [_candidate(run) for run in found]


def _fitting(pattern: str) -> list[Candidate]:
    runs = list_runs()
    recipes = sorted({run.recipe for run in runs if fnmatchcase(run.recipe, pattern)})
    methods = [_latest_method([run for run in runs if run.recipe == recipe]) for recipe in recipes]
    found = [each for part in methods for each in part] or [_candidate(run) for run in runs if fnmatchcase(run.address, pattern)]
    if not found:
        raise RunError(f"No recipe and no run in {runs_root()} fits {pattern!r}. `nlp runs` lists all; a pattern such as 'names/*' "
                       "needs quotes, so that the shell leaves it alone.")
    return found


def _latest_method(runs: Sequence[RunDirectory]) -> list[Candidate]:
    """Of one recipe's runs those of the method that has the latest finished run, or the latest at all. A method that learns from a part of
    the training examples is meant only where there is no other.
    """
    return max(_by_method(map(_candidate, runs)), key=lambda method: max(
        (each.run.status() == "finished", not each.run.is_of_part(), _age(each.run)) for each in method))


def _reason(run: RunDirectory, split: str) -> str | None:
    """Why a run cannot be compared, and what to do; None where it can."""
    match run.status():
        case "running":
            return "still training; wait for it to finish"
        case "failed":
            return "failed; `nlp train --resume RUN` tries again"
        case "interrupted":
            return "not finished; `nlp train --resume RUN` continues it"
    if not run.row_scores(split).exists():
        other = "; where there is no test file, compare with --split validation" if split == "test" else ""
        return f"no row scores of the split {split}; `nlp eval RUN --split {split}` writes them, if the data has that split{other}"
    return None


def _candidate(run: RunDirectory) -> Candidate:
    """Raises RunError where the saved recipe cannot be read."""
    try:
        recipe = _with_defaults(dict(yaml.load(run.config.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))))
        (seed,), _ = recipe.pop("seeds"), recipe["model"]["type"]
        fold = _take_fold(recipe)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, yaml.YAMLError):
        raise RunError(f"{run.config} is damaged: it is no recipe of a run. {REMEDY}") from None
    for key in ("description", "score_test"):
        recipe.pop(key, None)
    return Candidate(run, recipe, seed, fold)


def _with_defaults(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe of a run of an earlier version with the settings that came later, so that it is of one method with runs of this one."""
    with suppress(ValidationError):  # it has a setting that is gone
        return Recipe.model_validate(recipe).model_dump(mode="json")
    return recipe


def _take_fold(recipe: dict[str, Any]) -> int:
    """Which fold of its deal a recipe is tested on; what is left in the recipe is the deal, `split_seed` of its first fold."""
    data = recipe["data"]
    if not (n_folds := data.get("folds")):
        return 0
    deal, fold = divmod(data["split_seed"], n_folds)
    recipe["data"] = data | {"split_seed": deal * n_folds}
    return fold


def _by_method(candidates: Iterable[Candidate]) -> list[list[Candidate]]:
    """Runs whose recipes are equal but for seeds and description, in the order of the first of each."""
    parts: dict[str, list[Candidate]] = {}
    for each in candidates:
        parts.setdefault(each.key, []).append(each)
    return list(parts.values())


def _one_per_seed(runs: Sequence[Candidate], notices: list[str]) -> Group:
    """The latest run of each seed, all folds of a deal together; of a method without chance, those of one seed."""
    has_chance, recipe = Group(runs[0].recipe, runs).has_chance, runs[0].recipe
    oldest_first = sorted(runs, key=lambda each: _age(each.run))
    latest = {(each.seed if has_chance else 0, each.fold): each for each in oldest_first}
    if has_chance and (earlier := [each for each in runs if latest[each.seed, each.fold] is not each]):
        pairs = (f"{each.run.address} (seed {each.seed}, run again as {latest[each.seed, each.fold].run.address})" for each in earlier)
        notices.append(f"Of runs of one recipe with the same seed the latest counts. Left out: {', '.join(pairs)}.")
    seeds: dict[int, list[Candidate]] = {}
    for seed, fold in sorted(latest):
        seeds.setdefault(seed, []).append(latest[seed, fold])
    return Group(recipe, _whole_tests(seeds, notices))


def _whole_tests(seeds: Mapping[int, Sequence[Candidate]], notices: list[str]) -> list[Candidate]:
    """One candidate for each seed, which has the runs of all of its folds; seeds with fewer folds than others are left out."""
    most = max(map(len, seeds.values()))
    if lacking := [each.run.address for folds in seeds.values() if len(folds) < most for each in folds]:
        notices.append(f"Left out: {', '.join(lacking)}, of a seed that was not trained on as many folds as others; "
                       "`nlp train --splits` trains the rest.")
    return [folds[0]._replace(others=tuple(each.run for each in folds[1:])) for folds in seeds.values() if len(folds) == most]


def _age(run: RunDirectory) -> tuple[float, str]:
    return run.started(), run.name


def names_of(groups: Sequence[Group]) -> list[str]:
    """The shortest names that tell the methods apart: the recipe without its dataset where all have the same one, then by settings."""
    recipes = [group.latest.recipe for group in groups]
    same = len({recipe.rpartition("/")[0] for recipe in recipes}) <= 1
    names = [recipe.rpartition("/")[2] if same else recipe for recipe in recipes]
    pairs = list(zip(groups, names, strict=True))
    return [name if names.count(name) == 1 else f"{name} ({_apart(group, [each for each, other in pairs if other == name])})"
            for group, name in pairs]


MOST_SETTINGS = 2
"""Settings that a method is named by; where more differ it is named by its runs."""


def _apart(group: Group, namesakes: Sequence[Group]) -> str:
    """How a group's recipe differs from those of the same name: `hidden_size=256`, or the name of its latest runs."""
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
