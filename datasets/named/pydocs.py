"""The dataset `pydocs`: the Python language reference as `help()` of Python 3.11.7 shows it, one topic per row.

It comes with the installation, so it is the same for every version of Python.
"""

import json

from ..splits import split_by_content
from ..tables import Dataset, Table
from .shipped import check_digest, read_shipped

DIGEST = "b25a9eaf186639018586a09db4869f3c2651b621a229a15ce1be4ba4d8adb9b3"
"""SHA-256 of the topics, each followed by its text."""


def read_pydocs() -> Dataset:
    """Columns text and topic, split by the topic's name. Raises DataError if the file is damaged."""
    try:
        rows = [json.loads(line) for line in read_shipped("pydocs.jsonl.gz").splitlines()]
        topics = {row["topic"]: row["text"] for row in rows}
    except (ValueError, KeyError, TypeError):
        topics = {}
    digest = check_digest("pydocs", "".join(f"{topic}\n{text}\n" for topic, text in topics.items()), DIGEST)
    table = Table({"text": list(topics.values()), "topic": list(topics)}, "pydocs")
    return Dataset("pydocs", split_by_content(table, "topic"), {"pydocs": digest})
