"""From the sections of a recipe to splits that can be cut into batches."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..configs.data import DataConfig, FileData, NamedData, SizesData
from ..configs.model import ModelConfig, TransformerConfig
from ..configs.task import ClassificationConfig, TaskConfig
from ..configs.tokenizer import TokenizerConfig
from ..errors import ConfigError, DataError
from .cache import Cache
from .data import Data, Dataset, IntArray, Ragged, Split, Table
from .form import nearest
from .read import read_dataset, read_file
from .tokenizer import Tokenizer

UNSEEN = -1
"""The class id of a label that is not in the list."""
NAMED = 5
"""Labels that a notice names."""


def build_data(
    data: DataConfig,
    tokenizer: TokenizerConfig | None,
    task: TaskConfig | None,
    tell: Callable[[str], object] | None = None,
) -> Data:
    """All splits with labels as numbers and, where there is a tokenizer, texts too; it is trained on the training split alone.

    `tell` is given a line before anything begins that takes long.
    Raises ConfigError where there is nothing to train on, DataError for data that no classifier can be trained on.
    """
    data, task = _text(data), _classes(task)
    dataset = read_dataset(data, (task.text, task.label))
    labels = _labels(task, dataset.splits["train"])
    cache = Cache(tell=tell)
    _refuse_unknown_weights(task, labels)
    trained, encoded = _encoded(cache, tokenizer, {name: table.columns[task.text] for name, table in dataset.splits.items()})
    splits = {name: _split(name, table, task, labels, encoded.get(name)) for name, table in dataset.splits.items()}
    return Data(
        splits=splits,
        spec=SizesData(type="sizes", vocab_size=trained.vocab_size if trained else None, n_classes=len(labels)),
        labels=labels,
        tokenizer=trained,
        hashes=dataset.hashes,
        notices=[*dataset.notices, *(said for split in splits.values() for said in _unseen(split)), *cache.notices],
        cache=cache.store.root if trained else None,
    )


def read_split(
    data: DataConfig,
    task: TaskConfig | None,
    labels: Sequence[str],
    tokenizer: Tokenizer | None,
    name: str,
    file: str | None = None,
) -> tuple[Split, Sequence[str]]:
    """One split of a recipe's data, or a file with the same columns, prepared as a finished run needs it; and notices.

    Nothing is learned here: `labels` and `tokenizer` are the run's own.
    """
    data, task, cache = _text(data), _classes(task), Cache()
    table, notices = _file_table(data, task, file) if file is not None else _split_table(data, task, name)
    encoded = cache.encode(tokenizer, table.columns[task.text]) if tokenizer else None
    split = _split(_name_of(file) if file is not None else name, table, task, labels, encoded)
    return split, [*notices, *_unseen(split), *cache.notices]


def read_texts(data: DataConfig, task: TaskConfig | None) -> Mapping[str, Sequence[str]]:
    """The text column of every split, as it is encoded."""
    data, task = _text(data), _classes(task)
    return {name: table.columns[task.text] for name, table in read_dataset(data, (task.text, task.label)).splits.items()}


def texts_split(texts: Sequence[str], tokenizer: Tokenizer | None) -> Split:
    """Texts without labels, prepared to be predicted."""
    table = Table({"text": texts}, "the texts")
    encoded = tokenizer.encode(texts) if tokenizer else None
    return Split("texts", table, texts, [""] * len(texts), np.full(len(texts), UNSEEN), encoded)


def _text(data: DataConfig) -> NamedData | FileData:
    if isinstance(data, SizesData):
        raise ConfigError("data.type is `sizes`: enough to count a model, but there are no texts to train or score it on. "
                          "Set data.type to `named` or `files`.")
    return data


def _classes(task: TaskConfig | None) -> ClassificationConfig:
    if not isinstance(task, ClassificationConfig):
        raise ConfigError("Only `task: {type: classification}` can be trained and scored on texts; "
                          f"this recipe has {f'task.type {task.type}' if task else 'no task'}.")
    return task


def _labels(task: ClassificationConfig, train: Table) -> tuple[str, ...]:
    """The declared classes, or those of the training split, sorted."""
    if not len(train):
        raise DataError(f"{train.source} has no training example. Add some, or look at the split with `nlp data show`.")
    present = sorted(set(train.columns[task.label]))
    if len(present) < 2:
        raise DataError(f"All {len(train):,} training examples of {train.source} have the same class, {present[0]!r} in column "
                        f"`{task.label}`, so there is nothing to tell apart. Is task.label the right column?")
    if task.labels is None:
        return tuple(present)
    if len(set(task.labels)) < len(task.labels):
        twice = next(label for place, label in enumerate(task.labels) if label in task.labels[:place])
        raise ConfigError(f"task.labels names {twice!r} twice; each class stands in it once.")
    return tuple(task.labels)


def _refuse_unknown_weights(task: ClassificationConfig, labels: Sequence[str]) -> None:
    weights = task.class_weights
    unknown = next((name for name in weights if name not in labels), None) if isinstance(weights, Mapping) else None
    if unknown is not None:
        raise ConfigError(f"task.class_weights names {unknown!r}, which is no class of this data.{nearest(unknown, labels)} "
                          f"The classes are: {', '.join(labels)}.")


def _encoded(
    cache: Cache, config: TokenizerConfig | None, texts: Mapping[str, Sequence[str]]
) -> tuple[Tokenizer | None, Mapping[str, Ragged]]:
    if config is None:
        return None, {}
    tokenizer, train = cache.train(config, texts["train"])
    return tokenizer, {name: train if name == "train" else cache.encode(tokenizer, each) for name, each in texts.items()}


def _split(name: str, table: Table, task: ClassificationConfig, labels: Sequence[str], encoded: Ragged | None) -> Split:
    gold = table.columns[task.label]
    return Split(name, table, table.columns[task.text], gold, _numbers(gold, table, task, labels), encoded)


def _numbers(gold: Sequence[str], table: Table, task: ClassificationConfig, labels: Sequence[str]) -> IntArray:
    """(n_rows,) int64 class ids; -1 for a label that training did not have, DataError for one outside a declared list."""
    numbers = {label: number for number, label in enumerate(labels)}
    ids = np.fromiter((numbers.get(label, UNSEEN) for label in gold), dtype=np.int64, count=len(gold))
    if task.labels is not None and (ids == UNSEEN).any():
        row = int(np.argmax(ids == UNSEEN))
        said = f"{table.where(row)} has the label {gold[row]!r}, which task.labels does not name.{nearest(gold[row], labels)}"
        raise DataError(f"{said} Correct the row, or add the label to task.labels, which has: {', '.join(labels)}.")
    return ids


def cut_notices(split: Split, model: ModelConfig) -> list[str]:
    """A notice of texts that are longer than the positions that a model has."""
    limit = model.max_positions if isinstance(model, TransformerConfig) else None
    cut = 0 if limit is None or split.encoded is None else int((split.encoded.lengths > limit).sum())
    return [f"{cut:,} of {len(split):,} {split.name} texts have more than model.max_positions = {limit} tokens; the model reads "
            "the beginning of each."] if cut else []


def _unseen(split: Split) -> list[str]:
    """A notice of labels that training did not have."""
    rows = np.flatnonzero(split.labels == UNSEEN).tolist()
    if not rows:
        return []
    names = sorted({split.gold[row] for row in rows})
    told = ", ".join(f"`{name}`" for name in names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    return [f"{len(rows):,} of {len(split):,} {split.name} examples have a label that no training example has ({told}); "
            "they count as wrong."]


def _split_table(data: NamedData | FileData, task: ClassificationConfig, name: str) -> tuple[Table, Sequence[str]]:
    dataset: Dataset = read_dataset(data, (task.text, task.label))
    if name not in dataset.splits:
        raise DataError(f"{dataset.name} has no split `{name}`; it has {', '.join(dataset.splits)}. Score one of these with "
                        "--split, or a file with --data.")
    return dataset.splits[name], dataset.notices


def _file_table(data: NamedData | FileData, task: ClassificationConfig, file: str) -> tuple[Table, Sequence[str]]:
    """Columns are named as in the recipe's own files; beside a named dataset, as the task names them."""
    form = data if isinstance(data, FileData) else FileData(type="files", train=file)
    return read_file(form, file, (task.text, task.label))[0], ()


def _name_of(file: str) -> str:
    """What predictions are kept under: never the name of one of the data's own splits."""
    return f"file-{Path(file).name.partition('.')[0]}"
