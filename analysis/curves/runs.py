"""The runs of learning curves: those that are missing are trained, and the results of all become points."""

from collections.abc import Iterator, Mapping, Sequence

from ...configs.load import dump_recipe, recipe_name
from ...configs.schema.recipe import Recipe
from ...errors import ConfigError
from ...training.finish import Results
from ...training.folder.run_directory import RunDirectory, runs_root
from ...training.jobs import Job, new_jobs, resumed_jobs
from ...training.run import train_jobs
from .plan import trained_on
from .points import Point, Scale


def train_runs(configs: Mapping[str, Recipe], sizes: Sequence[int], seeds: Sequence[int], device: str) -> dict[str, list[Results]] | None:
    """The results of each recipe at every size and with every seed; None where a signal stopped the training.

    Runs that are finished are read, and interrupted ones go on.
    """
    found: dict[str, list[Results]] = {config: [] for config in configs}
    for config, recipe in configs.items():
        for job in _jobs(config, recipe, sizes, seeds, device):
            trained = train_jobs([job])
            if trained.stopped:
                return None
            found[config] += trained.results
    return found


def _jobs(config: str, recipe: Recipe, sizes: Sequence[int], seeds: Sequence[int], device: str) -> Iterator[Job]:
    for size in sizes:
        for seed in seeds:
            one = trained_on(recipe, size, sizes[-1]).model_copy(update={"seeds": [seed]})
            name = f"examples-{size}-seed-{seed}"
            earlier = _earlier(recipe_name(config), name, one)
            yield from resumed_jobs([earlier], device) if earlier is not None else new_jobs(one, config, name, device, None)


def _earlier(recipe: str, name: str, wanted: Recipe) -> RunDirectory | None:
    """The newest run of that name with the very same recipe."""
    root, text = runs_root(), dump_recipe(wanted)
    folders = [root / recipe / name, *(root / recipe).glob(f"{name}-*")]
    runs = [RunDirectory(folder, root) for folder in folders if (folder / "config.yaml").is_file()]
    same = [run for run in runs if run.config.read_text(encoding="utf-8") == text]
    return max(same, key=RunDirectory.started, default=None)


def points_of(results: Mapping[str, Sequence[Results]], sizes: Sequence[int], scale: Scale) -> tuple[dict[str, list[Point]], str]:
    """The points of each method, and the split that they are of: test, or validation where a run has none.

    The results of a method come size by size. Raises ConfigError for a metric that a run does not have.
    """
    everything = [each for found in results.values() for each in found]
    split = "test" if all("test" in each.metrics for each in everything) else "validation"
    if lacking := next((each for each in everything if scale.metric not in each.metrics[split]), None):
        raise ConfigError(f"{lacking.directory.address} has no {scale.metric}; choose a --metric that all methods have, such as "
                          f"{', '.join(lacking.metrics[split])}.")
    points = {}
    for name, found in results.items():
        per_size = len(found) // len(sizes)
        points[name] = [Point(sizes[place // per_size], each.seed, each.metrics[split][scale.metric], float(each.cost["train_seconds"]))
                        for place, each in enumerate(found)]
    return points, split
