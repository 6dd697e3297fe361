"""Report of `nlp config init` on the data: rows, classes, lengths, and advice on likely problems."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..configs.schema.recipe import Recipe
from ..datasets.check import SplitCheck, check_splits, find_leaks
from ..datasets.formats.encodings import UTF8, first_foreign_line
from ..datasets.read import read_dataset
from ..tasks.build import task_class
from ..terminal import argument
from .console import notice, say
from .sample import Sample

if TYPE_CHECKING:
    from ..datasets.tables import Dataset

LABELS = {"classification": ("Text", "class", "classes"), "regression": ("Text", "number", "numbers"),
          "tagging": ("Tokens", "tags", "tags"),
          "parsing": ("Words", "relations", "relations"), "ranking": ("Query", "candidate", "candidates")}
"""Names of the two columns, and the plural of the second."""
SHOWN, FEW_ROWS, IMBALANCE = 20, 10, 10
"""Number of classes listed; rows below which a class is small; ratio of class sizes that counts as an imbalance."""


def print_data(recipe: Recipe, sample: Sample, notices: Sequence[str]) -> None:
    """Read the data as a run does, and print a summary."""
    dataset = _read(recipe, notices)
    tagged = sample.task in ("tagging", "parsing")
    checks = check_splits(dataset.splits, *sample.names, tagged)
    say(f"{_columns(sample)}; {', '.join(f'{split} {each.examples:,}' for split, each in checks.items())} rows.")
    if sample.encoding != UTF8:
        shown = first_foreign_line("\n".join(sample.texts))
        say(f"The file is read as {sample.encoding}: {shown!r}. If that looks wrong, set --encoding.")
    train = checks["train"]
    if not sample.numbers:
        unit = "sentence" if tagged else "query" if sample.task == "ranking" else "text"
        say(f"A {unit} has {train.words.minimum:,} to {train.words.maximum:,} words (median {train.words.median:,}).")
    if sample.task == "regression":
        numbers = [float(each) for each in train.labels]
        say(f"The number ranges from {min(numbers):,g} to {max(numbers):,g} in train.")
    elif sample.task != "ranking":
        say(f"{len(train.labels)} {LABELS[sample.task][2]} in train: {_counts(train.labels)}.")
    for each in [*dataset.notices, *_warnings(sample, checks), *_leaks(dataset, sample, checks)]:
        notice(each)


def _columns(sample: Sample) -> str:
    """The columns that inputs and answers are read from."""
    texts, labels, _ = LABELS[sample.task]
    numbers = f"{len(sample.numbers)} column{'s' * (len(sample.numbers) != 1)} of numbers"
    read = numbers if sample.numbers else f"{texts} from column {sample.text!r}"
    second = "" if sample.other is None else f", the second text from column {sample.columns.get('other', sample.other)!r}"
    relevance = "" if sample.relevance is None else f", its relevance from column {sample.relevance!r}"
    return f"{read}{second}, {labels} from column {sample.label!r}{relevance}"


def predict_arguments(sample: Sample) -> str:
    """Arguments of `nlp predict RUN`: a table like the training file if predictions can be added to it, otherwise lines of text."""
    if sample.task == "ranking":
        return "--input QUERIES.txt --candidates CANDIDATES.txt"
    if sample.task == "parsing":
        return "--input NEW.conllu --output PREDICTED.conllu"
    ending = sample.file.name.removesuffix(".gz").rpartition(".")[2] if sample.format != "huggingface" else "csv"
    written = ending in ("csv", "tsv", "jsonl", "conll", "parquet", "xlsx") or sample.format in ("tsv", "conll")
    return f"--input {argument(f'NEW.{ending}')} --output {argument(f'PREDICTED.{ending}')}" if written else "--input LINES.txt"


def _read(recipe: Recipe, notices: Sequence[str]) -> "Dataset":
    """The splits without rows that the task drops, and notices about these."""
    from ..configs.schema.data import SizesData

    assert recipe.task is not None and not isinstance(recipe.data, SizesData), "the recipe was written for files"
    preparation = task_class(recipe.task).prepare(recipe.task)
    dataset = read_dataset(recipe.data, preparation.columns)
    checked = {name: preparation.checked(table) for name, table in dataset.splits.items()}
    found = [f"{name}: {each}" for name, (_, more) in checked.items() for each in more]
    return replace(dataset, splits={name: table for name, (table, _) in checked.items()}, notices=[*notices, *found])


def _counts(labels: Mapping[str, int]) -> str:
    listed = [f"{label} {count:,}" for label, count in list(labels.items())[:SHOWN]]
    return ", ".join(listed) + (f", and {len(labels) - SHOWN} more" if len(labels) > SHOWN else "")


def _warnings(sample: Sample, checks: Mapping[str, SplitCheck]) -> list[str]:
    warnings, labels = [], checks["train"].labels
    if "validation" not in sample.splits:
        warnings.append(f"there is no validation file, so {checks['validation'].examples:,} rows are held out of the training file at "
                        "random. If rows belong together (one author, one document), split them yourself and give --validation.")
    if sample.task == "tagging" and {"U", "L"} & {label[:1] for label in labels if label[1:2] == "-"}:
        warnings.append("the tags look like BILOU, whose spans are not scored; write E- for L- and S- for U-, which is BIOES.")
    if sample.task != "classification":
        return warnings
    counts = list(labels.values())
    if few := [label for label, count in labels.items() if count < FEW_ROWS]:
        warnings.append(f"{len(few)} of {len(labels)} classes have fewer than {FEW_ROWS} training rows ({', '.join(few[:5])}"
                        f"{', ...' * (len(few) > 5)}), too few to learn from or to measure. Collect more, merge them or leave them out.")
    if counts and counts[0] >= IMBALANCE * counts[-1]:
        warnings.append(f"classes are unbalanced: {counts[0]:,} training rows of {next(iter(labels))} and {counts[-1]:,} of "
                        f"{list(labels)[-1]}. Look at `f1` rather than accuracy; `class_weight: balanced` (in `model`, or `class_weights` "
                        "in `task` for networks) gives rare classes more weight.")
    if unseen := {label for each in checks.values() for label in each.unseen_labels}:
        warnings.append(f"train lacks the classes {', '.join(sorted(unseen)[:5])}, which other splits have; a model gets these rows wrong.")
    return warnings


def _leaks(dataset: "Dataset", sample: Sample, checks: Mapping[str, SplitCheck]) -> list[str]:
    """Warnings about texts that are also in train; rows of numbers are not compared."""
    if sample.numbers:
        return []
    leaks = [leak for leak in find_leaks(dataset.splits, *sample.names) if leak.rows and leak.other == "train"]
    remedy = ("remove the duplicates from the file, or give a --validation file of your own"
              if "validation" not in sample.splits else "remove them from the training file")
    return [f"{leak.rows:,} of {checks[leak.split].examples:,} {leak.split} texts occur in train too (the first: {leak.places[0]}), so its "
            f"scores are too optimistic for new texts: {remedy if leak.split == 'validation' else 'remove them from one of the files'}."
            for leak in leaks]
