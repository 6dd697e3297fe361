"""From the sections of a recipe to splits that can be cut into batches."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from ..configs.schema.data import DataConfig, FileData, NamedData, SizesData
from ..configs.schema.model import ModelConfig
from ..configs.schema.networks import TransformerConfig
from ..configs.schema.task import ClassificationConfig, LanguageModelingConfig, SequenceToSequenceConfig, TaggingConfig, TaskConfig
from ..configs.schema.tokenizer import TokenizerConfig, WordTokenizer
from ..errors import ConfigError, DataError
from .encoded.cache import Cache
from .encoded.labelled_texts import LabelledTexts
from .encoded.split import Data, Encoding, Split
from .encoded.tagged_sentences import TaggedSentences, TaggedSplit
from .encoded.text_pairs import PairSplit, TextPairs, refuse_longer
from .encoded.token_stream import RunningText
from .read import read_dataset, read_file
from .tables import Dataset, Table

T = TypeVar("T")


class Preparation(Protocol):
    """What a task makes of tables: one class for each task."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns that the task reads."""
        ...

    def learn(self, train: Table, tokenizer: TokenizerConfig | None, cache: Cache) -> Encoding:
        """What the training split teaches: labels, tokenizers, sizes."""
        ...

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[Split, Sequence[str]]:
        """One split in numbers; and notices."""
        ...

    def read_by_tokenizer(self, table: Table) -> Sequence[str]:
        """The texts that the tokenizer is trained on, and encodes."""
        ...

    def questions(self, texts: Sequence[str], encoding: Encoding) -> Split:
        """Texts of which nothing is known, prepared to be predicted."""
        ...


def preparation(task: TaskConfig | None) -> Preparation:
    """How this task reads its data. Raises ConfigError where there is no task."""
    if isinstance(task, ClassificationConfig):
        return LabelledTexts(task)
    if isinstance(task, TaggingConfig):
        return TaggedSentences(task)
    if isinstance(task, LanguageModelingConfig):
        return RunningText(task)
    if isinstance(task, SequenceToSequenceConfig):
        return TextPairs(task)
    raise ConfigError("task: is missing, and without it nothing can be trained or scored; take for example "
                      "`task: {type: classification}`.")


def build_data(
    data: DataConfig,
    tokenizer: TokenizerConfig | None,
    task: TaskConfig | None,
    tell: Callable[[str], object] | None = None,
) -> Data:
    """All splits in numbers; labels and tokenizers are those of the training split alone, but for words that are `counted_in: all_splits`.

    `tell` is given a line before anything begins that takes long.
    Raises ConfigError where there is nothing to train on, DataError for data that the task cannot be trained on.
    """
    prepare, data, cache = preparation(task), _text(data), Cache(tell=tell)
    dataset = read_dataset(data, prepare.columns)
    train = dataset.splits["train"]
    if not len(train):
        raise DataError(f"{train.source} has no training example. Add some, or look at the split with `nlp data show`.")
    encoding = prepare.learn(_end_to_end(counted_splits(tokenizer, dataset.splits)), tokenizer, cache)
    splits, notices = {}, [*dataset.notices]
    for name, table in dataset.splits.items():
        splits[name], said = prepare.split(name, table, encoding, cache)
        notices += said
    return Data(splits, encoding, dataset.hashes, [*notices, *cache.notices], cache.entries.root if encoding.tokenizers else None)


def read_split(
    data: DataConfig, task: TaskConfig | None, encoding: Encoding, name: str | None, hashes: Collection[str] = ()
) -> tuple[Split, Sequence[str]]:
    """One split of a recipe's data, prepared as a finished run needs it; and notices. Without a name it is test, or validation where
    there is no test.

    Nothing is learned here: `encoding` is the run's own, and `hashes` those of the files that it was trained with.
    """
    prepare, cache = preparation(task), Cache()
    dataset = read_dataset(_text(data), prepare.columns)
    name = name or next(split for split in ("test", "validation") if split in dataset.splits)
    if name not in dataset.splits:
        raise DataError(f"{dataset.name} has no split `{name}`; it has {', '.join(dataset.splits)}. Score one of these with "
                        "--split, or a file with --data.")
    split, said = prepare.split(name, dataset.splits[name], encoding, cache)
    return split, [*_changed(dataset, hashes), *dataset.notices, *said, *cache.notices]


def read_file_as_split(data: DataConfig, task: TaskConfig | None, encoding: Encoding, file: str) -> tuple[Split, Sequence[str]]:
    """A file as a split of its own, prepared as a finished run needs it; and notices.

    Columns are named as in the recipe's own files; beside a named dataset, as the task names them.
    """
    prepare, data, cache = preparation(task), _text(data), Cache()
    form = data if isinstance(data, FileData) else FileData(type="files", train=file)
    split, said = prepare.split(_name_of(file), read_file(form, file, prepare.columns)[0], encoding, cache)
    return split, [*said, *cache.notices]


def counted_splits(tokenizer: TokenizerConfig | None, splits: Mapping[str, T]) -> Sequence[T]:
    """Those of the splits that the vocabulary is counted in: the training split alone, or all of them."""
    everywhere = isinstance(tokenizer, WordTokenizer) and tokenizer.counted_in == "all_splits"
    return list(splits.values()) if everywhere else [splits["train"]]


def _end_to_end(tables: Sequence[Table]) -> Table:
    """One table behind the other, where there are several; what it teaches is not pointed at by line."""
    first = tables[0]
    if len(tables) == 1:
        return first
    return Table({name: [text for table in tables for text in table.columns[name]] for name in first.columns}, first.source)


def _changed(dataset: Dataset, hashes: Collection[str]) -> list[str]:
    """A notice of files that are not what a run was trained with."""
    changed = [path for path, digest in dataset.hashes.items() if hashes and digest not in hashes]
    return [f"{', '.join(changed)}: not what the run was trained with, so examples that it learned from may be among those that are "
            "scored here."] if changed else []


def read_texts(data: DataConfig, task: TaskConfig | None) -> Mapping[str, Sequence[str]]:
    """What the tokenizer reads of every split."""
    prepare, data = preparation(task), _text(data)
    return {name: prepare.read_by_tokenizer(table) for name, table in read_dataset(data, prepare.columns).splits.items()}


def questions(texts: Sequence[str], task: TaskConfig | None, encoding: Encoding) -> Split:
    """Texts of which nothing is known, prepared to be predicted."""
    return preparation(task).questions(texts, encoding)


def cut_notices(split: Split, model: ModelConfig) -> list[str]:
    """A notice of texts that are longer than the positions that a model has, and what becomes of them.

    Raises DataError for a source or target that is longer.
    """
    if isinstance(split, PairSplit):
        refuse_longer(split, model)
    limit = model.max_positions if isinstance(model, TransformerConfig) else None
    longer = 0 if limit is None or split.lengths is None else int((split.lengths > limit).sum())
    what = "texts" if split.name == "texts" else f"{split.name} texts"
    reads = "each in windows of so many, which do not see one another" if isinstance(split, TaggedSplit) else "the beginning of each"
    return [f"{longer:,} of {len(split):,} {what} have more than model.max_positions = {limit} tokens; the model reads {reads}."
            ] if longer else []


def _text(data: DataConfig) -> NamedData | FileData:
    if isinstance(data, SizesData):
        raise ConfigError("data.type is `sizes`: enough to count a model, but there are no texts to train or score it on. "
                          "Set data.type to `named` or `files`.")
    return data


def _name_of(file: str) -> str:
    """What predictions are kept under: never the name of one of the data's own splits."""
    return f"file-{Path(file).name.partition('.')[0]}"
