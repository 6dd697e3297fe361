"""From the `data:` section of a recipe to the splits of a dataset, as text."""

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
"""Formats of several files, or of files that have no text to be decoded."""


def read_dataset(config: NamedData | FileData, columns: Sequence[str] = ()) -> Dataset:
    """The splits of a named dataset or of files, with the wanted columns (all of them where none is named).

    `validation` is always there: cut from train by `split_seed` where the data has none. `hashes` has the SHA-256 of each
    file's unpacked content. Raises DataError for data that is missing, malformed or does not match its checksum.
    """
    return _read_named(config, columns) if isinstance(config, NamedData) else _read_files(config, columns)


def normalized(texts: Iterable[str], form: Literal["nfc", "none"]) -> Iterator[str]:
    """The texts in the Unicode form that a recipe asks for (Unicode Standard Annex 15)."""
    return iter(texts) if form == "none" else (normalize("NFC", text) for text in texts)


def _read_named(config: NamedData, columns: Sequence[str]) -> Dataset:
    named = find_dataset(config.name)
    dataset = _embedded(named) if not named.files else _read_sources(named)
    tables = {split: _normalized(_choose(table, columns, named), config) for split, table in dataset.splits.items()}
    if config.remove:
        tables = {split: _stripped(table, named.text, config) for split, table in tables.items()}
    return Dataset(named.name, _with_validation(tables, config), dataset.hashes, dataset.notices)


def _embedded(named: NamedDataset) -> Dataset:
    """Each is loaded with its package only where it is read."""
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
    found = find_file(path)
    if found is None:
        origin = named.archive.source.url if named.archive else source.url
        raise DataError(
            f"The dataset {named.name} is not here: there is no {path}, plain or .gz. Fetch it with `nlp data get {named.name}` "
            f"(from {origin}; licence: {named.licence}), or set NLP_DATA to a folder that holds {named.name}/{source.path}."
        )
    return found


def _check(source: Source, path: Path, content: bytes, named: NamedDataset) -> None:
    got = checksum_as(source.checksum.partition(":")[0], content)
    if got != source.checksum:
        raise DataError(
            f"{path} is not the published file of {named.name}: its unpacked content should have the checksum {source.checksum} "
            f"and has {got}. Fetch it again with `nlp data get {named.name} --force`, or read a changed file with `type: files`."
        )


def _choose(table: Table, columns: Sequence[str], named: NamedDataset) -> Table:
    missing = next((name for name in columns if name not in table.columns), None)
    if missing is not None:
        present = ", ".join(f"`{name}`" for name in table.columns)
        remedy = (f"Set, for example, `task.text: {named.text}` and `task.label: {named.label}`." if named.label and not named.tagged
                  else "Set the columns of the task to those.")
        raise DataError(f"The dataset {named.name} has no column `{missing}`; it has {present}.{nearest(missing, table.columns)} {remedy}")
    return Table({name: table.columns[name] for name in columns}, table.source, table.lines) if columns else table


def _normalized(table: Table, config: NamedData | FileData) -> Table:
    columns = {name: list(normalized(texts, config.normalization)) for name, texts in table.columns.items()}
    return Table(columns, table.source, table.lines)


def _stripped(table: Table, column: str, config: NamedData) -> Table:
    """A newsgroup message may be empty without its headers, footers and quotes; it stays, as an empty text."""
    columns = dict(table.columns)
    if column in columns:
        columns[column] = [strip_message(text, config.remove) for text in columns[column]]
    return Table(columns, table.source, table.lines)


def _with_validation(tables: Mapping[str, Table], config: NamedData | FileData) -> Mapping[str, Table]:
    """The splits in their usual order, with a test split where there are folds, and a validation split cut from train where there is none;
    further test splits come last."""
    if config.folds is not None:
        if tables.keys() != {"train"}:
            raise DataError(f"data.folds deals out the examples of data without splits, and this has {', '.join(tables)}. Leave it out.")
        train, test = cut_fold(tables["train"], config.folds, config.split_seed)
        tables = {"train": train, "test": test}
    if "validation" not in tables:
        one_text = isinstance(config, FileData) and _format(config, config.train) == "text"
        train, validation = (cut_end(tables["train"], config.validation_share) if one_text
                             else cut_validation(tables["train"], config.validation_share, config.split_seed))
        tables = {**tables, "train": train, "validation": validation}
    usual = [split for split in ("train", "validation", "test") if split in tables]
    return {split: tables[split] for split in (*usual, *(each for each in tables if each not in usual))}


def _read_files(config: FileData, columns: Sequence[str]) -> Dataset:
    paths = {"train": config.train, "validation": config.validation, "test": config.test}
    tables: dict[str, Table] = {}
    hashes: dict[str, str] = {}
    for split, path in paths.items():
        if path is not None:
            tables[split], of_file = read_file(config, path, columns)
            hashes |= of_file
    return Dataset(Path(config.train).name, _with_validation(tables, config), hashes)


def read_file(config: FileData, path: str, columns: Sequence[str] = (), remedy: str | None = None) -> tuple[Table, Mapping[str, str]]:
    """One file of the format that `config` gives, whichever files it names itself; with the SHA-256 of its unpacked content by its path.

    Where the format is `parallel`, the files whose names start with `path`. `remedy` says what to do where a column is missing.
    """
    kind = _format(config, path)
    if config.on_disk:
        return _read_stored(kind, config, path, columns)
    table, hashes = _read_as(kind, config, path, columns, remedy)
    return _normalized(table, config), hashes


def _read_stored(kind: _Format, config: FileData, path: str, columns: Sequence[str]) -> tuple[Table, Mapping[str, str]]:
    if kind not in STREAMED:
        raise DataError(f"data.on_disk reads {', '.join(STREAMED)} row by row, and {path} is {kind}. Convert the file, or leave "
                        "data.on_disk out.")
    form = form_of(config.model_copy(update={"train": path}))
    table, digest = read_stored(path, form, columns, partial(normalized, form=config.normalization), config.normalization)
    return table, {path: digest}


def _read_as(kind: _Format, config: FileData, path: str, columns: Sequence[str], remedy: str | None) -> tuple[Table, Mapping[str, str]]:
    if kind == "parallel":
        return _read_parallel(config, path, columns)
    form = form_of(config.model_copy(update={"train": path}))
    form = form if remedy is None else replace(form, remedy=remedy)
    if kind == "huggingface":
        return read_hub_split(path, form, columns)
    if kind == "folders":
        table, digest = read_folders(path, form, columns)
        return table, {path: digest}
    content = read_content(Path(path).expanduser())
    return read_table(content, path, form, columns), {path: sha256(content)}


class Given(NamedTuple):
    """A file that the recipe does not name: how it is read, and what it holds."""

    data: FileData
    table: Table
    notices: Sequence[str]


def read_given(config: NamedData | FileData, path: str, named: Mapping[str, str], columns: Sequence[str], remedy: str,
               roles: Sequence[str] = ("texts", "labels"), document: str | None = None) -> Given:
    """The columns of a file that the recipe does not name. A delimiter that is not the usual one is found, and UTF-8 is recognised.

    `named` are the columns that the caller has named, by their names in the recipe; `roles` say what is read from each column, and
    `document` is one that is read beside the others.
    """
    data, wanted = adapted(config, path, named), columns
    if document is not None:
        wanted = list(dict.fromkeys((*columns, document)))
        remedy = f"{remedy} Column `{document}` is that of task.document, and has the name that the recipe gives it."
    if _format(data, path) in _NOT_ONE_TEXT:
        taken = _columns_taken(data, path, columns, roles)
        return Given(data, read_file(data, path, wanted, remedy)[0], [taken])
    content = read_content(Path(path).expanduser())
    other = is_utf8_after_all(content, data.encoding)
    encoding = [f"{path} is UTF-8, and read as that, where the recipe has `data.encoding: {data.encoding}`."] if other else []
    form = replace(form_of(data), remedy=remedy, encoding=UTF8 if other else data.encoding)
    if form.format in ("csv", "tsv"):
        form, table = readable_table(content, path, form, wanted)
    else:
        table = read_table(content, path, form, wanted)
    data = data.model_copy(update={"quoting": form.quoting, "delimiter": form.delimiter, "encoding": form.encoding})
    return Given(data, _normalized(table, data), [_columns_taken(data, path, columns, roles), *encoding])


def form_of(config: FileData) -> Form:
    """The form of the files that a recipe names; in folders, each is a text, and in the Hub's, it is mostly Parquet."""
    kind = _format(config, config.train)
    assert kind != "parallel", "parallel files are not read one by one"
    kind = "text" if kind == "folders" else "parquet" if kind == "huggingface" else kind
    return Form(kind, config.header, config.quoting, config.columns, config.delimiter, encoding=config.encoding)


def is_table(config: NamedData | FileData, path: str) -> bool:
    """Whether a file has rows and columns by its name, or since the recipe's own files have and this one has the same ending."""
    ending = _ending(path)
    if Path(path).expanduser().is_dir():
        return True
    if _is_split(config, path):
        return True
    if isinstance(config, FileData) and ending == _ending(config.train):
        return _own_format(config) not in (None, "parallel", "text", "folders", "huggingface")
    return _FORMATS.get(ending, "text") != "text"


def _is_split(config: NamedData | FileData, path: str) -> bool:
    """Whether FOLDER/SPLIT is one of a dataset of Hugging Face."""
    return isinstance(config, FileData) and config.format == "huggingface" and bool(split_files(Path(path).expanduser()))


def adapted(config: NamedData | FileData, path: str, columns: Mapping[str, str]) -> FileData:
    """How a file that the recipe does not name is read: as the recipe's own files where its name has the same ending, else by its ending.

    `columns` are those that the caller has named, by their names in the recipe.
    """
    form = _for_ending(config, path)
    places = {name: int(given) if given.isdecimal() and not form.header else given for name, given in columns.items()}
    header = form.header or any(isinstance(place, str) for place in places.values())
    return form.model_copy(update={"train": path, "header": header, "columns": {**form.columns, **places}})


def _columns_taken(form: FileData, path: str, names: Sequence[str], of_columns: Sequence[str]) -> str:
    """Which columns of a file are read as the texts and, where two are named, as the labels; for a notice."""
    keys = [form.columns.get(name, name) for name in names]
    shown = [f"{key} (the first is 0)" if isinstance(key, int) else f"`{key}`" for key in keys]
    by_role: dict[str, list[str]] = {}
    for role, key in zip(of_columns, shown, strict=False):
        by_role.setdefault(role, []).append(key)
    roles = [f"{role} from column{'s' * (len(each) > 1)} {', '.join(each)}" for role, each in by_role.items()]
    divided = f"; fields divided by {form.delimiter!r}" if form.delimiter is not None else ""
    return f"{path}: {' and '.join(roles)}{divided}."


def _for_ending(config: NamedData | FileData, path: str) -> FileData:
    """The recipe's own settings as far as they make sense for a file with this ending."""
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
    """The format of the recipe's own files, which need not be there any more."""
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


def _read_parallel(config: FileData, path: str, columns: Sequence[str]) -> tuple[Table, Mapping[str, str]]:
    """`path` and the ending of a column, which is the column's name unless `config.columns` has another, make the name of its file."""
    endings = {name: str(config.columns.get(name, name)) for name in columns or config.columns or _endings(path)}
    files = {name: _parallel_file(path, name, ending) for name, ending in endings.items()}
    contents = {name: read_content(file) for name, file in files.items()}
    table = pair_lines({name: (content, str(files[name])) for name, content in contents.items()}, config.encoding)
    return table, {str(files[name]): sha256(content) for name, content in contents.items()}


def _endings(path: str) -> list[str]:
    """Those of all files whose names start with the path and a dot."""
    start = Path(path).expanduser()
    names = [each.name.removesuffix(".gz") for each in start.parent.iterdir()] if start.parent.is_dir() else []
    endings = sorted({name.removeprefix(start.name + ".") for name in names if name.startswith(start.name + ".")})
    if not endings:
        raise DataError(f"There are no parallel files {path}.*, such as {path}.en and {path}.de. Give their path without the "
                        "file extension.")
    return endings


def _parallel_file(path: str, name: str, ending: str) -> Path:
    named = Path(f"{path}.{ending}").expanduser()
    found = find_file(named)
    if found is None:
        raise DataError(f"There is no file {named}, plain or .gz, for the column `{name}`. Parallel files are given by their path "
                        f"without the extension, here {path}; `data.columns: {{{name}: EXTENSION}}` sets it, by default the column's name.")
    return found
