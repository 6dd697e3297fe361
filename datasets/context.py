"""Texts that know their neighbours: the texts before and after them in the same document."""

from collections.abc import Sequence
from dataclasses import replace

from .tables import Table


class TextInDocument(str):
    """A text, and all texts of its document, in which it is at `place`. What string methods make of it is a text by itself, without
    neighbours; `in_place_of` gives it those."""

    document: Sequence[str] = ()
    place: int = 0


def in_documents(table: Table, text: str, document: str | None) -> Table:
    """The table with its texts as those of documents, whose rows keep their order; the same table where no column identifies these.

    A row whose document has no name stands alone. Neighbours are rows of this table, so no split sees texts of another.
    """
    if document is None:
        return table
    members: dict[str, list[str]] = {}
    texts = []
    for each, name in zip(table.columns[text], table.columns[document], strict=True):
        together = members.setdefault(name, []) if name.strip() else []
        together.append(each)
        texts.append(_placed(each, together, len(together) - 1))
    return replace(table, columns={**table.columns, text: texts})


def in_place_of(original: str, text: str) -> str:
    """A text with the neighbours that the original has."""
    return _placed(text, original.document, original.place) if isinstance(original, TextInDocument) else text


def neighbours(texts: Sequence[str], offset: int) -> list[str]:
    """For each text the one so many places behind it in its document, before it where the offset is negative; empty where there is none."""
    return [_neighbour(text, text.place + offset) if isinstance(text, TextInDocument) else "" for text in texts]


def _placed(text: str, document: Sequence[str], place: int) -> TextInDocument:
    placed = TextInDocument(text)
    placed.document, placed.place = document, place
    return placed


def _neighbour(text: TextInDocument, place: int) -> str:
    return text.document[place] if 0 <= place < len(text.document) else ""
