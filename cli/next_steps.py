"""The commands suggested under `Next:` after training or evaluating a run."""

import json
import shlex
import shutil
import sys
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ..errors import UserError
from ..terminal import argument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..configs.schema.tasks.task_base import Suggestion
    from ..training.folder.run_directory import RunDirectory

EXAMPLES, SHOWN_CHARACTERS = 100, 40
"""Number of texts searched for an example, and its preferred maximum length in characters."""
LETTERS = 4
"""Minimum length of a word that is an example."""


class Step(NamedTuple):
    """A command, and what it does."""

    command: str
    what: str


def print_next_steps(run: "RunDirectory", evaluated: bool = False) -> None:
    """Print suggestions for a run that has just been trained, or `evaluated`."""
    steps = [*_steps(run, evaluated)]
    widest = max(len(step.command) for step in steps)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1_000
    fits = all(2 + widest + 2 + len(step.what) <= width for step in steps)
    print("Next:")
    for command, what in steps:
        print(f"  {command:<{widest}}  {what}" if fits else f"  {command}\n      {what}")


def _steps(run: "RunDirectory", evaluated: bool) -> "Iterator[Step]":
    from ..training.run_summary import sections_of, task_of

    name, task = argument(_shortest_name(run)), task_of(sections_of(run))
    if not evaluated:
        yield Step(f"nlp eval {name}", "confidence intervals, baselines, detailed scores")
    if task is not None:
        yield _prediction(run, name, task.suggestion)
    if others := _to_compare(run):
        yield Step(f"nlp compare {others}", "which is better, and is it chance?")
    if not evaluated:
        yield Step("nlp tensorboard", "the curves of the latest runs")


def _prediction(run: "RunDirectory", name: str, suggestion: "Suggestion") -> Step:
    n_texts = suggestion.n_texts
    if suggestion.is_word:
        texts = [_word(run, suggestion.text or "")]
    else:
        texts = [suggestion.text] if suggestion.text else (_example(run, n_texts) or ["TEXT"] * n_texts) if n_texts else []
    given = [*map(_quoted, texts)]
    words = [suggestion.options, "--", *given] if any(text.startswith("-") for text in texts) else [*given, suggestion.options]
    return Step(" ".join(filter(None, ("nlp predict", name, *words))), suggestion.what)


def _shortest_name(run: "RunDirectory") -> str:
    """The recipe if this is its latest run, otherwise the run's address."""
    from ..training.folder.run_directory import find_run

    with suppress(UserError):
        if find_run(run.recipe).path == run.path:
            return run.recipe
    return run.address


def _example(run: "RunDirectory", n_texts: int) -> list[str] | None:
    """The first short text (or pair of texts) of the validation split, or else the shortest; None if none can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError), run.predictions("validation").open(encoding="utf-8") as lines:
        rows = [str(json.loads(line)["text"]).split("\t", n_texts - 1) for line in islice(lines, EXAMPLES)]
        examples = [[" ".join(text.split()) for text in row] for row in rows]
        complete = [row for row in examples if len(row) == n_texts and all(row)]
        return next((row for row in complete if _size(row) <= SHOWN_CHARACTERS), min(complete, key=_size, default=None))
    return None


def _word(run: "RunDirectory", preferred: str) -> str:
    """The preferred word if the run's vocabulary has it, otherwise its most frequent word of a few letters."""
    with suppress(OSError, ValueError, KeyError, TypeError, StopIteration):
        words = json.loads((run.folder / "tokenizer" / "tokenizer.json").read_bytes())["model"]["vocab"]
        return preferred if preferred in words else next(word for word in words if word.isalpha() and len(word) >= LETTERS)
    return "WORD"


def _size(row: list[str]) -> int:
    return sum(map(len, row))


def _quoted(text: str) -> str:
    """The text in double quotes, or escaped if the shell would interpret something in them."""
    return shlex.quote(text) if set(text) & set('"$`\\!') else f'"{text}"'


def _to_compare(run: "RunDirectory") -> str:
    """This run and another recipe with the same dataset and task, or a pattern if there are more; empty if there is no other."""
    from ..training.folder.run_directory import list_runs
    from ..training.run_summary import named, sections_of

    def task(each: "RunDirectory") -> str | None:
        return named(sections_of(each).get("task"), "type")

    dataset = run.dataset
    others = {each.recipe: each for each in reversed(list_runs()) if dataset and each.dataset == dataset and each.recipe != run.recipe}
    alike = [each for each in others.values() if task(each) == task(run)]
    finished = [each for each in alike if each.results.exists()]
    if len(finished) > 1 and len(alike) == len(others):
        return argument(f"{dataset}/*")
    return " ".join(map(argument, (_shortest_name(run), finished[-1].recipe))) if finished else ""
