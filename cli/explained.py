"""What `nlp predict --explain` prints below each prediction."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..terminal import on_one_line
from .console import console, print_json

if TYPE_CHECKING:
    from ..analysis.explanations.explanation import Explanation
    from ..training.open_run import OpenedRun

MOST = 8
"""Words of the line."""


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
    return f"{explanation.method}: {shares}" + ("" if error is None else f" (completeness error {100 * error:.2g} %)")


def _print_coloured(explanation: "Explanation") -> None:
    from rich.text import Text

    most = max((abs(number) for _, number in explanation.shares), default=0.0) or 1.0
    line = Text("    ")
    for token, number in explanation.shares:
        depth = int(160 * abs(number) / most)
        colour = f"rgb(0,{depth},0)" if number > 0 else f"rgb({depth},0,0)"
        line.append(on_one_line(token), style=f"white on {colour}" if depth > 10 else "")
        line.append(explanation.between or "")
    console().print(line)
