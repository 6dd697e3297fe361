"""`nlp learning-curve`: train on subsets of the training examples, and estimate the gain from more of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import complete_recipe, explain, print_json, say
from .picture_files import picture_format
from .tables import table
from .train import Overrides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..analysis.curves.learning_curves import LearningCurves
    from ..training.finish import Results
    from ..training.study.plan import PlannedRun
    from ..training.study.worker import Options



def learning_curve(
    recipes: Annotated[list[str], typer.Argument(help="Recipes: names such as names/lstm, YAML files or patterns, all on the same data.",
                                                 autocompletion=complete_recipe)],
    sizes: Annotated[str | None, typer.Option(help="Numbers of training examples, such as 100,200,400; by default six sizes: all, half of "
                                                   "them, and so on.")] = None,
    shares: Annotated[str | None, typer.Option(help="Sizes as shares of the training examples, such as 0.1,0.2,0.5,1.")] = None,
    seeds: Annotated[str, typer.Option(help="Number of seeds per recipe and size, such as 5, or a list, such as 1,2,8.")] = "3",
    set_: Overrides = None,
    metric: Annotated[str | None, typer.Option(help="Metric of the curves; by default the one that selects the best checkpoint.")] = None,
    label_price: Annotated[float | None, typer.Option(min=0, help="Cost of one labelled example, to report costs in money too.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    parallel_runs: Annotated[int, typer.Option(min=1, help="Train N runs at the same time.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; the default depends on the model.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the curves as JSON.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write the table to this CSV file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Plot the curves to this .png or .svg file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write summary, plot and table to this HTML file.")] = None,
) -> None:
    """Train recipes on growing subsets of the training examples; finished runs are reused."""
    from ..analysis.curves.sentences import sentences
    from ..analysis.curves.table import COLUMNS, as_json, rows
    from ..training.study.worker import Options
    from .study import numbers
    from .study import shares as parse_shares

    _check_files(csv, plot, html)
    options = Options(device, threads, parallel_runs, explain)
    curves = _curves(recipes, set_ or [], _parse_sizes(sizes), parse_shares(shares, "--shares"),
                     numbers(seeds, "--seeds", 1), metric, options)
    summary = sentences(curves, label_price)
    _write(curves, summary, csv, plot, html)
    if json:
        print_json(as_json(curves, summary))
        return
    for sentence in summary:
        say(sentence)
    table(COLUMNS, rows(curves), title=f"{curves.scale.metric} on {curves.split}")


def _curves(names: list[str], overrides: list[str], sizes: list[int], shares: list[float], seeds: list[int], metric: str | None,
            options: "Options") -> "LearningCurves":
    from ..analysis.curves.learning_curves import learning_curves
    from ..analysis.curves.plan import check_methods, choose_scale, training_sizes
    from ..analysis.curves.runs import points_of
    from ..configs.load import load_recipe
    from ..errors import ConfigError
    from ..training.study.plan import matching, plan_study

    if sizes and shares:
        raise ConfigError("--sizes and --shares both say how many examples to train on; give one of them.")
    recipes = {name: load_recipe(name, overrides) for name in matching(names)}
    check_methods(recipes)
    first = next(iter(recipes.values()))
    scale, chosen = choose_scale(first, metric), training_sizes(first, sizes, shares)
    # Each seed draws its own examples, since their choice matters as much; seed 1 draws those of the plain recipe.
    runs = [run for seed in seeds
            for run in plan_study([*recipes], overrides, [seed], splits=[(seed - 1) % 2**32], sizes=[*chosen.values()])]
    points, split = points_of(runs, _trained(runs, options), max(chosen), scale)
    return learning_curves(points, scale, split)


def _trained(runs: "Sequence[PlannedRun]", options: "Options") -> "Sequence[Results]":
    """The results of all runs; the command ends if some failed, since a curve without them would be misleading."""
    from ..training.study.engine import Study
    from .study import end_unless_finished

    outcome = Study(runs, options).train()
    end_unless_finished(runs, outcome)
    return outcome.results


def _parse_sizes(sizes: str | None) -> list[int]:
    """The numbers of --sizes. Raises ConfigError for numbers below 1 and other text."""
    from ..errors import ConfigError

    try:
        numbers = [int(size) for size in sizes.split(",")] if sizes is not None else []
    except ValueError:
        numbers = [0]
    if numbers and min(numbers) < 1:
        raise ConfigError(f"--sizes {sizes} is not a list of numbers of training examples, at least 1 each, such as 100,200,400.")
    return numbers


def _check_files(csv: Path | None, plot: Path | None, html: Path | None) -> None:
    """Raises ConfigError for files that cannot be written, before hours of training."""
    from ..errors import ConfigError

    if plot is not None:
        picture_format("--plot", plot)
    for path in (csv, plot, html):
        if path is not None and not path.absolute().parent.is_dir():
            raise ConfigError(f"{path}: there is no folder {path.parent}. Create it, or name another file.")


def _write(curves: "LearningCurves", summary: list[str], csv: Path | None, plot: Path | None, html: Path | None) -> None:
    from ..analysis.curves.table import as_csv
    from ..storage import write_file

    if csv is not None:
        write_file(csv.resolve(), as_csv(curves).encode("utf-8"))
    if plot is not None:
        from ..analysis.curves.picture import picture

        write_file(plot.resolve(), picture(curves, picture_format("--plot", plot)))
    if html is not None:
        from ..analysis.curves.page import page

        write_file(html.resolve(), page(curves, summary).encode("utf-8"))
