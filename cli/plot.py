"""`nlp plot`: plot curves, confusion matrices and attention of runs, and lengths and classes of data, to files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import complete_recipe, complete_run
from .picture_files import picture_format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..training.folder.run_directory import RunDirectory
    from ..training.log.pictures import Matrix


def plot(
    run: Annotated[list[str] | None, typer.Argument(help="Runs: paths, RECIPE (the latest) or RECIPE/NAME.",
                                                    autocompletion=complete_run)] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The .png or .svg file to write.  [required]")] = None,
    metric: Annotated[str | None, typer.Option(help="Metric to plot below the loss; by default the one that selects the best "
                                                    "checkpoint.")] = None,
    confusion: Annotated[bool, typer.Option("--confusion", help="Plot the confusion matrix of one run instead.")] = False,
    split: Annotated[str | None, typer.Option(help="With --confusion: split to use; by default test, or validation if there is no "
                                                   "test.")] = None,
    attention: Annotated[str | None, typer.Option(metavar="TEXT", help="Plot the attention of one run for this text instead.")] = None,
    data: Annotated[str | None, typer.Option(metavar="TARGET", autocompletion=complete_recipe,
                                             help="Plot lengths and classes of a dataset, or of a recipe's data, instead.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Plot the loss and metric curves of runs, the confusion matrix or attention of one run, or lengths and classes of data."""
    from ..storage import write_file

    instead = {"--confusion": confusion, "--attention": attention is not None, "--data": data is not None}
    single = [option for option, chosen in instead.items() if chosen]
    path = _check(output, single, run or [], split_alone=split is not None and not confusion)
    if data is not None:
        picture = _data(data, picture_format("--output", path))
    else:
        picture = _of_runs(run or [], metric, split, attention, device, picture_format("--output", path), one=bool(single))
    write_file(path.resolve(), picture)
    print(f"Wrote {path}")


def _check(output: Path | None, single: "Sequence[str]", runs: "Sequence[str]", *, split_alone: bool) -> Path:
    """The file to write; raises ConfigError for options that do not go together."""
    from ..errors import ConfigError

    if output is None:
        raise ConfigError("Name the file to write, as in --output curves.png; .svg works too.")
    picture_format("--output", output)
    if not output.absolute().parent.is_dir():
        raise ConfigError(f"--output {output}: there is no folder {output.parent}. Create it, or name another file.")
    if len(single) > 1:
        raise ConfigError(f"{' and '.join(single)} cannot be combined; plot one at a time.")
    if split_alone:
        raise ConfigError("--split is for --confusion: other plots show all splits. Add --confusion, or leave --split out.")
    if single == ["--data"] and runs:
        raise ConfigError(f"--data plots a dataset and no runs, but {runs[0]} is named too. Leave one of them out.")
    if single != ["--data"] and not runs:
        raise ConfigError("Name a run to plot, such as names/lstm (`nlp runs` lists them), or a dataset, as in --data names.")
    if single and len(runs) > 1:
        raise ConfigError(f"{single[0]} plots one run, but {len(runs)} are named. Name one.")
    return output


def _data(target: str, format_: str) -> bytes:
    from ..analysis.data_picture import Sample, data_picture
    from .dataset import open_target

    opened = open_target(target, (), every_column=False)
    return data_picture(Sample(opened.dataset, opened.text, opened.label, opened.tagged), format_)


def _of_runs(names: "Sequence[str]", metric: str | None, split: str | None, text: str | None, device: str, format_: str, *,
             one: bool) -> bytes:
    from ..analysis.matrix_svg import matrix_file
    from ..training.folder.run_directory import find_run

    runs = [find_run(name) for name in names]
    return matrix_file(_matrix(runs[0], split, text, device), format_) if one else _curves(runs, metric, format_)


def _curves(runs: "Sequence[RunDirectory]", metric: str | None, format_: str) -> bytes:
    from ..analysis.run_curves import curves
    from ..configs.load import load_recipe

    return curves(runs, metric or load_recipe(str(runs[0].config)).best_metric, format_)


def _matrix(run: "RunDirectory", split: str | None, text: str | None, device: str) -> "Matrix":
    from ..analysis.attention import attention_picture
    from ..analysis.evaluation import confusion_picture
    from ..errors import ConfigError
    from ..tasks.task import PredictOptions
    from ..training.open_run import open_run

    opened = open_run(run, device)
    if text is not None and "attention" not in opened.task.predict_options:
        raise ConfigError(f"--attention is for runs that map one text to another; {run.address} does not. Leave it out.")
    return confusion_picture(opened, split) if text is None else attention_picture(opened, text, PredictOptions())
