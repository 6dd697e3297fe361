"""`nlp plot`: curves, confusion matrix and attention of runs as picture files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import complete_run
from .picture_files import picture_format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..training.folder.run_directory import RunDirectory


def plot(
    run: Annotated[list[str], typer.Argument(help="Runs: paths, RECIPE (the latest) or RECIPE/NAME.", autocompletion=complete_run)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .png or .svg file to write.")],
    metric: Annotated[str | None, typer.Option(help="The metric below the loss; by default the one that decides which checkpoint is "
                                                    "best.")] = None,
    confusion: Annotated[bool, typer.Option("--confusion", help="Draw the confusion matrix of one run instead.")] = False,
    split: Annotated[str | None, typer.Option(help="With --confusion: train, validation, test or another split; by default test, or "
                                                   "validation if there is no test.")] = None,
    attention: Annotated[str | None, typer.Option(metavar="TEXT", help="Draw the attention of one run for this text instead.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Draw loss and metric of runs over one another, or the confusion matrix or attention of one run."""
    from ..storage import write_file
    from ..training.folder.run_directory import find_run

    single = "--confusion" if confusion else "--attention" if attention is not None else None
    _check(output, single, len(run), both=confusion and attention is not None, split_alone=split is not None and not confusion)
    runs = [find_run(each) for each in run]
    picture = _curves(runs, metric, picture_format("--output", output)) if single is None else _of_one(runs[0], split, attention, device)
    write_file(output.resolve(), picture)
    print(f"The picture is in {output}")


def _check(output: Path, single: str | None, n_runs: int, *, both: bool, split_alone: bool) -> None:
    from ..errors import ConfigError

    format_ = picture_format("--output", output)
    if not output.absolute().parent.is_dir():
        raise ConfigError(f"--output {output}: there is no folder {output.parent}. Make it, or name another file.")
    if both:
        raise ConfigError("--confusion and --attention are two pictures; ask for one at a time.")
    if split_alone:
        raise ConfigError("--split is for --confusion: curves show training and validation. Add --confusion, or leave --split out.")
    if single is not None and n_runs > 1:
        raise ConfigError(f"{single} draws one run, and {n_runs} are named. Name one.")
    if single is not None and format_ != "png":
        raise ConfigError(f"--output {output}: {single} draws .png files only; give the file that ending.")


def _curves(runs: "Sequence[RunDirectory]", metric: str | None, format_: str) -> bytes:
    from ..analysis.run_curves import curves
    from ..configs.load import load_recipe

    return curves(runs, metric or load_recipe(str(runs[0].config)).best_metric, format_)


def _of_one(run: "RunDirectory", split: str | None, text: str | None, device: str) -> bytes:
    from ..analysis.attention import attention_png
    from ..analysis.evaluation import confusion_png
    from ..errors import ConfigError
    from ..tasks.task import PredictOptions
    from ..training.open_run import open_run

    opened = open_run(run, device)
    if text is not None and "attention" not in opened.task.predict_options:
        raise ConfigError(f"--attention is for runs that map one text to another; {run.address} does not. Leave it out.")
    return confusion_png(opened, split) if text is None else attention_png(opened, text, PredictOptions())
