"""Texts with access to their neighbours: the texts before and after them in the same document."""

from collections.abc import Sequence
from dataclasses import replace

from .tables import Table


class TextInDocument(str):
    """A text with all texts of its document, in which its index is `place`. String methods return plain strings without neighbours;
    `in_place_of` restores them."""

    document: Sequence[str] = ()
    place: int = 0


def in_documents(table: Table, text: str, document: str | None) -> Table:
    """The table with each text linked to its document, in row order; unchanged if `document`, the column of document names, is None.

    A row without a document name has no neighbours. Neighbours are rows of this table, so no split sees texts of another.
    """
    if document is None:
        return table
    members: dict[str, list[str]] = {}
    texts = []
    for row_text, name in zip(table.columns[text], table.columns[document], strict=True):
        document_texts = members.setdefault(name, []) if name.strip() else []
        document_texts.append(row_text)
        texts.append(_placed(row_text, document_texts, len(document_texts) - 1))
    return replace(table, columns={**table.columns, text: texts})


def in_place_of(original: str, text: str) -> str:
    """The text with the neighbours of the original."""
    return _placed(text, original.document, original.place) if isinstance(original, TextInDocument) else text


def neighbours(texts: Sequence[str], offset: int) -> list[str]:
    """For each text its neighbour at this offset in the document (negative: before it); an empty text if there is none."""
    return [_neighbour(text, text.place + offset) if isinstance(text, TextInDocument) else "" for text in texts]


def _placed(text: str, document: Sequence[str], place: int) -> TextInDocument:
    placed = TextInDocument(text)
    placed.document, placed.place = document, place
    return placed


def _neighbour(text: TextInDocument, place: int) -> str:
    return text.document[place] if 0 <= place < len(text.document) else ""
