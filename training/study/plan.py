"""The runs of a study: recipes x sizes of the training data x splits x seeds, each identified by its content."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path

from ...configs.catalog import is_pattern
from ...configs.load import load_recipe, recipe_names
from ...configs.schema.data import FileData, NamedData, SizesData
from ...configs.schema.recipe import Recipe
from ...datasets.named.catalog import find_dataset
from ...errors import ConfigError
from ..folder.run_directory import RunDirectory, check_name, runs_root
from ..jobs import name_of
from ..log.display import announce
from ..sources.start import can_start
from .address import method_address

Size = float | int
"""Size of the training data: a share, or a number of examples."""


@dataclass(frozen=True, eq=False)
class PlannedRun:
    """One run of a study: its recipe with one seed, and the name or path of that recipe."""

    recipe: Recipe
    config: str
    overrides: tuple[str, ...]
    directory: RunDirectory

    @property
    def seed(self) -> int:
        return self.recipe.seeds[0]

    @property
    def split(self) -> int:
        """The number of the random split; 0 for data with a fixed split."""
        return 0 if isinstance(self.recipe.data, SizesData) else self.recipe.data.split_seed

    @property
    def method(self) -> str:
        """A readable name: the recipe, and how much of the data it uses. Runs on several splits share a method."""
        data = self.recipe.data
        if isinstance(data, SizesData):
            return self.directory.recipe
        share = f", {100 * data.train_share:.4g} % of the data" if data.train_share < 1 else ""
        rows = "" if data.train_rows is None else f", {data.train_rows:,} example{'s' * (data.train_rows != 1)}"
        return f"{self.directory.recipe}{share}{rows}"

    @property
    def name(self) -> str:
        """The method with the split and the seed."""
        return f"{self.method}{f', split {self.split}' if self.split else ''}, seed {self.seed}"


def plan_study(configs: Sequence[str], overrides: Sequence[str] = (), seeds: Sequence[int] = (), splits: Sequence[int] = (),
               sizes: Sequence[Size] = (), name: str | None = None) -> list[PlannedRun]:
    """Plan the runs, recipe by recipe, in an order that depends on these arguments alone; the recipes provide what is not given.

    `configs` are names, paths, or patterns of either (`names/*`). `splits` are seeds that select the validation split, for data without a
    fixed one, and the part of the training examples, if only a part is used. Runs are identified by their content, or by `name` if given.
    Raises ConfigError for an invalid recipe, a pattern without a match, or a name that belongs to another recipe; RunError for an invalid
    name.
    """
    if name is not None:
        check_name(name)
    planned: dict[Path, PlannedRun] = {}
    for config in matching(configs):
        recipe = load_recipe(config, overrides)
        for part in _parts(recipe, sizes, splits):
            address = method_address(part)
            for seed in seeds or part.seeds:
                folder = runs_root() / name_of(config) / f"{name or address}-seed-{seed}"
                run = PlannedRun(part.model_copy(update={"seeds": [seed]}), config, tuple(overrides), RunDirectory(folder, runs_root()))
                if name is not None:
                    _refuse_other(run, address, planned)
                planned.setdefault(folder, run)
    return list(planned.values())


def resumed_runs(directories: Sequence[RunDirectory]) -> list[PlannedRun]:
    """Plan to resume earlier runs, each with its own recipe."""
    return [PlannedRun(load_recipe(str(directory.config)), str(directory.config), (), directory) for directory in directories]


def _refuse_other(run: PlannedRun, address: str, planned: Mapping[Path, PlannedRun]) -> None:
    """Raises ConfigError if the name already belongs to another recipe, or to the same one on other data."""
    if run.directory.path in planned:
        raise ConfigError("--name is for runs that differ only in their seeds. Leave it out: runs are then named by their settings.")
    if run.directory.config.exists() and method_address(load_recipe(str(run.directory.config))) != address:
        raise ConfigError(f"{run.directory.path} is a run of another recipe, or of this one with other settings or data. "
                          "Choose another --name, or leave it out.")


def matching(configs: Sequence[str]) -> list[str]:
    """Expand patterns, and list each recipe once. A pattern matches packaged recipes with data, or else files. It skips recipes that
    start from a run or from published weights that do not exist yet.
    """
    names: dict[str, None] = {}
    for config in configs:
        names |= dict.fromkeys(_matches(config) if is_pattern(config) else [config])
    return list(names)


def _matches(pattern: str) -> list[str]:
    packaged = {name: load_recipe(name) for name in recipe_names() if fnmatchcase(name, pattern)}
    names = [name for name, recipe in packaged.items() if not isinstance(recipe.data, SizesData)] or sorted(
        path for path in glob(pattern) if path.endswith((".yaml", ".yml")))  # noqa: PTH207 - absolute patterns too
    if skipped := [name for name in names if not can_start(packaged.get(name) or load_recipe(name))]:
        announce(f"Left out: {', '.join(skipped)}, which start from a run or word vectors that do not exist yet, or from published weights "
                 "that are not here (`nlp data get`); `nlp config show` names the source.")
        names = [name for name in names if name not in skipped]
    if not names:
        raise ConfigError(f"No recipe with data matches {pattern!r}. `nlp config list` shows the recipes that come with the tool; "
                          "a pattern of files of your own ends in .yaml.")
    return names


def _parts(recipe: Recipe, sizes: Sequence[Size], splits: Sequence[int]) -> Iterator[Recipe]:
    """The recipe for each size and split of its data."""
    data = recipe.data
    if isinstance(data, SizesData):
        yield recipe  # building its data raises an error
        return
    for size in sizes or (None,):
        update = {} if size is None else {"train_share": 1.0, "train_rows": size} if isinstance(size, int) else {
            "train_share": size, "train_rows": None}
        part = data.model_copy(update=update)
        for split in splits if splits and is_drawn(part) else (data.split_seed,):
            yield recipe.model_copy(update={"data": part.model_copy(update={"split_seed": split})})


def is_drawn(data: NamedData | FileData) -> bool:
    """Whether a seed selects the training examples."""
    return data.train_share < 1 or data.train_rows is not None or not has_own_validation(data)


def has_own_validation(data: NamedData | FileData) -> bool:
    """Whether the validation split is fixed, not selected by a seed."""
    if isinstance(data, FileData):
        return data.validation is not None
    return "validation" in find_dataset(data.name).sizes
