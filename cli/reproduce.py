"""`nlp reproduce`: train a finished run again, and compare the figures and the weights."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..terminal import figure
from .console import complete_run, notice, print_json, say

if TYPE_CHECKING:
    from ..analysis.reproduction.comparison import Record, Reproduction
    from ..training.jobs import Job

DIFFERENT = 1
"""Exit code if the figures differ."""


def reproduce(
    run: Annotated[str, typer.Argument(help="Run: path, RECIPE (the latest) or RECIPE/NAME.", autocompletion=complete_run)],
    keep: Annotated[str | None, typer.Option(metavar="NAME", help="Keep the second run under this name.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps; by default that of the run.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Train a finished run again from its own folder, and report whether data, figures and weights are equal.

    Recipe, seed, number of threads and device are those of the run, which is not changed. The exit code is 0 if every figure is equal
    to the last bit, and 1 if not.
    """
    from ..analysis.reproduction.comparison import compare, read_record
    from ..analysis.reproduction.report import doubts
    from ..training.folder.run_directory import find_run
    from ..training.repeat import load_repeatable, repeated
    from ..training.stop_signal import preemptible

    directory = find_run(run)
    recipe, record = load_repeatable(directory), read_record(directory)
    with preemptible(), repeated(directory, recipe, device, keep) as job:
        for doubt in doubts(record, recipe):
            notice(doubt)
        _train(job, record)
        found = compare(record, read_record(job.directory))
    if json:
        print_json(_as_json(found, job))
    else:
        _print(found, job)
    if not found.figures_are_equal:
        raise typer.Exit(DIFFERENT)


def _train(job: "Job", record: "Record") -> None:
    """Train the second run. A signal ends the command; only a run that is kept can be resumed."""
    from ..analysis.reproduction.comparison import changed_data
    from ..analysis.reproduction.report import data_sentence
    from ..training.folder.data_file import data_hashes
    from ..training.log.display import Display
    from ..training.run import train_jobs
    from ..training.stop_signal import raise_interrupt
    from .study import stop

    def show(n_steps: int | None, first_step: int) -> Display:
        """The usual display. At this point the data has been read: if it has changed, hours of training may not be worth while."""
        if changed := changed_data(record.hashes, data_hashes(job.directory)):
            notice(data_sentence(record, changed))
        return Display(n_steps, first_step, seed=job.directory.seed)

    stopped_by = train_jobs([job], show).stopped_by
    if stopped_by is not None and job.is_temporary:
        raise_interrupt(stopped_by)
    if stopped_by is not None:
        stop(stopped_by, ["nlp", "train", "--resume", job.directory.address])


def _as_json(found: "Reproduction", job: "Job") -> dict[str, Any]:
    from ..analysis.reproduction.report import to_json
    from ..training.folder.files import plain

    return plain({**to_json(found), "kept": None if job.is_temporary else job.directory.path})


def _print(found: "Reproduction", job: "Job") -> None:
    """Print the final metrics of both runs and the verdict; if something differs, also where, and the probable cause."""
    from ..analysis.reproduction.report import cause_sentence, data_sentence, predictions_sentence, verdict, weights_sentence

    if found.changed_data:
        say(data_sentence(found.earlier, found.changed_data))
    _print_metrics(found)
    say(verdict(found))
    if not found.is_equal:
        if found.weights is not None and not found.figures_are_equal:
            say(f"Weights: {weights_sentence(found)}.")
        if (predictions := predictions_sentence(found)) is not None:
            say(f"Predictions: {predictions}.")
        say(cause_sentence(found))
    if found.not_compared:
        say(f"Not compared, since only one of the runs has it: {', '.join(found.not_compared)}.")
    if not job.is_temporary:
        say(f"The second run is in {job.directory.path}")


def _print_metrics(found: "Reproduction") -> None:
    from ..training.run_summary import heading, sections_of
    from .tables import table

    sections = sections_of(found.earlier.run)
    rows = [[heading(sections, pair.figure.tag), pair.figure.split, _cell(pair.earlier), _cell(pair.again), _difference(pair.difference)]
            for pair in found.results]
    table(["metric", "split", "earlier", "again", "difference"], rows, title=f"{found.earlier.run.address}, trained again")


def _cell(value: float | None) -> str:
    return "" if value is None else figure(value)


def _difference(value: float) -> str:
    return f"{value:+.2g}" if value else "0"
