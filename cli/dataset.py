"""The dataset that `nlp data` shows: named directly, or by a recipe."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ConfigError
from ..terminal import argument

if TYPE_CHECKING:
    from ..configs.schema.data import FileData, NamedData
    from ..configs.schema.tokenizer import TokenizerConfig
    from ..datasets.check import TokenCheck
    from ..datasets.encoded.preparation import Preparation
    from ..datasets.tables import Dataset, Table

ROWS = "(numbers)"
"""Name of the column that shows the numbers of a row as one text."""
_DATA_SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx")


class Opened(NamedTuple):
    """A dataset, the columns to show, and the recipe's tokenizer if it has one.

    `label` is empty if texts have no class; if `tagged`, it contains one tag for each token of the text. `pictures`: whether `text`
    contains pictures.
    """

    dataset: "Dataset"
    text: str
    label: str
    tagged: bool = False
    tokenizer: "TokenizerConfig | None" = None
    pictures: bool = False

    @property
    def one_text(self) -> bool:
        """Whether each split is one long text."""
        return all(len(table) == 1 for table in self.dataset.splits.values())


def open_target(target: str, overrides: Sequence[str], every_column: bool) -> Opened:
    """Read a named dataset or the data of a recipe: all columns, or only text and class."""
    from ..configs.schema.data import NamedData
    from ..datasets.named.catalog import DATASETS, find_dataset

    refuse_data_file(target, "a dataset or a recipe")
    if target not in DATASETS and ("/" in target or target.endswith((".yaml", ".yml"))):
        return _open_recipe(target, overrides, every_column)
    named = find_dataset(target)
    if overrides:
        raise ConfigError(f"--set changes a recipe, but {target} is a dataset. Name a recipe, such as {target}/rules.")
    data = NamedData(type="named", name=target)
    dataset = _read(data, _named(named.text, named.label), every_column)
    return Opened(dataset, named.text, named.label, named.tagged, pictures=named.pictures)


def refuse_data_file(target: str, wanted: str) -> None:
    """Raises ConfigError if a data file is named instead of a dataset or a recipe."""
    if target.removesuffix(".gz").endswith(_DATA_SUFFIXES):
        raise ConfigError(f"{target} is a data file; give {wanted}. `nlp config init {argument(target)}` writes a recipe for it.")


def _open_recipe(target: str, overrides: Sequence[str], every_column: bool) -> Opened:
    from ..configs.load import load_recipe
    from ..configs.schema.data import SizesData
    from ..tasks.build import preparation

    recipe = load_recipe(target, overrides)
    task = recipe.task
    if isinstance(recipe.data, SizesData) or task is None:
        raise ConfigError(f"The recipe {target} has `data: {{type: sizes}}`, so there is no data to show.")
    prepared, label = preparation(task), str(getattr(task, task.label_key)) if task.label_key else ""
    if len(prepared.input_columns) == 1:
        text, source_type = prepared.input_columns[0], getattr(task, "source_type", None)
        if source_type == "label":  # texts are generated from it
            text, label = prepared.columns[1], text
        dataset = _read(recipe.data, _named(text, label), every_column)
        pictures = source_type == "picture" or getattr(task, "picture", None) is not None
        return Opened(dataset, text, label, task.tagged, None if pictures else recipe.tokenizer, pictures)
    return Opened(_with_rows(_read(recipe.data, prepared.columns, every_column), prepared), ROWS, label)


def _with_rows(dataset: "Dataset", prepared: "Preparation") -> "Dataset":
    """Add a column that shows everything a model reads of a row as one text."""
    from ..datasets.tables import Table

    splits = {name: Table({ROWS: prepared.row_texts(prepared.checked(table)[0]), **table.columns}, table.source, table.lines)
              for name, table in dataset.splits.items()}
    return replace(dataset, splits=splits)


def _named(*columns: str) -> list[str]:
    return [column for column in columns if column]


def _read(data: "NamedData | FileData", wanted: Sequence[str], every_column: bool) -> "Dataset":
    from ..datasets.read import read_dataset

    dataset = read_dataset(data, () if every_column else wanted)
    if any(name not in table.columns for table in dataset.splits.values() for name in wanted):
        return read_dataset(data, wanted)  # raises the error that names the missing column
    return dataset


def facts_of(opened: Opened) -> dict[str, Any]:
    """The name and, for a named dataset, its entry in the catalog."""
    from ..datasets.named.catalog import DATASETS

    name = opened.dataset.name
    facts: dict[str, Any] = {"name": name}
    if name in DATASETS:
        facts |= {key: getattr(DATASETS[name], key) for key in ("description", "language", "licence")}
    if name == "names":
        from ..datasets.named.names import LEFT_OUT

        facts["left out"] = f"{LEFT_OUT:,} surnames that occur in several languages"
    return facts


def take_samples(split: "Table", n: int) -> list[dict[str, str]]:
    """`n` evenly spaced rows, since many files are sorted by class."""
    n = min(n, len(split))
    return [{name: values[place * len(split) // n] for name, values in split.columns.items() if name != ROWS} for place in range(n)]


def label_counts(opened: Opened) -> dict[str, dict[str, int]]:
    """How often each class or tag occurs in each split, the most frequent first."""
    from ..datasets.check import count_labels

    return {name: count_labels(each, opened.label, opened.tagged) for name, each in opened.dataset.splits.items()}


def token_checks(opened: Opened) -> "dict[str, TokenCheck]":
    """Train the tokenizer as for a run, on the training texts only, but without truncation, and count what it would truncate.

    In tagged sentences each token is encoded as a text of its own, as in a run.
    """
    from ..configs.schema.tokenizer import TokenSequence
    from ..datasets.check import check_tokens, tokens_as_texts
    from ..datasets.tokenizers.tokenizer import train_tokenizer
    from ..training.sources.tagger import open_tagger
    from ..training.sources.vectors import open_vectors

    config = opened.tokenizer
    if config is None:
        return {}
    max_length = config.max_length if isinstance(config, TokenSequence) else None
    uncut = config.model_copy(update={"max_length": None}) if max_length else config
    splits = tokens_as_texts(opened.dataset.splits, opened.text) if opened.tagged else opened.dataset.splits
    tokenizer = train_tokenizer(uncut, splits["train"].columns[opened.text], open_tagger, open_vectors)
    return check_tokens(splits, opened.text, tokenizer, max_length)
