"""`nlp compare`: which method is better, by how much, and whether the difference is real."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import complete_run

if TYPE_CHECKING:
    from ..analysis.comparison.from_runs import Example, Outcome
    from ..analysis.comparison.prospects import Prospect


def compare(
    runs: Annotated[list[str] | None, typer.Argument(
        metavar="[RUN|RECIPE|PATTERN]...", autocompletion=complete_run,
        help="Runs (a path, RECIPE/NAME, or RECIPE/HASH for all its seeds), recipes (the latest method of each) or patterns such as "
             "'names/*'. Runs of one recipe with different seeds are one method.")] = None,
    predictions: Annotated[list[Path] | None, typer.Option(
        help="A file with another system's predictions for the same texts, CSV, TSV or JSONL with the columns text, gold and prediction; "
             "may be given several times.")] = None,
    split: Annotated[str, typer.Option(help="The split that they are compared on.")] = "test",
    metric: Annotated[str | None, typer.Option(help="Another metric than the main one of the task.")] = None,
    margin: Annotated[float | None, typer.Option(min=0, help="A difference too small to matter, in points (or in the metric's own unit "
                                                             "for losses): shows whether methods are the same in practice.")] = None,
    power: Annotated[bool, typer.Option("--power", help="Only what the test set can show; without runs from --rows, --accuracy and "
                                                        "--disagreement.")] = False,
    rows: Annotated[int | None, typer.Option(min=1, help="With --power: examples in the test set.")] = None,
    accuracy: Annotated[float | None, typer.Option(min=0, max=1, help="With --power: the accuracy that is expected, such as 0.9.")] = None,
    disagreement: Annotated[float | None, typer.Option(min=0, max=1, help="With --power: the share of examples that only one of two "
                                                                          "methods gets right.")] = None,
    confidence: Annotated[float, typer.Option(help="Of the intervals; a difference is real at 1 minus this.")] = 0.95,
    cluster: Annotated[str | None, typer.Option(help="A column of the data: rows with the same value, such as the sentences of one "
                                                     "document, are drawn together.")] = None,
    latency: Annotated[bool, typer.Option("--latency", help="Measure how long each method takes to answer 1 and 64 texts.")] = False,
    words: Annotated[bool, typer.Option("--words", help="Also compare by words that training lacks and by how rare words are.")] = False,
    examples: Annotated[int, typer.Option(min=0, help="Show so many examples that only one of the two best methods gets right.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write the methods to this file as CSV.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write sentence and tables to this file as Markdown.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Write the tables to this file as LaTeX.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with all of it and pictures to this file.")] = None,
) -> None:
    """Compare methods on the same test: which is better, by how much, whether the difference is real, and what it costs."""
    from ..analysis.comparison.from_runs import Wanted, compare_runs
    from .console import notice

    files = {"csv": csv, "markdown": markdown, "latex": latex, "html": html}
    _refuse_outputs(files)
    if not runs and not predictions:
        _refuse_without_runs([metric, margin, cluster, latency or None, examples or None, *files.values()])
        _print_prospects(_assumed(power, rows, accuracy, disagreement, confidence), rows or 0, json)
        return
    _refuse_assumptions(rows, accuracy, disagreement)
    outcome = compare_runs(runs or [], predictions or [], Wanted(split, metric, margin, confidence, cluster, latency, words))
    for each in outcome.notices:
        notice(each)
    _write(outcome, examples, files)
    if power:
        _print_power(outcome, json)
    elif json:
        _print_json(outcome, examples)
    else:
        _print(outcome, examples)


def _assumed(power: bool, rows: int | None, accuracy: float | None, disagreement: float | None, confidence: float) -> "list[Prospect]":
    """What the options alone say. Raises ConfigError where they are not enough."""
    from ..analysis.comparison.prospects import expected_disagreements, prospects
    from ..errors import ConfigError

    if not power:
        raise ConfigError("Name what to compare: runs, recipes or patterns such as 'names/*'. `nlp runs` lists all runs.")
    if rows is None or (accuracy is None and disagreement is None):
        raise ConfigError("Without runs, --power needs the size of the test set and how good or how different the systems are, such as "
                          "`nlp compare --power --rows 1500 --accuracy 0.85` or `--rows 1500 --disagreement 0.1`.")
    if not 0.5 <= confidence < 1:
        raise ConfigError(f"--confidence is a share such as 0.95, from 0.5 to below 1; {confidence:g} is not.")
    shares = expected_disagreements(accuracy) if accuracy is not None else []
    stated = [("as stated", disagreement)] if disagreement is not None else []
    return prospects(rows, [*stated, *shares], 1 - confidence)


def _refuse_without_runs(options: Sequence[object]) -> None:
    from ..errors import ConfigError

    if any(each is not None for each in options):
        raise ConfigError("Without runs, compare takes only --power with --rows, --accuracy, --disagreement, --confidence and --json. "
                          "Name what to compare: runs, recipes or patterns such as 'names/*'; `nlp runs` lists all runs.")


def _refuse_outputs(files: dict[str, Path | None]) -> None:
    """Raises ConfigError for files that cannot be written, before anything is read or measured."""
    from ..errors import ConfigError

    options: dict[Path, str] = {}
    for option, path in files.items():
        if path is None:
            continue
        full = path.expanduser().resolve()
        if full.is_dir():
            raise ConfigError(f"--{option} {path} is a folder. Name a file.")
        if not full.parent.is_dir():
            raise ConfigError(f"--{option} {path} cannot be written: there is no folder {full.parent}. Make it first.")
        if (other := options.setdefault(full, option)) != option:
            raise ConfigError(f"--{other} and --{option} would both be written to {path}. Name two files.")


def _refuse_assumptions(rows: int | None, accuracy: float | None, disagreement: float | None) -> None:
    from ..errors import ConfigError

    if (rows, accuracy, disagreement) != (None, None, None):
        raise ConfigError("--rows, --accuracy and --disagreement are for --power without runs; with runs these are measured. "
                          "Leave out one or the other.")


def _print_prospects(found: "list[Prospect]", rows: int, json: bool) -> None:
    from ..analysis.comparison.prospects import sentence
    from ..training.folder.files import plain
    from .console import print_json, say
    from .tables import table

    if json:
        print_json(plain({"examples": rows, "prospects": [each._asdict() for each in found]}))
        return
    say(sentence(found[0], rows))
    heads = ["two systems", "disagree on", "smallest difference shown", "examples for one point"]
    table(heads, [[each.what, f"{100 * each.disagreement:.1f} %", _points(each.smallest), f"{each.rows_for_a_point:,.0f}"]
                  for each in found])


def _points(share: float) -> str:
    from math import isfinite

    return f"{100 * share:.1f} points" if isfinite(share) else "none"


def _print_power(outcome: "Outcome", json: bool) -> None:
    """What the test set can show of these methods, or of one method and others like it."""
    from ..analysis.comparison.output.sentences import power
    from ..analysis.comparison.prospects import expected_disagreements, of_seeds, prospects
    from .console import say

    found = outcome.found
    if len(found.methods) == 1:
        method, n = found.methods[0], found.n_rows
        shares = [*of_seeds(method), *expected_disagreements(float(method.right.mean()))]
        _print_prospects(prospects(n, shares, found.alpha), n, json)
    elif json:
        _print_json(outcome, 0)
    else:
        for each in found.pairs:
            say(power(each, found))


def _print_json(outcome: "Outcome", examples: int) -> None:
    from ..training.folder.files import plain
    from .console import print_json

    print_json(plain(_as_json(outcome, examples)))


def _as_json(outcome: "Outcome", most: int) -> dict[str, Any]:
    from ..analysis.comparison.from_runs import examples
    from ..analysis.comparison.output.as_json import as_json

    return {**as_json(outcome.found), "notices": outcome.notices,
            **({"examples_apart": [each._asdict() for each in examples(outcome, most)]} if most else {})}


def _print(outcome: "Outcome", most: int) -> None:
    """The sentence first, then the tables, then how they differ."""
    from ..analysis.comparison.from_runs import examples
    from ..analysis.comparison.output.grids import grids
    from ..analysis.comparison.output.sentences import agreement, cautions, headline
    from .console import say
    from .tables import table

    found, shown = outcome.found, examples(outcome, most)
    say(headline(found))
    for grid in grids(found):
        print()
        table(grid.heads, grid.rows, title=grid.title)
    if found.pairs:
        print()
        for line in agreement(found.pairs[0], found):
            say(line)
    for line in cautions(found):
        say(f"Note: {line}")
    if most and found.pairs:
        _print_examples(outcome, shown)


def _print_examples(outcome: "Outcome", shown: "Sequence[Example]") -> None:
    from ..terminal import on_one_line
    from .console import say
    from .tables import table

    if not shown:
        say("There is no example that one gets right and the other wrong.")
        return
    first, second = (method.name for method in outcome.found.methods[:2])
    rows = [[each.right, on_one_line(each.text), on_one_line(each.label), *map(on_one_line, each.said)] for each in shown]
    print()
    table(["right", "text", "gold", f"{first} says", f"{second} says"], rows, title="examples that only one gets right")


def _write(outcome: "Outcome", most: int, files: dict[str, Path | None]) -> None:
    """The files that are asked for."""
    from ..analysis.comparison.output.grids import as_csv, latex, markdown
    from ..analysis.comparison.output.sentences import headline
    from ..terminal import visible
    from ..training.folder.files import write_atomically

    found, made = outcome.found, {}
    if files["csv"] is not None:
        made[files["csv"]] = as_csv(found)
    if files["markdown"] is not None:
        made[files["markdown"]] = markdown(headline(found), found)
    if files["latex"] is not None:
        made[files["latex"]] = latex(headline(found), found)
    if files["html"] is not None:
        from ..analysis.comparison.from_runs import examples
        from ..analysis.comparison.output.page import page

        made[files["html"]] = visible(page(found, examples(outcome, most)))
    for path, content in made.items():
        write_atomically(path.expanduser().resolve(), content)
