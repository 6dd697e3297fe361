"""Output of `nlp predict --explain`, on the terminal and as a page, and of `nlp eval --explanations`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..terminal import figure, on_one_line
from .console import console, print_json, say

if TYPE_CHECKING:
    from ..analysis.explanations.evaluation import FaithfulnessReport
    from ..analysis.explanations.explanation import Explanation
    from ..analysis.explanations.methods import Explainer
    from ..tasks.task import Answer, StreamedAnswer
    from ..training.open_run import OpenedRun

STRONG, WEAK = 0.5, 0.1
"""Shares of the largest attribution above which a word is bold, and above which it is coloured."""


def explainer_for(run: "OpenedRun", method: str, output: str | None, html: Path | None) -> "Explainer":
    """The explainer for a method. Raises ConfigError for options that exclude each other, and a method that does not fit the run."""
    from ..analysis.explanations.methods import explainer
    from ..errors import ConfigError

    if output is not None:
        raise ConfigError("--output adds predictions to a table, which has no column for explanations. Leave --explain or --output out; "
                          "--json prints both, one object per line.")
    if html is not None and not html.expanduser().absolute().parent.is_dir():
        raise ConfigError(f"{html}: there is no folder {html.parent}. Create it, or name another file.")
    return explainer(run, method)


def print_explained(run: "OpenedRun", answer: "Answer | StreamedAnswer", as_json: bool) -> None:
    """Print the prediction and its explanation; on a terminal also the text, words for the class in green, against it in red."""
    if as_json:
        print_json(answer.to_json(), indent=None)
        return
    for piece in answer.printed():
        print(piece, end="")
    if sys.stdout.isatty():
        _print_coloured(_explanation(answer))
    tokenizer = run.encoding.tokenizer
    if run.recipe.model.learns_by == "solver" and tokenizer is not None and not tokenizer.config.ordered:
        for name, content in tokenizer.steps(_explanation(answer).text):
            print(f"    {name}: {on_one_line(content)}")
    sys.stdout.flush()


def _explanation(answer: "Answer | StreamedAnswer") -> "Explanation":
    from ..analysis.explanations.explanation import Explanation

    assert isinstance(answer.reason, Explanation)
    return answer.reason


def _print_coloured(explanation: "Explanation") -> None:
    from rich.text import Text

    line = Text("    ")
    for piece, number, part in explanation.pieces():
        colour = "green" if number > 0 else "red"
        line.append(on_one_line(piece), style=f"bold {colour}" if part > STRONG else colour if part > WEAK else "")
    console().print(line)


def write_explanations(run: "OpenedRun", answers: "Sequence[Answer | StreamedAnswer]", html: Path) -> None:
    """Write all explanations as one page."""
    from ..analysis.explanations.page import page
    from ..training.folder.files import write_atomically

    explained = [(answer.to_json(), _explanation(answer)) for answer in answers]
    write_atomically(html.expanduser().resolve(), page(run.directory.address, explained))


def print_faithfulness(runs: "Sequence[OpenedRun]", names: str, split: str | None, n_rows: int, as_json: bool) -> None:
    """Print the faithfulness of each method, one table per run, or as JSON. Raises ConfigError before anything is measured."""
    from ..analysis.explanations.evaluation import checked_methods, faithfulness_of_run

    methods = [checked_methods(run, names) for run in runs]
    reports = [faithfulness_of_run(run, each, split, n_rows) for run, each in zip(runs, methods, strict=True)]
    if as_json:
        found = [{"run": run.directory.address, **report.to_json()} for run, report in zip(runs, reports, strict=True)]
        print_json(found if len(found) > 1 else found[0])
        return
    for run, report in zip(runs, reports, strict=True):
        _print_report(run, report)


def _print_report(run: "OpenedRun", report: "FaithfulnessReport") -> None:
    from ..analysis.explanations.explanation import percentage
    from .tables import table

    rows = []
    for each in report.methods:
        for name, measure in (("comprehensiveness", each.comprehensiveness), ("sufficiency", each.sufficiency)):
            low, high = measure.interval
            rows.append([each.method, name, figure(measure.value), figure(measure.random), f"{measure.difference:+.4f}",
                         f"{low:+.4f} to {high:+.4f}"])
    title = f"{run.directory.address} on {report.split}, {report.rows:,} texts: drop of the predicted class in {report.scores}"
    table(["method", "measure", "value", "random words", "difference", "95 % interval"], rows, title=title)
    if report.left_out:
        say(f"Texts left out: {report.left_out:,}. They have fewer than two words, or their tokens cannot be mapped to words.")
    for method in report.not_measured:
        say(f"Not measured: {method}. Its features cannot be traced to the words of a text.")
    if errors := [f"{each.method} {percentage(each.completeness_error)}" for each in report.methods if each.completeness_error is not None]:
        say(f"Median completeness error: {', '.join(errors)}.")
    say("Comprehensiveness should be high (without these words the class is lost), sufficiency low (these words alone keep it).")
    print(f"Written to {run.directory.folder / 'explanations.json'}")
