"""Data files that come with the installation, independent of the versions of other packages."""

from pathlib import Path

from ...errors import DataError
from ..files import read_content, sha256

SHIPPED = Path(__file__).parent / "files"


def read_shipped(name: str) -> bytes:
    """The decompressed content of a file. Raises DataError if it is missing or damaged."""
    try:
        return read_content(SHIPPED / name)
    except DataError as error:
        raise DataError(f"{error} {_REMEDY}") from None


def check_digest(dataset: str, content: str, expected: str) -> str:
    """The SHA-256 of a dataset's rows. Raises DataError if it is not the expected one."""
    digest = sha256(content.encode("utf-8"))
    if digest != expected:
        raise DataError(f"The dataset {dataset} in {SHIPPED} is damaged: the SHA-256 of its rows is {digest}, not {expected}. {_REMEDY}")
    return digest


_REMEDY = "It comes with the installation; install again: pip install --force-reinstall nlp-generations"
