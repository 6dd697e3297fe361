"""Data in folders: a subfolder for each class, with one file for each text."""

from collections.abc import Sequence
from pathlib import Path

from ...errors import DataError
from ..files import read_content, sha256
from ..tables import Table
from .encodings import UTF8, decode, find_encoding
from .file_format import Form, choose_columns

_LAYOUT = "Data in folders has a subfolder for each class, with one file for each text and nothing else."


def read_folders(path: str, form: Form, wanted: Sequence[str]) -> tuple[Table, str]:
    """The columns `text` and `label`, sorted by name; and the SHA-256 of the names and contents of all files.

    Line breaks are kept, but Windows line ends become single line feeds. Hidden files and folders, and files next to the subfolders,
    are ignored.
    """
    files = [file for folder in class_folders(Path(path).expanduser()) for file in _files(folder)]
    contents = [read_content(file) for file in files]
    texts = [decode(content, str(file), form.encoding).replace("\r\n", "\n") for file, content in zip(files, contents, strict=True)]
    columns = choose_columns({"text": texts, "label": [file.parent.name for file in files]}, form, wanted, f"{path}, read as folders,")
    names = (f"{file.parent.name}/{file.name} {sha256(content)}\n" for file, content in zip(files, contents, strict=True))
    return Table(columns, path), sha256("".join(names).encode("utf-8", "surrogateescape"))


def folder_encoding(path: Path) -> str:
    """UTF-8 if all files are UTF-8, otherwise the most probable encoding that reads all others. Raises DataError if there is none."""
    contents = [read_content(file) for folder in class_folders(path) for file in _files(folder)]
    others = b"\n".join(content for content in contents if find_encoding(content, str(path)) != UTF8)
    return find_encoding(others, str(path))


def class_folders(path: Path) -> list[Path]:
    """The subfolders, sorted by name. Raises DataError if there are none."""
    if not path.is_dir():
        raise DataError(f"There is no folder {path}. {_LAYOUT}")
    folders = sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not folders:
        raise DataError(f"{path} is a folder without subfolders. {_LAYOUT} Name a file in it, or set `data.train` to such a folder.")
    return folders


def _files(folder: Path) -> list[Path]:
    files = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    if (inner := next((file for file in files if file.is_dir()), None)) is not None:
        raise DataError(f"{inner} is a folder. {_LAYOUT} Move its files, or name the folder that has the classes.")
    if not files:
        raise DataError(f"{folder} is a folder without files. {_LAYOUT} Remove it, or add its texts.")
    return files
