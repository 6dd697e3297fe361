"""Input of `nlp predict`, texts or a table, and its output, the table with predictions."""

import gzip
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..configs.schema.data import FileData, NamedData
from ..configs.schema.task import TaskConfig
from ..configs.schema.tasks.ranking import RankingConfig
from ..datasets.context import in_documents
from ..datasets.encoded.preparation import Preparation
from ..datasets.encoded.texts.text_rows import joined_texts
from ..datasets.files import read_content
from ..datasets.formats.append import append_columns
from ..datasets.formats.encodings import UTF8, decode, is_utf8_after_all
from ..datasets.formats.lines import split_lines, stream_lines
from ..datasets.read import form_of, is_table, normalized, read_given
from ..datasets.tables import Table
from ..datasets.tokenizers.tokenizer import BETWEEN
from ..errors import ConfigError, DataError
from ..storage import write_file
from .console import notice

ARGUMENTS = "the command line"


@dataclass(frozen=True)
class Source:
    """Texts, and the name of their source; for a column of a file, also its rows and how it is read."""

    texts: Iterable[str]
    name: str
    table: Table | None = None
    data: FileData | None = None

    def where(self, row: int) -> str:
        """The position of a text in its source, counted from 1."""
        if self.table is not None:
            return self.table.where(row)
        return f"{self.name}:{row + 1}" if self.name != ARGUMENTS else f"text {row + 1} of the command line"


def find_texts(data: NamedData | FileData, preparation: Preparation, texts: list[str] | None, path: str | None,
               named: Sequence[str | None]) -> Source:
    """The texts of the command line, of a file, or streamed from standard input; `named` are columns of the file that are called
    otherwise than in the recipe. Pairs are given one text after the other, in two columns, or separated by a tab. Only texts of a table
    may have context.
    """
    if texts and path is not None:
        raise ConfigError("Give texts on the command line or a file with --input, not both.")
    if path is not None and is_table(data, path):
        return _rows(data, preparation, path, named)
    if any(name is not None for name in named):
        raise ConfigError("--text names a column of the --input file, which must be a table such as .csv, .tsv or .jsonl.")
    if texts:
        return Source(normalized(_together(texts, preparation.n_texts), data.normalization), ARGUMENTS)
    encoding = data.encoding if isinstance(data, FileData) else UTF8
    lines = stream_lines(sys.stdin.buffer, "standard input") if path is None else _lines(path, encoding)
    return Source(normalized(lines, data.normalization), path or "standard input")


def find_candidates(data: NamedData | FileData, task: TaskConfig | None, path: str) -> list[str]:
    """The candidates to rank: a column of a table, named as in training, or the lines of a file."""
    if not isinstance(task, RankingConfig):
        raise ConfigError(f"--candidates is for runs of task.type ranking, but this one has {task and task.type}. Leave it out.")
    if not is_table(data, path):
        encoding = data.encoding if isinstance(data, FileData) else UTF8
        return list(normalized(_lines(path, encoding), data.normalization))
    remedy = f"The candidates are read from column `{task.other}`, as in training; a file with one text per line needs no column."
    given = read_given(data, path, {}, [task.other], remedy, ["candidates"])
    for each in given.notices:
        notice(each)
    return list(given.table.columns[task.other])


def no_texts(run: str, texts: list[str] | None, path: str | None) -> Source:
    """The empty source of a run that generates texts from noise."""
    if texts or path is not None:
        raise ConfigError(f"{run} generates texts from noise and reads none. Leave the texts out; --samples 10 --seed 1 generates ten.")
    return Source((), ARGUMENTS)


def _together(texts: list[str], n_texts: int) -> list[str]:
    """Join every two arguments if the run reads pairs; arguments with a tab are pairs already."""
    if n_texts < 2 or all(BETWEEN in text for text in texts):
        return texts
    if len(texts) % n_texts:
        many = "1 text is" if len(texts) == 1 else f"{len(texts)} texts are"
        raise ConfigError(f"This run predicts pairs of texts, one argument after the other, but {many} given. Quote each text, as in: "
                          "nlp predict RUN \"one text\" \"the other\"")
    return joined_texts(texts[::2], texts[1::2])


def _rows(data: NamedData | FileData, preparation: Preparation, path: str, named: Sequence[str | None]) -> Source:
    columns = preparation.input_columns
    if any(named) and len(columns) > max(preparation.n_texts, 1):
        raise ConfigError(f"--text names one column, but this run reads {len(columns)}, which must be named in {path} as in training. "
                          "Leave it out.")
    if len(columns) == 1 and any(named[1:]):
        raise ConfigError("--other names the column of a second text, but this run reads one text per row. Leave it out.")
    ours = {name: key for name, key in zip(columns, named, strict=False) if key is not None}
    given = read_given(data, path, ours, columns, _remedy(preparation), preparation.column_roles, preparation.document)
    for each in given.notices:
        notice(each)
    table = in_documents(given.table, columns[0], preparation.document)
    return Source(preparation.row_texts(table), path, given.table, given.data)


def _remedy(preparation: Preparation) -> str:
    """What to do if the table lacks a column that the run reads."""
    if preparation.reads_more_than_texts:
        return "The columns that the run reads must have the same names as in training."
    if preparation.n_texts > 1:
        return "Name the columns of the two texts with --text and --other."
    return "Name the column with the texts with --text. A file with one text per line can be given as standard input."


def _lines(path: str, encoding: str) -> Iterator[str]:
    """The lines of a file, split as those of parallel files are: a text may contain other line-break characters."""
    try:
        content = read_content(Path(path)) if path.endswith(".gz") else Path(path).read_bytes()
        yield from split_lines(decode(content, path, UTF8 if is_utf8_after_all(content, encoding) else encoding))
    except OSError as error:
        raise DataError(f"{path!r} cannot be read: {error.strerror}. Name a table, or a file with one text per line.") from None


def find_target(source: Source, output: str, as_json: bool, written: Sequence[str]) -> Path:
    """The file to write predictions (the fields `written`) to. Raises UserError, before anything is predicted, if it cannot be."""
    if as_json:
        raise ConfigError("--json prints the predictions, --output writes them to a file; leave one of them out.")
    if source.table is None or source.data is None or not Path(source.name).expanduser().is_file():
        raise ConfigError("--output writes the --input table with predictions added, so --input must be a .csv, .tsv, .jsonl, .conll, "
                          ".parquet or .xlsx file, or for parsers a .conllu file. For other texts, redirect the standard output: "
                          "nlp predict ... > predictions.txt")
    path = Path(output).expanduser().resolve()
    endings = [Path(each.removesuffix(".gz")).suffix for each in (source.name, output)]
    if endings[0] != endings[1]:
        raise ConfigError(f"--output {output}: the predictions are written in the format of {source.name}; give a name that ends in "
                          f"{endings[0]} or {endings[0]}.gz.")
    if path.exists() and path.samefile(Path(source.name).expanduser()):
        raise ConfigError(f"--output {output} is the --input file, which is never overwritten. Give another name.")
    if not path.parent.is_dir():
        raise ConfigError(f"--output {output}: there is no folder {path.parent}. Create it first, or name another.")
    texts = [text.partition(BETWEEN)[0] for text in source.texts]  # as long as predictions, in tokens too
    _appended(source, dict.fromkeys(written, texts))
    return path


def _appended(source: Source, columns: Mapping[str, Sequence[Any]]) -> bytes:
    assert source.data is not None, "only tables can be added to"
    return append_columns(read_content(Path(source.name).expanduser()), source.name, form_of(source.data), columns)


def write_predictions(source: Source, answers: Sequence[Mapping[str, Any]], path: Path, written: Sequence[str]) -> None:
    """Add the fields that the answers have to each row, and write the table atomically."""
    names = [name for place, name in enumerate(written) if not place or any(name in answer for answer in answers)]
    content = _appended(source, {name: [answer.get(name) for answer in answers] for name in names})
    try:
        write_file(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}. Give another --output.") from None
    print(f"Wrote {len(answers):,} rows with {' and '.join(f'`{name}`' for name in names)} to {path}")
