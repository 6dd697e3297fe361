"""Builds encoded splits, ready for batching, from the sections of a recipe."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from ..configs.schema.data import DataConfig, FileData, NamedData, SizesData
from ..configs.schema.tokenizer import TokenizerConfig, WordTokenizer
from ..errors import ConfigError, DataError
from .encoded.cache import Cache
from .encoded.preparation import Preparation, Tokenizers
from .encoded.split import Data, Encoding, Split
from .read import is_table, read_dataset, read_given
from .splits import train_part
from .tables import Dataset, Table
from .tokenizers.tagger import OpenTagger, no_tagger
from .tokenizers.tokenizer import Tokenizer
from .word_vectors import OpenVectors, open_file

T = TypeVar("T")
EMPTY: Mapping[str, str] = MappingProxyType({})


def build_data(
    data: DataConfig,
    tokenizer: TokenizerConfig | None,
    preparation: Preparation,
    report: Callable[[str], object] | None = None,
    given: Mapping[str, Tokenizer] | None = None,
    open_tagger: OpenTagger = no_tagger,
    open_vectors: OpenVectors = open_file,
) -> Data:
    """All splits, encoded as the task needs them.

    Labels and tokenizers are learned from the training split alone, except words that are `counted_in: all_splits`; `given` tokenizers,
    by role, are used unchanged. `report` is called with a message before each slow step; `open_tagger` opens the run
    that predicts parts of speech, `open_vectors` word vectors.
    Raises ConfigError if the recipe names no texts, DataError for data that the task cannot be trained on.
    """
    data, cache = _with_texts(data), Cache(report=report, open_tagger=open_tagger, open_vectors=open_vectors)
    dataset = _read(data, preparation)
    train = dataset.splits["train"]
    if not len(train):
        raise DataError(f"{train.source} has no training example. Add some, or look at the split with `nlp data show`.")
    counted = _concatenated(counted_splits(tokenizer, dataset.splits))
    encoding = preparation.learn(counted, Tokenizers(tokenizer, cache, given or {}))
    splits, notices = {}, [*dataset.notices]
    for name, table in dataset.splits.items():
        splits[name], split_notices = preparation.split(name, table, encoding, cache)
        notices += split_notices
    hashes = {**dataset.hashes, **_picture_hashes(dataset, preparation)}
    return Data(splits, encoding, hashes, [*notices, *cache.notices], cache.entries.folder if encoding.tokenizers else None)


def read_split(
    data: DataConfig, preparation: Preparation, encoding: Encoding, name: str | None, hashes: Collection[str] = ()
) -> tuple[Split, Sequence[str]]:
    """One split of a recipe's data, prepared for a finished run; and notices. The default is test, or validation if there is no test
    split.

    Nothing is learned here: `encoding` comes from the run, and `hashes` are those of its training files.
    """
    cache = Cache()
    dataset = _read(_with_texts(data), preparation)
    name = name or next(split for split in ("test", "validation") if split in dataset.splits)
    if name not in dataset.splits:
        raise DataError(f"{dataset.name} has no split `{name}`; it has {', '.join(dataset.splits)}. Score one of these with "
                        "--split, or a file with --data.")
    split, split_notices = preparation.split(name, dataset.splits[name], encoding, cache)
    changed = _changed({**dataset.hashes, **_picture_hashes(dataset, preparation)}, hashes)
    return split, [*changed, *dataset.notices, *split_notices, *cache.notices]


def read_file_as_split(data: DataConfig, preparation: Preparation, encoding: Encoding, file: str,
                       columns: Mapping[str, str] = EMPTY) -> tuple[Split, Sequence[str]]:
    """A file as a separate split, prepared for a finished run; and notices.

    Columns have the names that they have in the recipe's own files, or those of the task if the recipe has a named dataset; `columns`
    maps these names to others.
    """
    data, cache = _with_texts(data), Cache()
    file_data = read_given(data, file, columns, preparation.columns, _remedy(preparation), preparation.column_roles, preparation.document)
    table, skipped = preparation.checked(file_data.table)
    if preparation.refers_to_training:
        _read(data, preparation)
    split, split_notices = preparation.split(_name_of(file), table, encoding, cache)
    file_notices = file_data.notices if is_table(data, file) else file_data.notices[1:]
    return split, [*file_notices, *skipped, *split_notices, *cache.notices]


def _remedy(preparation: Preparation) -> str:
    """What to do if the file lacks a column: only columns of texts and gold answers may have names that differ from the recipe's."""
    if preparation.reads_more_than_texts:
        return "The columns that the model reads must have the same names as in training; name that of the gold answers with --label."
    return f"Name the columns with {'--text, --other' if preparation.n_texts > 1 else '--text'} and --label."


def read_texts(data: DataConfig, preparation: Preparation) -> Mapping[str, Sequence[str]]:
    """The texts of every split that the tokenizer reads."""
    dataset = _read(_with_texts(data), preparation)
    return {name: preparation.tokenizer_texts(table) for name, table in dataset.splits.items()}


def count_training_examples(data: DataConfig, preparation: Preparation) -> int:
    """Number of rows of the training split; 1 for one long text."""
    return len(_read(_with_texts(data), preparation).splits["train"])


def read_row_texts(data: DataConfig, preparation: Preparation) -> Mapping[str, Sequence[str]]:
    """For every split, the model input of each row as one text."""
    dataset = _read(_with_texts(data), preparation)
    return {name: preparation.row_texts(table) for name, table in dataset.splits.items()}


def _read(data: NamedData | FileData, preparation: Preparation) -> Dataset:
    """The splits without the rows that the task skips, with the training split reduced to the part that the recipe specifies."""
    dataset = read_dataset(data, preparation.columns)
    checked = {name: preparation.checked(table) for name, table in dataset.splits.items()}
    notices = [notice for _, table_notices in checked.values() for notice in table_notices]
    splits = {name: table for name, (table, _) in checked.items()}
    if data.train_rows is not None or data.train_share < 1:
        train, size = splits["train"], data.train_share if data.train_rows is None else data.train_rows
        if size > len(train):
            notices.append(f"data.train_rows is {size:,}, but the training split has {len(train):,} rows, which are all used.")
        splits["train"] = train_part(train, preparation.strata(train), size, data.split_seed)
    if preparation.refers_to_training:
        preparation.saw_training(splits["train"])
    return replace(dataset, splits=splits, notices=[*dataset.notices, *notices])


def counted_splits(tokenizer: TokenizerConfig | None, splits: Mapping[str, T]) -> Sequence[T]:
    """The splits that the vocabulary is counted in: the training split alone, or all of them."""
    everywhere = isinstance(tokenizer, WordTokenizer) and tokenizer.counted_in == "all_splits"
    return list(splits.values()) if everywhere else [splits["train"]]


def _concatenated(tables: Sequence[Table]) -> Table:
    """One table with the rows of all tables; line numbers are lost if there are several."""
    first = tables[0]
    if len(tables) == 1:
        return first
    return Table({name: [text for table in tables for text in table.columns[name]] for name in first.columns}, first.source)


def read_picture_hashes(data: FileData, preparation: Preparation) -> Mapping[str, str]:
    """The hashes of the picture files that the tables name; empty, without reading the tables, for a task without pictures."""
    column = preparation.picture_files
    return {} if column is None else _picture_hashes(read_dataset(data, (column.name,)), preparation)


def _picture_hashes(dataset: Dataset, preparation: Preparation) -> Mapping[str, str]:
    column = preparation.picture_files
    return {} if column is None else column.hashes(dataset.splits.values())


def _changed(now: Mapping[str, str], hashes: Collection[str]) -> list[str]:
    """A notice about files that have changed since the run was trained on them."""
    changed = [path for path, digest in now.items() if hashes and digest not in hashes]
    return [f"{', '.join(changed)}: changed since the run was trained, so the examples that are scored here may include "
            "training examples."] if changed else []


def _with_texts(data: DataConfig) -> NamedData | FileData:
    if isinstance(data, SizesData):
        raise ConfigError("data.type is `sizes`: enough to count a model's parameters, but there are no texts to train or score it on. "
                          "Set data.type to `named` or `files`.")
    return data


def _name_of(file: str) -> str:
    """The name that predictions are saved under: never the name of one of the data's own splits."""
    return f"file-{Path(file).name.partition('.')[0]}"
