"""Queries and their candidates: the data of ranking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ....configs.schema.data import SizesData
from ....configs.schema.models.model_base import Inputs, ModelBase
from ....configs.schema.tasks.ranking import RankingConfig
from ....configs.schema.training import TrainingConfig
from ....errors import DataError
from ...arrays import IntArray, Ragged
from ...tables import Table
from ..batching import Order, batches_by_length, row_order
from ..cache import Cache
from ..preparation import Preparation, Tokenizers
from ..split import Batch, Encoding, StepRandom, Target, truncation_notices
from .numbered_texts import parsed
from .text_pairs import refuse_empty, refuse_rows
from .text_rows import as_bag, as_padded

SHOWN = 60
"""Maximum number of characters of a query in a message."""


class Known(NamedTuple):
    """The judged candidates of one query, the relevance of each, and their positions in the batch."""

    candidates: Sequence[str]
    relevance: Sequence[float]
    places: IntArray


@dataclass(frozen=True)
class RankedSplit:
    """A row is a query. `candidates` are the distinct candidates of the split, `others` the same encoded; `judged` has the indices of each
    query's candidates, with their relevance as weights. `lines` (rows,): the first row of each query in the table.
    """

    name: str
    table: Table
    texts: Sequence[str]
    lines: IntArray
    candidates: Sequence[str]
    judged: Ragged
    encoded: Ragged
    others: Ragged | None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> IntArray:
        """Tokens of each query and its candidates."""
        if self.others is None:
            return self.encoded.lengths
        summed = np.concatenate([[0], np.cumsum(self.others.lengths[self.judged.ids])])
        return self.encoded.lengths + np.diff(summed[self.judged.offsets])

    def tokens_of(self, rows: IntArray) -> IntArray:
        """Number of tokens of these queries and their candidates."""
        return self.lengths[rows]

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """Some queries and their distinct candidates; `judged` (n, 2) are the positions of a query and a candidate, `relevance` (n,) the
        candidate's relevance to the query.
        """
        numbers, starts, relevance = self.judged.flat(rows)
        assert relevance is not None, "every judgement has a relevance"
        distinct, places = np.unique(numbers, return_inverse=True)
        sizes = self.judged.lengths[rows]
        queries = np.repeat(np.arange(len(rows)), sizes)
        known = np.ones(len(numbers), dtype=bool)
        targets = {"judged": Target(np.column_stack([queries, places]), known), "relevance": Target(relevance, known)}
        parts = [slice(start, start + size) for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)]
        gold = [Known([self.candidates[int(number)] for number in numbers[part]], relevance[part].tolist(), places[part])
                for part in parts]
        return Batch(rows, self._inputs(rows, distinct, inputs), targets, gold)

    def _inputs(self, rows: IntArray, candidates: IntArray, inputs: Inputs) -> dict[str, Any]:
        to_arrays = as_bag if "bag" in inputs else as_padded
        return to_arrays(self.encoded, rows, "") | ({} if self.others is None else to_arrays(self.others, candidates, "other_"))

    def order(self, training: TrainingConfig | None, model: ModelBase, seed: int) -> Order:
        """Random queries; with `bucket_by_length`, those of similar length together."""
        return row_order(training, model.inputs, self.lengths, len(self), seed)

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Queries of similar length together."""
        return batches_by_length(self.lengths, len(self), most)

    def length_notices(self, longest: int | None) -> list[str]:
        """A notice of longer texts, which are truncated."""
        both = [self.encoded.lengths, *([] if self.others is None else [self.others.lengths])]
        return truncation_notices(self.name, np.concatenate(both), longest, "the beginning of each")

    def example(self, row: int) -> dict[str, Any]:
        """The location of a query in the data, its text, and the most relevant candidate."""
        numbers, _, relevance = self.judged.flat(np.array([row]))
        best = "" if relevance is None or not len(relevance) else self.candidates[int(numbers[int(relevance.argmax())])]
        return {"where": self.table.where(int(self.lines[row])), "text": self.texts[row], "label": best}


class RankedTexts(Preparation):
    """Turns tables of queries and candidates into splits."""

    def __init__(self, task: RankingConfig) -> None:
        self.task = task
        self.columns = tuple(name for name in (task.text, task.other, task.relevance, task.query_id) if name is not None)

    @property
    def column_roles(self) -> Sequence[str]:
        """The queries, which are the only inputs at prediction, the candidates, and their relevance and query ids."""
        return ("texts", "candidates", "relevance", "query ids")[: len(self.columns)]

    def checked(self, table: Table) -> tuple[Table, Sequence[str]]:
        """The unchanged table. Raises DataError for an empty text, a relevance that is not a number, and a query without a right answer or
        with a single candidate.
        """
        refuse_empty(table, (self.task.text, self.task.other), "compare")
        if self.task.relevance is not None:
            numbers = [parsed(written) for written in table.columns[self.task.relevance]]
            refuse_rows(table, self.task.relevance, [number is None or number < 0 for number in numbers], None,
                        "a relevance is a number, 0 for a candidate that does not answer the query and more for one that does. Correct "
                        "it, or name the column of the numbers by task.relevance")
        if len(table):
            self._refuse_unrankable(table)
        return table, []

    def _refuse_unrankable(self, table: Table) -> None:
        grouped = self._grouped(table)
        candidates = set(table.columns[self.task.other])
        if len(candidates) == 1:
            raise DataError(f"All {len(table):,} rows of {table.source} have the same candidate in column `{self.task.other}`, so there is "
                            "nothing to rank. Is task.other the right column?")
        for rows in grouped.values():
            self._refuse_two_queries(table, rows)
        for rows in grouped.values() if self.task.relevance is not None else ():
            query = f"{table.where(rows[0])}: the query {table.columns[self.task.text][rows[0]][:SHOWN]!r}"
            if not any(self._relevance(table, row) > 0 for row in rows):
                raise DataError(f"{query} has no right answer: all {len(rows)} of its candidates have relevance 0. Remove its rows, or "
                                "give one of them a relevance above 0.")
            if len({table.columns[self.task.other][row] for row in rows}) == 1:
                raise DataError(f"{query} has only one candidate, so there is nothing to rank. Remove it, or add candidates of "
                                "relevance 0.")

    def _refuse_two_queries(self, table: Table, rows: Sequence[int]) -> None:
        texts = table.columns[self.task.text]
        if (other := next((row for row in rows if texts[row] != texts[rows[0]]), None)) is not None:
            raise DataError(f"{table.where(other)} has the query {texts[other][:SHOWN]!r}, but {table.where(rows[0])} with the same id in "
                            f"column `{self.task.query_id}` has {texts[rows[0]][:SHOWN]!r}. An id belongs to one query: correct it, or "
                            "leave task.query_id out if queries are identified by their text.")

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Train the tokenizer of queries and candidates."""
        trained = tokenizers.get("text", self.tokenizer_texts(train))
        return Encoding(SizesData(type="sizes", vocab_size=trained.vocab_size), tokenizers={"text": trained})

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[RankedSplit, Sequence[str]]:
        """The encoded split, and notices. A sample of the training rows may lack the right answer of a query, which is then left out."""
        all_groups = self._grouped(table).values()
        grouped = [rows for rows in all_groups if any(self._relevance(table, row) > 0 for row in rows)]
        left_out = len(all_groups) - len(grouped)
        notices = [f"{name}: {left_out:,} queries have no right answer in this part of the rows, and are left out."] if left_out else []
        first = [rows[0] for rows in grouped]
        answers = table.columns[self.task.other]
        numbers = {text: number for number, text in enumerate(dict.fromkeys(answers[row] for rows in grouped for row in rows))}
        judged = [self._best(table, rows, numbers) for rows in grouped]
        texts, candidates = [table.columns[self.task.text][row] for row in first], list(numbers)
        tokenizer = encoding.tokenizer
        assert tokenizer is not None, "every model of ranking reads tokens"
        encoded, others = cache.encode(tokenizer, texts), cache.encode(tokenizer, candidates)
        return RankedSplit(name, table, texts, np.array(first, np.int64), candidates, _ragged(judged), encoded, others), notices

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> RankedSplit:
        """Texts without judgements: queries whose candidates are elsewhere, or those candidates."""
        assert encoding.tokenizer is not None, "every model of ranking reads tokens"
        return RankedSplit("texts", Table({"text": texts}, "the texts"), texts, np.arange(len(texts)), [], _ragged([{} for _ in texts]),
                           encoding.tokenizer.encode(texts), None)

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """Queries and candidates."""
        return [*table.columns[self.task.text], *table.columns[self.task.other]]

    def _grouped(self, table: Table) -> Mapping[str, list[int]]:
        """The rows of each query, in the order of the table."""
        rows_of: dict[str, list[int]] = {}
        for row, key in enumerate(table.columns[self.task.query_id or self.task.text]):
            rows_of.setdefault(key, []).append(row)
        return rows_of

    def _relevance(self, table: Table, row: int) -> float:
        return 1.0 if self.task.relevance is None else parsed(table.columns[self.task.relevance][row]) or 0.0

    def _best(self, table: Table, rows: Sequence[int], numbers: Mapping[str, int]) -> dict[int, float]:
        """The relevance of each candidate of a query, by its index; for a repeated candidate, the highest."""
        relevances: dict[int, float] = {}
        for row in rows:
            number = numbers[table.columns[self.task.other][row]]
            relevances[number] = max(relevances.get(number, 0.0), self._relevance(table, row))
        return relevances


def _ragged(judged: Sequence[Mapping[int, float]]) -> Ragged:
    offsets = np.cumsum([0, *map(len, judged)]).astype(np.int64)
    return Ragged(np.array([number for each in judged for number in each], np.int64), offsets,
                  np.array([relevance for each in judged for relevance in each.values()], np.float32))
