"""Infer which columns of a data file are text and class, or query and candidate, from names and content."""

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..configs.schema.data import FileData
from ..datasets.encoded.texts.labelled_texts import MISSING
from ..datasets.encoded.texts.numbered_texts import parsed
from ..datasets.files import read_content
from ..datasets.formats.arrow import list_columns
from ..datasets.formats.encodings import UTF8, decode, find_encoding
from ..datasets.formats.excel import other_sheets
from ..datasets.formats.file_format import Form, nearest
from ..datasets.formats.folders import folder_encoding
from ..datasets.formats.guess import is_fasttext, readable_table, tagged_columns
from ..datasets.formats.hub_folder import SPLITS, find_dataset_folder, find_splits
from ..datasets.formats.table_reader import read_table
from ..datasets.read import read_file
from ..datasets.tables import Table
from ..errors import ConfigError, DataError

TEXT_NAMES = ("text", "tokens", "sentence", "document", "review", "comment", "comments", "message", "content", "body", "question",
              "utterance", "tweet", "description", "headline", "title", "query", "name", "input", "review_text", "sms")
LABEL_NAMES = ("label", "class", "category", "intent", "target", "sentiment", "language", "topic", "labels", "tag", "genre", "hate",
               "rating", "stars", "label_text", "emotion", "output", "lang", "y", "tags")
PAIR_NAMES = (("sentence1", "sentence2"), ("text1", "text2"), ("question1", "question2"), ("text_a", "text_b"), ("premise", "hypothesis"))
"""Usual names of the two columns of pairs."""
TAG_NAMES = ("tags", "ner_tags", "ner", "labels", "upos", "pos_tags", "pos", "chunk_tags")
QUERY_NAMES = ("query", "question")
CANDIDATE_NAMES = ("candidate", "passage", "document", "answer", "response")
RELEVANCE_NAMES = ("relevance", "grade", "judgement", "judgment")
TARGET_NAMES = ("target", "score", "similarity", "rating", "value", "label", "price", "y")
ROW_NUMBERS = ("id", "index", "row", "unnamed: 0", "")
"""Usual names of columns that number the rows."""
TABLES = ("csv", "tsv", "jsonl", "json", "parquet", "xlsx")

Columns = Mapping[str, Sequence[str]]
Task = Literal["classification", "regression", "tagging", "parsing", "ranking"]


class Named(NamedTuple):
    """The columns named by the user; None for columns to infer."""

    text: str | None = None
    label: str | None = None
    other: str | None = None
    relevance: str | None = None


@dataclass(frozen=True)
class Sample:
    """The inferred columns by name or (without a header) position, their values, the task, and settings that differ from the defaults."""

    file: Path
    text: str | int
    label: str | int
    texts: Sequence[str]
    labels: Sequence[str]
    header: bool = True
    quoting: bool | None = None
    delimiter: str | None = None
    format: str | None = None
    task: Task = "classification"
    columns: Mapping[str, str | int] = field(default_factory=dict)
    splits: Mapping[str, Path] = field(default_factory=dict)
    encoding: str = UTF8
    named: str = ""
    notices: Sequence[str] = ()
    numbers: Sequence[str] = ()
    """Numeric columns to classify instead of a text; `text` is the first of them."""
    all_numbers: bool = True
    """Whether these are all columns except the class."""
    missing_numbers: bool = False
    other: str | None = None
    """For pairs of texts: the recipe's name for the column of the second text."""
    relevance: str | int | None = None
    """For ranking, where `label` is the candidate: the column of its relevance."""
    reads: Sequence[str] = ()
    """For parsing: the columns of each word that a parser reads."""

    @property
    def title(self) -> str:
        """The name of the file or folder that was given."""
        return self.named or self.file.name

    @property
    def names(self) -> tuple[str, str]:
        """The names of the two columns in the recipe."""
        first, second, *_ = self.columns or (self.text, self.label)
        return str(first), str(second)

    def settings(self) -> dict[str, Any]:
        """The keys of the recipe's `data` except file names."""
        stated = {"format": self.format, "header": None if self.header else False, "columns": dict(self.columns) or None,
                  "quoting": self.quoting, "delimiter": self.delimiter, "encoding": None if self.encoding == UTF8 else self.encoding}
        return {"type": "files", **{key: value for key, value in stated.items() if value is not None}}


def _check_encoding(encoding: str) -> None:
    """Raises ConfigError if this is not a text encoding."""
    try:
        FileData(type="files", train="", encoding=encoding)
    except ValueError as error:
        message = str(error).partition("Value error, ")[2].partition(" [")[0]
        raise ConfigError(f"--encoding {encoding}: it {message}.") from None


def look_at(file: Path, text: str | None = None, label: str | None = None, task: str | None = None, encoding: str | None = None,
            other: str | None = None, relevance: str | None = None) -> Sample:
    """Read a file or a folder and infer its encoding, task and columns, unless they are named. Raises DataError."""
    if encoding is not None:
        _check_encoding(encoding)
    named = Named(text, label, other, relevance)
    if file.is_dir():
        return _in_folder(file, named, task, encoding)
    content, ending = read_content(file), file.name.removesuffix(".gz").rpartition(".")[2].lower()
    if ending in ("parquet", "xlsx"):
        return _in_binary(file, content, ending, named, task)
    encoding = encoding or find_encoding(content, str(file))
    shown = decode(content, str(file), encoding)
    if task == "parsing":
        return replace(_parsed(file, content, named, encoding), encoding=encoding)
    if task in (None, "tagging") and (ending in ("conll", "conllu") or (ending not in ("jsonl", "json") and tagged_columns(shown))):
        return replace(_tagged(file, content, text, label, encoding), encoding=encoding)
    if ending == "csv" and task in (None, "tagging") and tagged_columns(shown, ","):
        raise DataError(f"{file} looks like tagging, with a token and a tag in each line and a blank line between sentences. Put tabs "
                        "in place of the commas and name it .conll; if each line is a text and its class, give --task classification.")
    if ending not in TABLES and is_fasttext(shown):
        table = read_table(content, str(file), Form("fasttext", encoding=encoding))
        return Sample(file, "text", "label", table.columns["text"], table.columns["label"], format="fasttext", encoding=encoding)
    return _in_text(file, content, ending, named, task, encoding)


def _in_folder(folder: Path, named: Named, task: str | None, encoding: str | None) -> Sample:
    """A Hugging Face dataset, or one folder per class."""
    if (dataset := find_dataset_folder(folder)) is not None:
        splits = find_splits(dataset)
        train = splits.pop("train")
        data = FileData(type="files", train=str(train), format="huggingface", encoding=encoding or UTF8)
        table, (first, *_) = read_file(data, str(train))
        lists = list_columns(read_content(Path(first)), first) if Path(first).suffix in (".parquet", ".arrow") else []
        sample = _in_columns(train, table.columns, lists, named, task)
        return replace(sample, format="huggingface", splits=splits, named=folder.resolve().name, encoding=encoding or UTF8)
    encoding = encoding or folder_encoding(folder)
    table, _ = read_file(FileData(type="files", train=str(folder), encoding=encoding), str(folder), ("text", "label"))
    return Sample(folder, "text", "label", table.columns["text"], table.columns["label"], encoding=encoding)


def _tagged(file: Path, content: bytes, text: str | None, label: str | None, encoding: str) -> Sample:
    """Tagged sentences: the first and the last column of CoNLL, form and upos of CoNLL-U, unless others are named."""
    kind = "conllu" if file.name.removesuffix(".gz").endswith(".conllu") else "conll"
    last = max(tagged_columns(decode(content, str(file), encoding)) - 1, 1)
    defaults = ("form", "upos") if kind == "conllu" else (0, last)
    tokens, tags = (int(name) if name.isdecimal() else name for name in (text or str(defaults[0]), label or str(defaults[1])))
    columns = {"tokens": tokens, "tags": tags}
    table = read_table(content, str(file), Form(kind, columns=columns, encoding=encoding), ("tokens", "tags"))
    stated = None if file.name.removesuffix(".gz").endswith(f".{kind}") else kind
    notices = ["the words have heads and relations too; `--task parsing` writes a recipe for a parser."] if kind == "conllu" and all(
        map(_filled, read_table(content, str(file), Form(kind, encoding=encoding), ("head", "deprel")).columns.values())) else []
    return Sample(file, tokens, tags, table.columns["tokens"], table.columns["tags"], format=stated, task="tagging", columns=columns,
                  notices=notices)


def _parsed(file: Path, content: bytes, named: Named, encoding: str) -> Sample:
    """Parsed sentences in CoNLL-U; a parser reads parts of speech if the words have some."""
    form = Form("conllu", encoding=encoding)
    words, relations = named.text or "form", named.label or "deprel"
    table = read_table(content, str(file), form, tuple(dict.fromkeys((words, relations, "upos", "xpos", "head"))))
    if unparsed := next((name for name in ("head", relations) if not _filled(table.columns[name])), None):
        raise DataError(f"{file}: the column `{unparsed}` is empty, but a parser learns the head of each word and its relation to it.")
    tags = next(([name] for name in ("upos", "xpos") if _filled(table.columns[name])), [])
    stated = None if file.name.removesuffix(".gz").endswith(".conllu") else "conllu"
    return Sample(file, words, relations, table.columns[words], table.columns[relations], format=stated, task="parsing",
                  reads=[words, *tags])


def _filled(values: Sequence[str]) -> bool:
    """Whether a column has more than `_`, CoNLL-U's mark for no value."""
    return any(set(value.split()) - {"_"} for value in values)


def _in_text(file: Path, content: bytes, ending: str, named: Named, task: str | None, encoding: str) -> Sample:
    """A text and a class in each row of a CSV, TSV or JSON file."""
    kind = _format(file, content, ending, encoding)
    form = Form(kind, header=kind in ("jsonl", "json"), encoding=encoding)
    if form.header:
        table = read_table(content, str(file), form)
        _refuse_no_text(file, content, form, named)
    else:
        form, table = readable_table(content, str(file), form)
    sample = _with_header(file, table.columns, named, task, form.header)
    return replace(sample, quoting=form.quoting, delimiter=form.delimiter, format=None if ending == kind else kind, encoding=encoding)


def _in_binary(file: Path, content: bytes, kind: Literal["parquet", "xlsx"], named: Named, task: str | None) -> Sample:
    """A text and a class in each row of a Parquet file or the first sheet of an Excel workbook."""
    if kind == "parquet":
        table = read_table(content, str(file), Form(kind))
        return _in_columns(file, table.columns, list_columns(content, str(file)), named, task)
    table = read_table(content, str(file), Form(kind, header=False))
    others = other_sheets(content, str(file))
    notices = [f"only the first sheet of {file} is read, not {', '.join(others)}."] if others else []
    sample = _with_header(file, table.columns, named, task)
    read_table(content, str(file), Form(kind, sample.header, columns=sample.columns), sample.names)  # refuses formulas without a value
    return replace(sample, notices=[*notices, *sample.notices])


def _with_header(file: Path, columns: Columns, named: Named, task: str | None, header: bool = False) -> Sample:
    """A text and a class, or a query and a candidate, in each row. Without `header`, the columns have positions, and their first row may
    be a header."""
    has_header = not header and _has_header(columns)
    shared = _shared_names(columns) if has_header else []
    notices = [f"several columns are called {name!r} and are left out; rename them in the file." for name in shared if name]
    columns = _below_header(columns) if has_header else columns
    rows = len(next(iter(columns.values()), ()))
    if len(columns) < 2 or not rows:
        raise DataError(f"{file} has {len(columns)} columns and {rows} rows, but at least two columns (text and class) and one row "
                        f"are needed. {' '.join(['But ' + each for each in notices] or [_HOW_SEPARATED[header]])}")
    if task == "ranking" or (task is None and named == Named() and _is_ranking(columns)):
        return _of_ranking(file, columns, named, header or has_header, notices)
    rows_of_numbers = (header or has_header) and task in (None, "classification") and named.text is None
    if rows_of_numbers and (of := _class_of_numbers(columns, named.label)) is not None:
        return _of_numbers(file, columns, of, header or has_header, notices)
    return _of_texts(file, columns, named, task, header or has_header, notices)


def _of_texts(file: Path, columns: Columns, named: Named, task: str | None, header: bool, notices: Sequence[str]) -> Sample:
    """A class, a number or tags for each text, or for two."""
    first, other = (named.text, None) if task == "tagging" else _pair(file, columns, named)
    others = {name: columns[name] for name in columns if name != other}
    target = None
    if task not in ("classification", "tagging"):
        target = _target({name: others[name] for name in others if name != first}, named.label, task, other is not None)
    text, label = _text_and_label(file, others, first, target or named.label)
    found: Task = "tagging" if task == "tagging" else "regression" if target else "classification"
    if found == "classification":
        _refuse_several(file, label, columns[label])
    if found == "regression" and task is None:
        notices = [*notices, f"column {label!r} has decimals, so the recipe is for regression; --task classification makes them classes."]
    names = {"tagging": ("tokens", "tags"), "regression": ("text", "target")}.get(found, ("text", "label"))
    ordered = [each for each in (text, label, other) if each is not None]
    places: list[str | int] = [*ordered] if header else [int(each) for each in ordered]
    return Sample(file, places[0], places[1], columns[text], columns[label], header, task=found, notices=notices,
                  other=other if header or other is None else "other",
                  columns={} if header else dict(zip((*names, "other"), places, strict=False)))


def _pair(file: Path, columns: Columns, named: Named) -> tuple[str | None, str | None]:
    """The columns of a pair of texts, as named or inferred; None for the second if there is only one text."""
    if named.other is not None:
        return named.text, _named(file, named.other, columns)
    by_name = {name.strip().lower(): name for name in columns}
    known = [(by_name[one], by_name[two]) for one, two in PAIR_NAMES if one in by_name and two in by_name]
    return known[0] if known and named.text is None else (named.text, None)


def _target(columns: Columns, named: str | None, task: str | None, of_two: bool) -> str | None:
    """The column of the number to predict for a text or a pair: one with a well-known name, or the only numeric one. Unless `task` is
    regression, it must have decimals and be the column otherwise taken as the class. None if there is none.
    """
    read = {name: [parsed(cell) for cell in cells if cell.strip() not in MISSING] for name, cells in columns.items()
            if name.strip().lower() not in ROW_NUMBERS}
    numbers = {name: cells for name, cells in read.items() if cells and None not in cells}
    known = _by_name(numbers, TARGET_NAMES) or (next(iter(numbers)) if len(numbers) == 1 else None)
    if task == "regression":
        return named or known
    likely = named or (known if of_two else None) or _label_column(columns) or known
    return likely if likely in numbers and any(number % 1 for number in numbers[likely] if number is not None) else None


def _is_ranking(columns: Columns) -> bool:
    """Whether columns are named as query and candidate, and none as a class."""
    return all(_by_name(columns, names) for names in (QUERY_NAMES, CANDIDATE_NAMES)) and _by_name(columns, LABEL_NAMES) is None


def _of_ranking(file: Path, columns: Columns, named: Named, header: bool, notices: Sequence[str]) -> Sample:
    """A query and a candidate in each row, and the relevance of the candidate if there is a column for it."""
    text, other = (_named(file, given, columns) or _by_name(columns, names)
                   for given, names in ((named.text, QUERY_NAMES), (named.other, CANDIDATE_NAMES)))
    if text is None or other is None or text == other:
        raise DataError(f"{file}: cannot infer which column contains the query and which the candidate. Name them with --text and "
                        f"--other; the columns are {', '.join(columns)}.")
    relevance = _named(file, named.relevance, columns) or _by_name(columns, RELEVANCE_NAMES)
    roles = {name: column for name, column in (("text", text), ("other", other), ("relevance", relevance)) if column is not None}
    places: dict[str, str | int] = {name: column if header else int(column) for name, column in roles.items()}
    return Sample(file, places["text"], places["other"], columns[text], columns[other], header, task="ranking", notices=notices,
                  relevance=places.get("relevance"), columns={} if header else places)


def _by_name(columns: Iterable[str], known: Sequence[str]) -> str | None:
    """The column whose name comes first among the known ones."""
    return min((name for name in columns if _rank(name, known) < len(known)), key=lambda name: _rank(name, known), default=None)


def _class_of_numbers(columns: Columns, named: str | None) -> str | None:
    """The class column of a table of numbers: the only column of other values, or if there is none, one with a well-known name.

    None if there are texts, or if no such column has repeated values.
    """
    words = [name for name, values in columns.items() if not all(_number(value) or value.strip() in MISSING for value in values)]
    known = words or [name for name in columns if _rank(name, LABEL_NAMES) < len(LABEL_NAMES)]
    label = named if named is not None else known[0] if len(known) == 1 else None
    if label is None or label not in columns or set(words) - {label} or len(columns) < 2:
        return None
    if named is None and words and _is_text_beside_numbers(label, columns):
        return None
    return label if 2 <= len(set(columns[label])) <= max(2, len(columns[label]) // 2) else None


def _is_text_beside_numbers(name: str, columns: Columns) -> bool:
    """Whether a column is a text, although its values repeat, as commands do, and the class or target is one of the other columns, which
    are numbers.
    """
    numbers = [each for each in columns if each != name and each.strip().lower() not in ROW_NUMBERS]
    has_text_name, has_answer = _rank(name, TEXT_NAMES) < len(TEXT_NAMES), _by_name(numbers, (*LABEL_NAMES, *TARGET_NAMES)) is not None
    if len(numbers) != 1:
        return has_text_name and has_answer
    return has_text_name or has_answer or sum(" " in text.strip() for text in columns[name]) > len(columns[name]) / 2


def _of_numbers(file: Path, columns: Columns, label: str, header: bool, notices: Sequence[str]) -> Sample:
    """Rows of numbers and their class; empty columns and columns that number the rows are left out."""
    empty = [name for name, cells in columns.items() if name != label and all(cell.strip() in MISSING for cell in cells)]
    counts = [name for name in columns if name not in (label, *empty) and name.strip().lower() in ROW_NUMBERS]
    left_out = [*empty, *counts]
    notices = [*notices,
               *(f"column {name!r} is empty and is left out." for name in empty),
               *(f"column {name!r} seems to number the rows and is left out; add it to task.numbers if it does not." for name in counts)]
    numbers = [name for name in columns if name not in (label, *left_out)]
    if not numbers:
        why = "is empty" if empty else "numbers the rows"
        raise DataError(f"{file} has no column of text or numbers besides the class {label!r} and {left_out[0]!r}, which {why}.")
    if len(numbers) == 1:
        notices = [*notices, f"the class in column {label!r} is predicted from the number in column {numbers[0]!r}; if {label!r} is a text "
                             f"and {numbers[0]!r} its class, set --text {shlex.quote(label)} --label {shlex.quote(numbers[0])}."]
    missing = any(cell.strip() in MISSING for name in numbers for cell in columns[name])
    return Sample(file, numbers[0], label, columns[numbers[0]], columns[label], header, notices=notices, numbers=numbers,
                  all_numbers=not left_out, missing_numbers=missing)


def _in_columns(file: Path, columns: Columns, lists: Sequence[str], named: Named, task: str | None) -> Sample:
    """A text and a class, or tokens and tags, in each row of named columns; the columns `lists` contain a list in each row."""
    tokens = {name: columns[name] for name in lists if name in columns}
    if task == "tagging" or (task is None and named == Named() and len(tokens) > 1):
        return _in_lists(file, columns, tokens, named)
    plain = {name: values for name, values in columns.items() if name not in tokens or name == named.text}
    if (several := next((name for name in tokens if name == named.label or (named.label is None and _is_known(name))), None)) is not None:
        raise DataError(f"{file}: the column `{several}` has a list in each row: several classes, or the tags of tokens. A text can "
                        "have only one class; name another column with --label, or give --task tagging.")
    return _with_header(file, plain, named, task, header=True)


def _in_lists(file: Path, columns: Columns, tokens: Columns, named: Named) -> Sample:
    text = _named(file, named.text, columns) or _text_column(tokens)
    others = [name for name in tokens if name != text]
    label = _named(file, named.label, columns) or min(others, key=lambda name: _rank(name, TAG_NAMES), default=None)
    if text is None or label is None:
        raise DataError(f"{file}: cannot infer which column contains the tokens and which the tags. Name them with --text and --label; "
                        f"the columns are {', '.join(columns)}.")
    return Sample(file, text, label, columns[text], columns[label], task="tagging")


_HOW_SEPARATED = {True: "Each JSON object needs a key for each, whose values are text or numbers.",
                  False: "Fields are separated by commas in .csv and by tabs in .tsv."}


def _text_and_label(file: Path, columns: Columns, text: str | None, label: str | None) -> tuple[str, str]:
    """The names of the two columns; given ones are checked, others inferred."""
    text = _named(file, text, columns) or _text_column({name: values for name, values in columns.items() if name != label})
    label = _named(file, label, columns) or _label_column({name: values for name, values in columns.items() if name != text})
    if text is None and all(_number(cell) for values in columns.values() for cell in values):
        raise DataError(f"{file} has columns of numbers only. Name the column of the class with --label; its values must repeat, and "
                        f"the other columns are the features. The columns are {', '.join(columns)}.")
    if text is None or label is None or text == label:
        raise DataError(f"{file}: cannot infer which column contains the text and which the class or the number. Name them with --text and "
                        f"--label; the columns are {', '.join(columns)}.")
    return text, label


def _format(file: Path, content: bytes, ending: str, encoding: str) -> Literal["csv", "tsv", "jsonl", "json"]:
    """The format from the ending; a file with another ending is TSV if every line has a tab."""
    match ending:
        case "csv" | "tsv" | "jsonl" | "json":
            return ending
    try:
        if len(read_table(content, str(file), Form("tsv", header=False, encoding=encoding)).columns) > 1:
            return "tsv"
    except DataError as error:
        if "is empty" in str(error):
            raise
    raise DataError(f"{file}: the format is inferred from the file name, which must end in .csv, .tsv, .jsonl, .json, .parquet, .xlsx, "
                    ".conll or .conllu (also with .gz), or from the content: lines with tabs, fastText's `__label__` lines, or tokens with "
                    "their tags. This is none of these.")


def _refuse_no_text(file: Path, content: bytes, form: Form, named: Named) -> None:
    """Raises the reader's DataError if the text or the class of a JSON object is null, a list or an object: those that are named, or if
    none can be inferred without them, those with a well-known name.
    """
    decoded = decode(content, str(file), form.encoding)
    first = json.loads(decoded.strip().split("\n")[0] if form.format == "jsonl" else decoded)
    record = first if form.format == "jsonl" else first[0]
    others = [str(key) for key, value in record.items() if not isinstance(value, str | int | float)]
    refused = [key for key in others if key in named]
    if None in (named.text, named.label):
        usable = [key for key in record if key not in others]
        refused += [key for names in (TEXT_NAMES, LABEL_NAMES) if _by_name(usable, names) is None and (key := _by_name(others, names))]
    if refused:
        read_table(content, str(file), form, refused)


def _is_known(name: str) -> bool:
    return name.strip().lower() in (*TEXT_NAMES, *LABEL_NAMES)


def _refuse_several(file: Path, column: str, labels: Sequence[str]) -> None:
    """Raises DataError if most cells are lists of labels, whose parts recur in other lists."""
    for mark in ",|;":
        lists = {label for label in labels if mark in label}
        parts = Counter(part.strip() for label in set(labels) for part in set(label.split(mark)))
        recurring = sum(times > 1 for times in parts.values())
        if sum(mark in label for label in labels) > len(labels) / 2 and len(lists) > 1 and recurring >= len(parts) / 2:
            raise DataError(f"{file}: column {column!r} has several labels in most rows, separated by {mark!r}, such as "
                            f"{min(lists)[:60]!r}. A text can have only one class: keep one label per row, or add a yes/no column for each "
                            "label and train one model for each.")


def with_splits(sample: Sample, given: Mapping[str, Path | None]) -> tuple[Sample, list[str]]:
    """The sample with the files of other splits, given or found beside the training file; and notices about files that are not used."""
    splits, notices = {}, [*sample.notices]
    for split, named in given.items():
        path = named or sample.splits.get(split) or _beside(sample.file, split)
        try:
            if path is not None:
                table, _ = read_file(FileData(train=str(sample.file), **sample.settings()), str(path), sample.names)
                _refuse_unanswered(table, sample.names[1])
                splits[split] = path
        except DataError as error:
            if named is not None:
                raise
            notices.append(f"{path} is beside the training file but is not used as the {split} split. {error}")
    return replace(sample, splits=splits), notices


def _refuse_unanswered(table: Table, label: str) -> None:
    if not any(each.strip() for each in table.columns[label]):
        raise DataError(f"{table.source} has no answer in any row of `{label}`, so it cannot be used for scoring. Leave it out.")


def _beside(file: Path, split: str) -> Path | None:
    """A file whose name has the split in place of `train`."""
    for word in SPLITS[split]:
        name = re.sub(r"(?i)(?<![a-z])train(ing)?(?![a-z])", word, file.name)
        names = (name, f"{name}.gz", name.removesuffix(".gz"))
        if name != file.name and (found := next((file.with_name(each) for each in names if file.with_name(each).exists()), None)):
            return found
    return None


def _has_header(columns: Columns) -> bool:
    """Whether the first row is a header: it has a well-known name, or no number and no value that occurs again below."""
    first = [values[0] for values in columns.values()]
    if any(cell.strip().lower() in (*TEXT_NAMES, *LABEL_NAMES, *CANDIDATE_NAMES) for cell in first):
        return True
    named = (values[0] and not _number(values[0]) and values[0] not in values[1:] for values in columns.values())
    return len(set(first)) == len(first) and all(named)


def _below_header(columns: Columns) -> Columns:
    """The columns by the names in their first row; columns that share a name are left out."""
    shared = _shared_names(columns)
    return {values[0]: values[1:] for values in columns.values() if values[0] not in shared}


def _shared_names(columns: Columns) -> list[str]:
    """The names in the first row that several columns have."""
    return [name for name, times in Counter(values[0] for values in columns.values()).items() if times > 1]


def _number(text: str) -> bool:
    return re.fullmatch(r"\s*[-+]?[\d.,]+\s*", text) is not None


def _named(file: Path, name: str | None, columns: Columns) -> str | None:
    if name is not None and name not in columns:
        raise DataError(f"{file} has no column {name!r}; the columns are {', '.join(columns)}.{nearest(name, columns)}")
    return name


def _text_column(columns: Columns) -> str | None:
    """A well-known name first, then the longest values; never numbers."""
    fitting = [name for name, values in columns.items() if not all(map(_number, values))]
    return min(fitting, key=lambda name: (_rank(name, TEXT_NAMES), -sum(map(len, columns[name]))), default=None)


def _label_column(columns: Columns) -> str | None:
    """A column whose values repeat; a well-known name first, then the one with the fewest distinct values."""
    kinds = {name: len(set(values)) for name, values in columns.items()}
    fitting = [name for name, values in columns.items() if 2 <= kinds[name] <= max(2, len(values) // 2)]
    return min(fitting, key=lambda name: (_rank(name, LABEL_NAMES), kinds[name]), default=None)


def _rank(name: str, known: Sequence[str]) -> int:
    return known.index(name.strip().lower()) if name.strip().lower() in known else len(known)
