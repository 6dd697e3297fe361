"""A folder with a subfolder for each class, and in each one file for each text."""

from collections.abc import Sequence
from pathlib import Path

from ...errors import DataError
from ..files import read_content, sha256
from ..tables import Table
from .encodings import UTF8, decode, find_encoding
from .file_format import Form, choose_columns

_LAYOUT = "Data in folders is a folder with a subfolder for each class, which has one file for each text and nothing else."


def read_folders(path: str, form: Form, wanted: Sequence[str]) -> tuple[Table, str]:
    """The columns `text` and `label`, in the order of the names; and the SHA-256 of the names and contents of all files.

    Line breaks are kept, those of Windows as single line feeds. Files and folders whose names start with a dot, and files beside the
    subfolders, are not read.
    """
    files = [file for folder in class_folders(Path(path).expanduser()) for file in _files(folder)]
    contents = [read_content(file) for file in files]
    texts = [decode(content, str(file), form.encoding).replace("\r\n", "\n") for file, content in zip(files, contents, strict=True)]
    columns = choose_columns({"text": texts, "label": [file.parent.name for file in files]}, form, wanted, f"{path}, read as folders,")
    names = (f"{file.parent.name}/{file.name} {sha256(content)}\n" for file, content in zip(files, contents, strict=True))
    return Table(columns, path), sha256("".join(names).encode("utf-8", "surrogateescape"))


def folder_encoding(path: Path) -> str:
    """UTF-8 where all files are; else the most probable encoding that reads all of those that are not. DataError where there is none."""
    contents = [read_content(file) for folder in class_folders(path) for file in _files(folder)]
    others = b"\n".join(content for content in contents if find_encoding(content, str(path)) != UTF8)
    return find_encoding(others, str(path))


def class_folders(path: Path) -> list[Path]:
    """The subfolders, by name. Raises DataError where there is none."""
    if not path.is_dir():
        raise DataError(f"There is no folder {path}. {_LAYOUT}")
    folders = sorted(each for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))
    if not folders:
        raise DataError(f"{path} is a folder without subfolders. {_LAYOUT} Name a file in it, or set `data.train` to such a folder.")
    return folders


def _files(folder: Path) -> list[Path]:
    files = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    if (inner := next((each for each in files if each.is_dir()), None)) is not None:
        raise DataError(f"{inner} is a folder. {_LAYOUT} Move its files, or name the folder that has the classes.")
    if not files:
        raise DataError(f"{folder} is a folder without files. {_LAYOUT} Remove it, or put in its texts.")
    return files
