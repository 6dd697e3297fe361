"""The plan of learning curves: checks of the recipes, training sizes and the metric."""

from collections.abc import Mapping, Sequence

from ...configs.schema.data import SizesData
from ...configs.schema.recipe import Recipe
from ...datasets.build import count_training_examples
from ...errors import ConfigError
from ...tasks.build import preparation
from ...training.study.plan import Size
from .points import Scale, scale_of

N_SIZES = 6
SMALLEST = 20
"""Lower limit of the default sizes."""


def check_methods(recipes: Mapping[str, Recipe]) -> None:
    """Raises ConfigError for recipes without data, and for methods that would not be scored on the same examples."""
    (first, one), *others = recipes.items()
    if isinstance(one.data, SizesData):
        raise ConfigError(f"{first} has sizes instead of data, so there is nothing to train on. Give a recipe with data.")
    for name, other in others:
        if one.data != other.data or type(one.task) is not type(other.task):
            what = "tasks" if one.data == other.data else "data"
            raise ConfigError(f"{first} and {name} have different {what}, so their curves cannot be compared. Draw them one by one, or let "
                              "both recipes extend the same base.")


def training_sizes(recipe: Recipe, sizes: Sequence[int] = (), shares: Sequence[float] = ()) -> dict[int, Size]:
    """The numbers of examples to train on, ascending, in the form that a study takes; by default all examples, half of them and so on.

    All examples are given as the share 1, so that runs of the plain recipe are reused. Raises ConfigError for sizes beyond the training
    split, and for one long text, which has no examples.
    """
    assert not isinstance(recipe.data, SizesData)
    full_data = recipe.data.model_copy(update={"train_rows": None, "train_share": 1.0})
    n_examples = count_training_examples(full_data, preparation(recipe.task))
    if n_examples == 1:
        raise ConfigError("The training split is one long text, and learning curves count examples. Use data with one example per row.")
    if sizes and (largest := max(sizes)) > n_examples:
        raise ConfigError(f"--sizes asks for {largest:,} examples, but the training split has {n_examples:,}. Leave larger sizes out.")
    chosen = sizes or [max(1, round(share * n_examples)) for share in shares] or _halves(n_examples)
    return {size: 1.0 if size == n_examples else size for size in sorted(set(chosen))}


def _halves(n_examples: int) -> list[int]:
    halves = [round(n_examples / 2**power) for power in range(N_SIZES)]
    return [size for size in halves if size >= SMALLEST] or [n_examples]


def choose_scale(recipe: Recipe, metric: str | None) -> Scale:
    """The scale of a metric, by default the one that selects the best checkpoint. Raises ConfigError for an unknown metric."""
    assert recipe.task is not None
    name = metric or recipe.best_metric
    if name not in recipe.task.metrics:
        raise ConfigError(f"--metric {name}: {recipe.task.type} has no such metric; use one of {', '.join(recipe.task.metrics)}.")
    return scale_of(name, name in recipe.task.lower_is_better)
