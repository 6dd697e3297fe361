"""What `nlp predict --explain` prints below each prediction, and `nlp eval --explanations` of each method."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..terminal import figure, on_one_line
from .console import console, print_json, say

if TYPE_CHECKING:
    from ..analysis.explanations.evaluation import FaithfulnessReport
    from ..analysis.explanations.explanation import Explanation
    from ..training.open_run import OpenedRun

MOST = 8
"""Words of the line."""
STRONG, WEAK = 0.5, 0.1
"""Parts of the largest number from which a word is bold, and from which it is coloured."""


@dataclass(frozen=True)
class Explained:
    """An answer, why, and for classical models the text after each step on its way to n-grams."""

    answer: Any
    explanation: "Explanation"
    steps: list[tuple[str, str]]


def explained_answers(run: "OpenedRun", method: str, output: str | None) -> Callable[[Any], Explained]:
    """From an answer to the answer with its explanation. Raises ConfigError for a method that the run cannot be explained by."""
    from ..analysis.explanations.methods import explainer
    from ..errors import ConfigError

    if output is not None:
        raise ConfigError("--output writes predictions beside the rows of a table, which has no room for explanations. Leave --explain or "
                          "--output out; --json prints both, one object per line.")
    explain, tokenizer = explainer(run, method), run.encoding.tokenizer
    shows_steps = run.recipe.model.learns_by == "solver" and tokenizer is not None and not tokenizer.config.ordered

    def explained(answer: Any) -> Explained:
        text = answer.fields["text"]
        return Explained(answer, explain(text), tokenizer.steps(text) if shows_steps and tokenizer is not None else [])

    return explained


def print_explained(explained: Explained, as_json: bool) -> None:
    """The prediction and below it the largest shares; on a terminal also the text, green where it speaks for the class, red against."""
    if as_json:
        print_json({**explained.answer.to_json(), "explanation": explained.explanation.to_json()}, indent=None)
        return
    for piece in explained.answer.printed():
        print(piece, end="")
    print(f"    {on_one_line(_line(explained.explanation))}")
    if sys.stdout.isatty() and explained.explanation.between is not None:
        _print_coloured(explained.explanation)
    for name, content in explained.steps:
        print(f"    {name}: {on_one_line(content)}")
    sys.stdout.flush()


def _line(explanation: "Explanation") -> str:
    shares = ", ".join(f"{token!r} {number:+.3f}" for token, number in explanation.largest(MOST)) or "nothing in the text counts"
    error = explanation.completeness_error
    return f"{explanation.method}: {shares}" + ("" if error is None else f" (completeness error {_percent(error)})")


def _percent(error: float) -> str:
    return f"{100 * error:.2g} %" if error < 0.1 else f"{100 * error:,.0f} %"


def _print_coloured(explanation: "Explanation") -> None:
    from rich.text import Text

    most = max((abs(number) for _, number in explanation.shares), default=0.0) or 1.0
    line = Text("    ")
    for token, number in explanation.shares:
        strength, colour = abs(number) / most, "green" if number > 0 else "red"
        line.append(on_one_line(token), style=f"bold {colour}" if strength > STRONG else colour if strength > WEAK else "")
        line.append(explanation.between or "")
    console().print(line)


def print_faithfulness(runs: "Sequence[OpenedRun]", names: str, split: str | None, n_rows: int, as_json: bool) -> None:
    """Of each run a table with the faithfulness of each method, or JSON. Raises ConfigError before anything is measured."""
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
        say(f"{report.left_out:,} texts are left out: they have fewer than two words, or their tokens cannot be traced to words.")
    say("Comprehensiveness should be high (without these words the class is lost), sufficiency low (these words alone keep it).")
    print(f"Written to {run.directory.folder / 'explanations.json'}")
