"""The dataset `pydocs`: the reference of the Python language as `help()` shows it, a topic a row; nothing is downloaded.

It is that of the Python which runs, so another version of Python has another text.
"""

import platform
from collections.abc import Mapping

from ...errors import DataError
from ..files import sha256
from ..splits import split_by_content
from ..tables import Dataset, Table

EXPECTED = "b25a9eaf186639018586a09db4869f3c2651b621a229a15ce1be4ba4d8adb9b3"
"""SHA-256 of the topics that the figures in the docs were measured on: those of Python 3.11.7."""


def read_pydocs() -> Dataset:
    """Columns text and topic, split by the topic's name; a notice where another Python has other texts.

    Raises DataError for a Python that was installed without them.
    """
    topics = collect()
    table = Table({"text": list(topics.values()), "topic": list(topics)}, "pydocs")
    digest = sha256("".join(f"{topic}\n{text}\n" for topic, text in topics.items()).encode("utf-8"))
    notices = () if digest == EXPECTED else (_changed(len(topics)),)
    return Dataset("pydocs", split_by_content(table, "topic"), {"pydocs": digest}, notices)


def collect() -> Mapping[str, str]:
    """The text of each topic by the topic's name, in alphabetical order."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise DataError(
            f"This Python ({platform.python_version()}) was installed without the module `pydoc_data`, from which the dataset pydocs "
            "is made. Install the whole of Python's standard library, or take another text, such as the dataset tinyshakespeare."
        ) from None
    return dict(sorted(topics.items()))


def _changed(n_topics: int) -> str:
    return (f"Python {platform.python_version()} has other texts in `pydocs` ({n_topics} topics) than those that the published figures "
            "were measured on. Compare only runs whose hashes of the data are equal.")
