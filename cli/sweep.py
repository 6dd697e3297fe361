"""`nlp sweep`: search for the best values of the settings that a recipe leaves open."""

from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..terminal import figure
from .console import complete_recipe, explain, notice, only_recipe, print_json, say
from .study import end_unless_finished
from .train import Device, Overrides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..analysis.sweep_report import SweepReport
    from ..training.finish import Results
    from ..training.sweep.search import Sweep

TRIALS = 20
SHOWN = 10
"""Number of trials in the table; --json has all."""


class Sampler(StrEnum):
    """How trials are chosen: from the results so far (tree-structured Parzen estimator), or at random."""

    tpe = "tpe"
    random = "random"


class Pruner(StrEnum):
    """Which trials are stopped early."""

    median = "median"
    hyperband = "hyperband"
    none = "none"


def sweep(
    recipe: Annotated[str | None, typer.Argument(help="Recipe with open values: a YAML file, or a name with --set.",
                                                    autocompletion=complete_recipe)] = None,
    config: Annotated[str | None, typer.Option("--config", "-c", help="Same as the argument.", autocompletion=complete_recipe)] = None,
    set_: Overrides = None,
    trials: Annotated[int | None, typer.Option(min=1, help=f"Number of trials, including those of earlier calls; {TRIALS} unless --seconds "
                                                           "is given.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Start no new trial after this many seconds.")] = None,
    sampler: Annotated[Sampler, typer.Option(help="tpe learns from the trials so far; random does not.")] = Sampler.tpe,
    pruner: Annotated[Pruner, typer.Option(help="Method that stops unpromising trials early.")] = Pruner.median,
    name: Annotated[str, typer.Option(help="Name of the sweep; the same name continues it, also in several processes at once.")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Number of trials to run at the same time; they share the cores.")] = 1,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the search.")] = 0,
    storage: Annotated[str | None, typer.Option(help="Database for the trials, such as sqlite:///sweep.db; by default a file.")] = None,
    device: Device = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Search for the best values of open settings on the validation split, then train and test the best trial.

    A recipe leaves a setting open with {from: 1e-4, to: 1e-2, log: true} or {choices: [64, 128]}. See docs/sweeps.md.
    """
    from ..configs.search_space import sweep_space

    name_or_path = only_recipe(recipe, config)
    space = sweep_space(name_or_path, set_ or ())
    _require_optuna()
    from ..analysis.sweep_report import report
    from ..training.folder.run_directory import check_name
    from ..training.study.worker import Options
    from ..training.sweep.search import Limits, Sweep, prepare, search, train_chosen, write_chosen
    from ..training.sweep.trials import Trials

    if name:
        check_name(name, "sweep")
    plan = Sweep(space, name_or_path, name, Options(device, None, workers, explain))
    prepare(plan)
    saved_trials = Trials(space, plan.folder, plan.address, storage)
    saved_trials.search_by(sampler.value, pruner.value, seed)
    most = trials or (TRIALS if seconds is None else float("inf"))
    search(plan, saved_trials, Limits(most, float("inf") if seconds is None else seconds))
    found = report(saved_trials)
    chosen = write_chosen(plan, found.best, len(found.trials))
    results = None
    if not saved_trials.running():
        runs, outcome = train_chosen(plan, saved_trials, found.best, chosen)
        end_unless_finished(runs, outcome)
        results = outcome.results
    _print_json(plan, found, results) if json else _print(plan, found, results)


def _require_optuna() -> None:
    from ..errors import MissingExtraError

    if find_spec("optuna") is None:
        raise MissingExtraError("nlp sweep needs the extra: pip install 'nlp-generations[sweep]'.")


def _print_json(plan: "Sweep", found: "SweepReport", results: "Sequence[Results] | None") -> None:
    from ..training.folder.files import plain

    tested = [{**result.to_json(), "run": str(result.directory.path)} for result in results or ()]
    print_json(plain({"sweep": plan.address, **found.to_json(), "recipe": str(plan.chosen_recipe), "results": tested}))


def _print(plan: "Sweep", found: "SweepReport", results: "Sequence[Results] | None") -> None:
    from .report import print_results
    from .tables import table

    names = list(found.best.setting)
    rows = [[each.run, each.how, figure(each.figure) if each.figure is not None else "", str(each.evaluations), f"{each.seconds:.1f} s",
             *(_value(each.setting[name]) for name in names)] for each in found.trials[:SHOWN]]
    metric = f"validation {found.best.metric}"
    table(["trial", "ended", metric, "evaluations", "time", *names], rows, title=f"{plan.address}: {len(found.trials)} trials")
    counts = [count for count in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000) if count <= len(found.expected)]
    table(["trials", f"expected best {metric}"], [[str(count), figure(found.expected[count - 1])] for count in counts])
    if found.importance:
        table(["setting", "importance"], [[name, f"{share:.2f}"] for name, share in found.importance.items()])
    say(f"The best recipe is {plan.chosen_recipe}; train it with nlp train --config.")
    if results is None:
        notice("other processes are still training trials of this sweep; the last one to finish trains and tests the best setting.")
    else:
        print_results(results, as_json=False)


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
