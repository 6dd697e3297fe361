"""The dataset `names`: surnames and their language, from a file that comes with the installation.

`scripts/make_names.py` shows how the surnames were selected.
"""

from ..splits import split_by_content
from ..tables import Dataset, Table
from .shipped import check_digest, read_shipped

DIGEST = "3e0a9fbec5bc653c61fe8bdcbe482711075f8f24914929399f465797e4055d42"
"""SHA-256 of the file."""
LEFT_OUT = 669
"""Surnames of the source lists that were left out because several languages have them."""


def read_names() -> Dataset:
    """Columns name and language, split by content. Raises DataError if the file is damaged."""
    content = read_shipped("names.tsv").decode("utf-8", "replace")
    digest = check_digest("names", content, DIGEST)
    names, languages = zip(*(line.split("\t") for line in content.removesuffix("\n").split("\n")), strict=True)
    return Dataset("names", split_by_content(Table({"name": names, "language": languages}, "names"), "name"), {"names": digest})
