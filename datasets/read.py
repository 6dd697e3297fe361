"""Reads the splits of a dataset, as text, from the `data:` section of a recipe."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, get_args
from unicodedata import normalize

from ..configs.schema.data import FileData, NamedData
from ..errors import DataError
from .files import checksum_as, data_folder, find_file, read_content, sha256
from .formats.encodings import UTF8, is_utf8_after_all
from .formats.file_format import Form, TableFormat, nearest
from .formats.folders import read_folders
from .formats.guess import readable_table
from .formats.hub_folder import read_hub_split, split_files
from .formats.lines import pair_lines
from .formats.streamed import STREAMED
from .formats.table_reader import read_table
from .named.catalog import NamedDataset, Source, find_dataset
from .named.published_formats import strip_message
from .splits import cut_end, cut_fold, cut_validation
from .stored_table import read_stored
from .tables import Dataset, Table

_Format = Literal[TableFormat, "parallel", "folders", "huggingface"]
_FORMATS: Mapping[str, _Format] = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".json": "json", ".conll": "conll", ".conllu": "conllu", ".txt": "text",
    ".parquet": "parquet", ".xlsx": "xlsx",
}
_NOT_ONE_TEXT = ("folders", "huggingface", "parallel", "parquet", "xlsx")
"""Formats with several files per split, or with binary files."""


def read_dataset(config: NamedData | FileData, columns: Sequence[str] = (), remedy: str | None = None) -> Dataset:
    """The splits of a named dataset or of files, with the wanted columns (all columns if none are named).

    There is always a `validation` split: if the data has none, it is cut from train by `split_seed`. `hashes` has the SHA-256 of each
    file's decompressed content. Raises DataError for data that is missing, malformed or does not match its checksum; `remedy` tells users
    what to do about a missing column that the recipe does not name.
    """
    return _read_named(config, columns, remedy) if isinstance(config, NamedData) else _read_files(config, columns, remedy)


def read_column(config: NamedData | FileData, column: str, remedy: str) -> Mapping[str, Sequence[str]]:
    """A column of every split that the user names: by its name in the recipe or in the file, or its position if columns have no names.

    Raises DataError if there is none; `remedy` tells users what to do then.
    """
    if isinstance(config, FileData) and column not in config.columns:
        config = config.model_copy(update={"columns": {**config.columns, **_keys({column: column}, config, config.train)}})
    return {split: table.columns[column] for split, table in read_dataset(config, [column], remedy).splits.items()}


def normalized(texts: Iterable[str], form: Literal["nfc", "none"]) -> Iterator[str]:
    """The texts in the Unicode normalization form of the recipe (Unicode Standard Annex 15)."""
    return iter(texts) if form == "none" else (normalize("NFC", text) for text in texts)


def _read_named(config: NamedData, columns: Sequence[str], remedy: str | None) -> Dataset:
    named = find_dataset(config.name)
    dataset = _read_embedded(named) if not named.files else _read_sources(named)
    tables = {split: _normalized(_choose(table, columns, named, remedy), config) for split, table in dataset.splits.items()}
    if config.remove:
        tables = {split: _stripped(table, named.text, config) for split, table in tables.items()}
    return Dataset(named.name, _with_validation(tables, config), dataset.hashes, dataset.notices)


def _read_embedded(named: NamedDataset) -> Dataset:
    """A dataset that comes with the installation. Its reader is imported only when needed."""
    match named.name:
        case "names":
            from .named.names import read_names as read
        case "dates":
            from .named.dates import read_dates as read
        case "pydocs":
            from .named.pydocs import read_pydocs as read
        case "digits":
            from .named.digits import read_digits as read
        case _:
            raise ValueError(f"{named.name} has neither files nor a reader")
    return read()


def _read_sources(named: NamedDataset) -> Dataset:
    tables, hashes = {}, {}
    for split, sources in named.files.items():
        paths = [_path(named, source) for source in sources]
        contents = [read_content(path) for path in paths]
        for source, path, content in zip(sources, paths, contents, strict=True):
            _check(source, path, content, named)
            hashes[f"{named.name}/{source.path}"] = sha256(content)
        tables[split] = named.read(contents, [str(path) for path in paths])
    splits = named.cut(tables["all"], named.text) if "all" in tables else tables
    return Dataset(named.name, splits, hashes)


def _path(named: NamedDataset, source: Source) -> Path:
    path = data_folder() / named.name / source.path
    file = find_file(path)
    if file is None:
        origin = named.archive.source.url if named.archive else source.url
        raise DataError(
            f"The dataset {named.name} is not here: there is no {path}, plain or .gz. Fetch it with `nlp data get {named.name}` "
            f"(from {origin}; licence: {named.licence}), or set NLP_DATA to a folder that holds {named.name}/{source.path}."
        )
    return file


def _check(source: Source, path: Path, content: bytes, named: NamedDataset) -> None:
    got = checksum_as(source.checksum.partition(":")[0], content)
    if got != source.checksum:
        raise DataError(
            f"{path} is not the published file of {named.name}: its decompressed content should have the checksum {source.checksum} "
            f"and has {got}. Fetch it again with `nlp data get {named.name} --force`, or read a changed file with `type: files`."
        )


def _choose(table: Table, columns: Sequence[str], named: NamedDataset, remedy: str | None) -> Table:
    missing = next((name for name in columns if name not in table.columns), None)
    if missing is not None:
        present = ", ".join(f"`{name}`" for name in table.columns)
        usual = (f"Set, for example, `task.text: {named.text}` and `task.label: {named.label}`." if named.label and not named.tagged
                 else "Set the columns of the task to these.")
        raise DataError(f"The dataset {named.name} has no column `{missing}`; it has {present}.{nearest(missing, table.columns)} "
                        f"{remedy or usual}")
    return Table({name: table.columns[name] for name in columns}, table.source, table.lines) if columns else table


def _normalized(table: Table, config: NamedData | FileData) -> Table:
    columns = {name: list(normalized(texts, config.normalization)) for name, texts in table.columns.items()}
    return Table(columns, table.source, table.lines)


def _stripped(table: Table, column: str, config: NamedData) -> Table:
    """Newsgroup messages without headers, footers or quotes. A message that becomes empty is kept as an empty text."""
    columns = dict(table.columns)
    if column in columns:
        columns[column] = [strip_message(text, config.remove) for text in columns[column]]
    return Table(columns, table.source, table.lines)


def _with_validation(tables: Mapping[str, Table], config: NamedData | FileData) -> Mapping[str, Table]:
    """The splits in the usual order, further test splits last. Folds add a test split, and a missing validation split is cut from
    train."""
    if config.folds is not None:
        if tables.keys() != {"train"}:
            raise DataError(f"data.folds divides data without splits, and this has {', '.join(tables)}. Remove data.folds.")
        train, test = cut_fold(tables["train"], config.folds, config.split_seed)
        tables = {"train": train, "test": test}
    if "validation" not in tables:
        one_text = isinstance(config, FileData) and _format(config, config.train) == "text"
        train, validation = (cut_end(tables["train"], config.validation_share) if one_text
                             else cut_validation(tables["train"], config.validation_share, config.split_seed))
        tables = {**tables, "train": train, "validation": validation}
    usual = [split for split in ("train", "validation", "test") if split in tables]
    return {split: tables[split] for split in (*usual, *(split for split in tables if split not in usual))}


def _read_files(config: FileData, columns: Sequence[str], remedy: str | None) -> Dataset:
    paths = {"train": config.train, "validation": config.validation, "test": config.test}
    tables: dict[str, Table] = {}
    hashes: dict[str, str] = {}
    for split, path in paths.items():
        if path is not None:
            tables[split], file_hashes = read_file(config, path, columns, remedy)
            hashes |= file_hashes
    return Dataset(Path(config.train).name, _with_validation(tables, config), hashes)


def read_file(config: FileData, path: str, columns: Sequence[str] = (), remedy: str | None = None) -> tuple[Table, Mapping[str, str]]:
    """One file, read with the settings of `config` whether or not it names the file; and path -> SHA-256 of the decompressed content.

    For the format `parallel`, all files whose names start with `path`. `remedy` is that of `read_dataset`.
    """
    kind = _format(config, path)
    if config.on_disk:
        return _read_stored(kind, config, path, columns, remedy)
    table, hashes = _read_as(kind, config, path, columns, remedy)
    return _normalized(table, config), hashes


def _read_stored(kind: _Format, config: FileData, path: str, columns: Sequence[str],
                 remedy: str | None) -> tuple[Table, Mapping[str, str]]:
    if kind not in STREAMED:
        raise DataError(f"data.on_disk reads {', '.join(STREAMED)} row by row, and {path} is {kind}. Convert the file, or leave "
                        "data.on_disk out.")
    form = replace(form_of(config.model_copy(update={"train": path})), remedy=remedy)
    table, digest = read_stored(path, form, columns, partial(normalized, form=config.normalization), config.normalization)
    return table, {path: digest}


def _read_as(kind: _Format, config: FileData, path: str, columns: Sequence[str], remedy: str | None) -> tuple[Table, Mapping[str, str]]:
    if kind == "parallel":
        return _read_parallel(config, path, columns, remedy)
    form = replace(form_of(config.model_copy(update={"train": path})), remedy=remedy)
    if kind == "huggingface":
        return read_hub_split(path, form, columns)
    if kind == "folders":
        table, digest = read_folders(path, form, columns)
        return table, {path: digest}
    content = read_content(Path(path).expanduser())
    return read_table(content, path, form, columns), {path: sha256(content)}


class Given(NamedTuple):
    """A file that the recipe does not name: the settings that it was read with, its table, and notices."""

    data: FileData
    table: Table
    notices: Sequence[str]


def read_given(config: NamedData | FileData, path: str, named: Mapping[str, str], columns: Sequence[str], remedy: str,
               roles: Sequence[str] = ("texts", "labels"), document: str | None = None) -> Given:
    """The columns of a file that the recipe does not name. Unusual delimiters and UTF-8 are detected.

    `named` maps column names of the recipe to those that the caller has chosen; `roles` says for each column whether it holds texts or
    labels, and `document` is an additional column to read.
    """
    data, wanted = adapted(config, path, named), columns
    if document is not None:
        wanted = list(dict.fromkeys((*columns, document)))
        remedy = f"{remedy} The column `{document}` is task.document, and must have the name that it has in the recipe."
    if _format(data, path) in _NOT_ONE_TEXT:
        return Given(data, read_file(data, path, wanted, remedy)[0], [_columns_read(data, path, columns, roles)])
    content = read_content(Path(path).expanduser())
    is_utf8 = is_utf8_after_all(content, data.encoding)
    encoding = [f"{path} is UTF-8, and is read as UTF-8 although the recipe has `data.encoding: {data.encoding}`."] if is_utf8 else []
    form = replace(form_of(data), remedy=remedy, encoding=UTF8 if is_utf8 else data.encoding)
    if form.format in ("csv", "tsv"):
        form, table = readable_table(content, path, form, wanted)
    else:
        table = read_table(content, path, form, wanted)
    data = data.model_copy(update={"quoting": form.quoting, "delimiter": form.delimiter, "encoding": form.encoding})
    return Given(data, _normalized(table, data), [_columns_read(data, path, columns, roles), *encoding])


def form_of(config: FileData) -> Form:
    """The format of the files that a recipe names. Files in class folders are texts; those in a Hub folder are mostly Parquet."""
    kind = _format(config, config.train)
    assert kind != "parallel", "parallel files are not read one by one"
    kind = "text" if kind == "folders" else "parquet" if kind == "huggingface" else kind
    return Form(kind, config.header, config.quoting, config.columns, config.delimiter, encoding=config.encoding)


def is_table(config: NamedData | FileData, path: str) -> bool:
    """Whether a file has rows and columns: by its extension, or because the recipe's own files with the same extension do."""
    ending = _ending(path)
    if Path(path).expanduser().is_dir():
        return True
    if _is_split(config, path):
        return True
    if isinstance(config, FileData) and ending == _ending(config.train):
        return _own_format(config) not in (None, "parallel", "text", "folders", "huggingface")
    return _FORMATS.get(ending, "text") != "text"


def _is_split(config: NamedData | FileData, path: str) -> bool:
    """Whether the path FOLDER/SPLIT is a split of a Hugging Face dataset."""
    return isinstance(config, FileData) and config.format == "huggingface" and bool(split_files(Path(path).expanduser()))


def adapted(config: NamedData | FileData, path: str, columns: Mapping[str, str]) -> FileData:
    """The settings for a file that the recipe does not name: those of the recipe's own files if the extension is the same, otherwise
    those of the extension.

    `columns` maps column names of the recipe to those that the caller has chosen.
    """
    settings = _for_ending(config, path)
    keys = _keys(columns, settings, path)
    header = settings.header or any(isinstance(key, str) for key in keys.values())
    return settings.model_copy(update={"train": path, "header": header, "columns": {**settings.columns, **keys}})


def _keys(columns: Mapping[str, str], settings: FileData, path: str) -> dict[str, str | int]:
    """Column names that the user has chosen, as positions if they are numbers and the columns of the file have no names."""
    without_names = not settings.header or _format(settings, path) in ("conll", "conllu")
    return {name: int(key) if without_names and key.isdecimal() else key for name, key in columns.items()}


def _columns_read(settings: FileData, path: str, names: Sequence[str], roles: Sequence[str]) -> str:
    """A notice of which columns of a file are read as texts and which as labels."""
    keys = [settings.columns.get(name, name) for name in names]
    shown = [f"{key} (the first is 0)" if isinstance(key, int) else f"`{key}`" for key in keys]
    by_role: dict[str, list[str]] = {}
    for role, key in zip(roles, shown, strict=False):
        by_role.setdefault(role, []).append(key)
    parts = [f"{role} from column{'s' * (len(role_keys) > 1)} {', '.join(role_keys)}" for role, role_keys in by_role.items()]
    delimiter = f"; fields separated by {settings.delimiter!r}" if settings.delimiter is not None else ""
    return f"{path}: {' and '.join(parts)}{delimiter}."


def _for_ending(config: NamedData | FileData, path: str) -> FileData:
    """The recipe's own settings as far as they apply to a file with this extension."""
    usual = FileData(type="files", train=path, normalization=config.normalization)
    ending = _ending(path)
    if isinstance(config, NamedData):
        return usual
    usual = usual.model_copy(update={"encoding": config.encoding})
    if _is_split(config, path):
        return config
    if Path(path).expanduser().is_dir():
        return usual
    if config.format not in ("folders", "huggingface") and (ending == _ending(config.train) or ending not in _FORMATS):
        return config
    if _FORMATS.get(ending) in ("csv", "tsv") and _own_format(config) in ("csv", "tsv"):
        return usual.model_copy(update={"header": config.header, "columns": config.columns})
    return usual.model_copy(update={"columns": {name: key for name, key in config.columns.items() if isinstance(key, str)}})


def _own_format(config: FileData) -> _Format | None:
    """The format of the recipe's own files, which need not exist any more."""
    return config.format or _FORMATS.get(_ending(config.train))


def _ending(path: str) -> str:
    return Path(path.removesuffix(".gz")).suffix.lower()


def _format(config: FileData, path: str) -> _Format:
    folder = Path(path).expanduser().is_dir()
    kind = config.format or ("folders" if folder else _FORMATS.get(_ending(path)))
    if folder and kind not in ("folders", "huggingface", "parallel"):
        raise DataError(f"{path} is a folder, which cannot be read as {kind}. Name a file in it.")
    if kind is None:
        known = ", ".join(sorted(get_args(_Format)))
        raise DataError(f"The format of {path} is not clear from its name. Set `data.format` to one of {known}, or rename the file.")
    return kind


def _read_parallel(config: FileData, path: str, columns: Sequence[str], remedy: str | None) -> tuple[Table, Mapping[str, str]]:
    """Reads each column from the file `path`.EXTENSION, whose extension is the column's name unless `config.columns` has another."""
    endings = {name: str(config.columns.get(name, name)) for name in columns or config.columns or _endings(path)}
    files = {name: _parallel_file(path, name, ending, remedy) for name, ending in endings.items()}
    contents = {name: read_content(file) for name, file in files.items()}
    table = pair_lines({name: (content, str(files[name])) for name, content in contents.items()}, config.encoding)
    return table, {str(files[name]): sha256(content) for name, content in contents.items()}


def _endings(path: str) -> list[str]:
    """The extensions of all files whose names start with the path and a dot."""
    start = Path(path).expanduser()
    names = [file.name.removesuffix(".gz") for file in start.parent.iterdir()] if start.parent.is_dir() else []
    endings = sorted({name.removeprefix(start.name + ".") for name in names if name.startswith(start.name + ".")})
    if not endings:
        raise DataError(f"There are no parallel files {path}.*, such as {path}.en and {path}.de. Give their path without the "
                        "file extension.")
    return endings


def _parallel_file(path: str, name: str, ending: str, remedy: str | None) -> Path:
    named = Path(f"{path}.{ending}").expanduser()
    file = find_file(named)
    if file is None:
        usual = (f"Parallel files are given by their path without the extension, here {path}; `data.columns: {{{name}: EXTENSION}}` sets "
                 "it (default: the column's name).")
        present = ", ".join(f"`{each}`" for each in _endings(path))
        raise DataError(f"There is no file {named}, plain or .gz, for the column `{name}`; there are files for {present}."
                        f"{nearest(ending, _endings(path))} {remedy or usual}")
    return file
