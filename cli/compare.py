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
        help="Runs (a path, RECIPE/NAME, or RECIPE/HASH for all seeds), recipes (the latest method of each) or patterns such as "
             "'names/*'. Runs of one recipe with different seeds count as one method.")] = None,
    predictions: Annotated[list[Path] | None, typer.Option(
        help="File with another system's predictions for the same texts: CSV, TSV or JSONL with the columns text, gold and prediction; "
             "can be repeated.")] = None,
    split: Annotated[str, typer.Option(help="Split to compare on.")] = "test",
    metric: Annotated[str | None, typer.Option(help="Metric to compare; by default the main metric of the task.")] = None,
    margin: Annotated[float | None, typer.Option(min=0, help="Largest difference that does not matter in practice, in points (for "
                                                             "losses, in the metric's own unit): also tests whether methods are "
                                                             "equivalent.")] = None,
    power: Annotated[bool, typer.Option("--power", help="Print only which differences the test set can detect; without runs, "
                                                        "computed from --rows, --accuracy and --disagreement.")] = False,
    rows: Annotated[int | None, typer.Option(min=1, help="With --power: number of test examples.")] = None,
    accuracy: Annotated[float | None, typer.Option(min=0, max=1, help="With --power: expected accuracy, such as 0.9.")] = None,
    disagreement: Annotated[float | None, typer.Option(min=0, max=1, help="With --power: share of examples that only one of two "
                                                                          "methods gets right.")] = None,
    confidence: Annotated[float, typer.Option(help="Confidence level of intervals; differences are tested at 1 minus this level.")] = 0.95,
    cluster: Annotated[str | None, typer.Option(help="Data column to cluster rows by: rows with the same value, such as the "
                                                     "sentences of one document, are treated as one unit.")] = None,
    latency: Annotated[bool, typer.Option("--latency", help="Measure the latency of each method for 1 and 64 texts.")] = False,
    words: Annotated[bool, typer.Option("--words", help="Also compare by words unseen in training and by word frequency.")] = False,
    examples: Annotated[int, typer.Option(min=0, help="Number of examples to show that only one of the two best methods gets right.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write the table of methods to this CSV file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write summary and tables to this Markdown file.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Write the tables to this LaTeX file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the full report with figures to this HTML file.")] = None,
) -> None:
    """Compare methods on the same test set: which is better, by how much, whether the difference is real, and what it costs."""
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
    """The power of a test set from the options alone. Raises ConfigError if they are not enough."""
    from ..analysis.comparison.prospects import expected_disagreements, prospects
    from ..errors import ConfigError

    if not power:
        raise ConfigError("Name what to compare: runs, recipes or patterns such as 'names/*'. `nlp runs` lists all runs.")
    if rows is None or (accuracy is None and disagreement is None):
        raise ConfigError("Without runs, --power needs the size of the test set and how good or how different the systems are, such as "
                          "`nlp compare --power --rows 1500 --accuracy 0.85` or `--rows 1500 --disagreement 0.1`.")
    if not 0.5 <= confidence < 1:
        raise ConfigError(f"--confidence must be at least 0.5 and below 1, such as 0.95; {confidence:g} is not.")
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
            raise ConfigError(f"--{option} {path} cannot be written: there is no folder {full.parent}. Create it first.")
        if (other := options.setdefault(full, option)) != option:
            raise ConfigError(f"--{other} and --{option} would both be written to {path}. Name different files.")


def _refuse_assumptions(rows: int | None, accuracy: float | None, disagreement: float | None) -> None:
    from ..errors import ConfigError

    if (rows, accuracy, disagreement) != (None, None, None):
        raise ConfigError("--rows, --accuracy and --disagreement are for --power without runs; with runs these are measured. "
                          "Leave out these options or the runs.")


def _print_prospects(estimates: "list[Prospect]", rows: int, json: bool) -> None:
    from ..analysis.comparison.prospects import sentence
    from ..training.folder.files import plain
    from .console import print_json, say
    from .tables import table

    if json:
        print_json(plain({"examples": rows, "prospects": [each._asdict() for each in estimates]}))
        return
    say(sentence(estimates[0], rows))
    heads = ["two systems", "disagree on", "smallest detectable difference", "examples to detect one point"]
    table(heads, [[each.what, f"{100 * each.disagreement:.1f} %", _points(each.smallest), f"{each.rows_for_a_point:,.0f}"]
                  for each in estimates])


def _points(share: float) -> str:
    from math import isfinite

    return f"{100 * share:.1f} points" if isfinite(share) else "none"


def _print_power(outcome: "Outcome", json: bool) -> None:
    """Print which differences the test set can detect between these methods, or between one method and others like it."""
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
    """Print the headline, then the tables, then how the two best methods differ."""
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
        say("There is no example that only one of them gets right.")
        return
    first, second = (method.name for method in outcome.found.methods[:2])
    rows = [[each.right, on_one_line(each.text), on_one_line(each.label), *map(on_one_line, each.said)] for each in shown]
    print()
    table(["right", "text", "gold", f"{first} predicts", f"{second} predicts"], rows, title="examples that only one gets right")


def _write(outcome: "Outcome", most: int, files: dict[str, Path | None]) -> None:
    """Write the requested files."""
    from ..analysis.comparison.output.grids import as_csv, latex, markdown
    from ..analysis.comparison.output.sentences import headline
    from ..terminal import visible
    from ..training.folder.files import write_atomically

    found, contents = outcome.found, {}
    if files["csv"] is not None:
        contents[files["csv"]] = as_csv(found)
    if files["markdown"] is not None:
        contents[files["markdown"]] = markdown(headline(found), found)
    if files["latex"] is not None:
        contents[files["latex"]] = latex(headline(found), found)
    if files["html"] is not None:
        from ..analysis.comparison.from_runs import examples
        from ..analysis.comparison.output.page import page

        contents[files["html"]] = visible(page(found, examples(outcome, most)))
    for path, content in contents.items():
        write_atomically(path.expanduser().resolve(), content)
