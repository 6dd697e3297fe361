"""Makes `pydocs.jsonl.gz`, the reference of the Python language as `help()` shows it, from the Python 3.11.7 that runs it.

    python scripts/make_pydocs.py
"""

import gzip
import json

from nlp.datasets.named.shipped import SHIPPED

VERSION = "3.11.7"


def topics() -> dict[str, str]:
    """The text of each topic by the topic's name, in alphabetical order."""
    from pydoc_data.topics import topics as found

    return dict(sorted(found.items()))


def content() -> bytes:
    """The unpacked content of `pydocs.jsonl.gz`: a topic per line."""
    lines = (json.dumps({"topic": topic, "text": text}, ensure_ascii=False) + "\n" for topic, text in topics().items())
    return "".join(lines).encode("utf-8")


def main() -> None:
    """Write the file, packed without the time, so that equal texts give equal bytes."""
    (SHIPPED / "pydocs.jsonl.gz").write_bytes(gzip.compress(content(), mtime=0))
    print(f"{len(topics())} topics")


if __name__ == "__main__":
    main()
