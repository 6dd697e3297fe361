"""Sentences with the head of each word and its relation to it: the data of parsing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ....configs.schema.data import SizesData
from ....configs.schema.models.model_base import Inputs
from ....configs.schema.tasks.parsing import ParsingConfig
from ....configs.schema.tokenizer import WordTokenizer
from ....errors import ConfigError, DataError
from ...arrays import IntArray, Ragged
from ...formats.conll import split_tokens
from ...tables import Table
from ...tokenizers.tagger import Tagger
from ...tokenizers.tokenizer import BETWEEN
from ..cache import Cache
from ..labels import UNSEEN, some_names
from ..preparation import Preparation, Tokenizers
from ..split import Batch, Encoding, StepRandom, Target
from .sentences import CHARACTERS, Encode, SentenceSplit, Words, distinct_of
from .trees import heads_of, tree_text

VALUES = WordTokenizer(type="words", split="whitespace", min_frequency=2)
"""Values of a column that are seen once become unknown, as characters do."""
Columns = Sequence[Sequence[Sequence[str]]]
"""For each column the values of the words of each sentence; the first column contains the words."""


class Gold(NamedTuple):
    """The words of a sentence, and the relation of each to its head."""

    words: Sequence[str]
    relations: Sequence[str]


@dataclass(frozen=True)
class ParsedSplit(SentenceSplit):
    """`columns`: the words and their attributes; `values`: the ids of the further columns; `heads`: the number of each word's head, -1
    if unknown; `relations`: the id of each relation, -1 for one that is not in the list."""

    columns: Columns
    gold: Sequence[Sequence[str]]
    values: Sequence[Ragged]
    heads: Ragged
    relations: Ragged

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The rows as sentences of tuples, as padded sequences with or without characters and further columns, or in several forms."""
        arrays: dict[str, Any] = {"sentences": [self._tuples(row) for row in rows.tolist()]} if "text" in inputs else {}
        arrays |= self.read_by_networks(rows, inputs)
        if "columns" in inputs:
            arrays["columns"] = self._columns(rows, arrays["lengths"])
        targets = {name: ids.padded(rows, UNSEEN)[0] for name, ids in (("heads", self.heads), ("relations", self.relations))}
        gold = [Gold(self.sentences[row], self.gold[row]) for row in map(int, rows)]
        return Batch(rows, arrays, {name: Target(ids, ids != UNSEEN) for name, ids in targets.items()}, gold)

    def _tuples(self, row: int) -> list[tuple[str, ...]]:
        return list(zip(*(column[row] for column in self.columns), strict=True))

    def _columns(self, rows: IntArray, lengths: IntArray) -> IntArray:
        """(batch, seq, n_columns) ids."""
        words = self.words.numbers.flat(rows)[0]
        return np.stack([self.for_each_piece(column.flat(rows)[0], words, lengths) for column in self.values], axis=2)

    def example(self, row: int) -> dict[str, Any]:
        """The location of a sentence in the data, the sentence, and its tree: `HEAD:RELATION` for each word."""
        heads = self.heads.ids[self.heads.offsets[row] : self.heads.offsets[row + 1]].tolist()
        return {"where": self.table.where(row), "text": " ".join(self.sentences[row]), "label": tree_text(heads, self.gold[row])}


class ParsedSentences(Preparation):
    """Turns tables of sentences and trees into splits."""

    def __init__(self, task: ParsingConfig) -> None:
        self.task = task
        self.columns = (*task.columns, task.heads, task.relations)

    @property
    def column_roles(self) -> Sequence[str]:
        """The words, their attributes, and their tree."""
        return ("words", *("what is known of them" for _ in self.task.columns[1:]), "heads", "relations")

    @property
    def input_columns(self) -> Sequence[str]:
        """The words and their attributes; with a tagger, without the second column, which it predicts."""
        return self.task.columns if self.task.tagger is None else [*self.task.columns[:1], *self.task.columns[2:]]

    def row_texts(self, table: Table) -> Sequence[str]:
        """The input columns of each row, separated by tabs."""
        columns = [[" ".join(split_tokens(cell)) for cell in table.columns[name]] for name in self.input_columns]
        return [BETWEEN.join(cells) for cells in zip(*columns, strict=True)]

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Learn the relations, and if there is a tokenizer, its vocabulary, the characters and the values of further columns."""
        columns, (_, relations) = self._columns(train, self.task.columns), self._trees(train)
        labels = tuple(sorted({relation for each in relations for relation in each}))
        if not labels:
            raise DataError(f"{train.source} has no word, so there is nothing to learn. Is task.columns right?")
        numbers = {label: number for number, label in enumerate(labels)}
        counts = np.bincount([numbers[relation] for each in relations for relation in each], minlength=len(labels))
        tagger = None if self.task.tagger is None else tokenizers.cache.open_tagger(self.task.tagger, "task.tagger")
        if not tokenizers.wanted:
            spec = SizesData(type="sizes", n_classes=len(labels))
            return Encoding(spec, labels, tuple(counts.tolist()), tagger=tagger)
        words, *others = [[value for sentence in column for value in sentence] for column in columns]
        trained = {"text": tokenizers.get("text", words), "characters": tokenizers.get("characters", words, CHARACTERS),
                 **{role: tokenizers.get(role, values, VALUES) for role, values in zip(self._roles, others, strict=True)}}
        sizes = {name: trained[role].vocab_size for name, role in zip(self.task.columns[1:], self._roles, strict=True)}
        spec = SizesData(type="sizes", n_classes=len(labels), vocab_size=trained["text"].vocab_size,
                         n_characters=trained["characters"].vocab_size, columns=sizes or None)
        return Encoding(spec, labels, tuple(counts.tolist()), trained, tagger=tagger)

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[ParsedSplit, Sequence[str]]:
        """The encoded split, and notices. Outside of training a tagger's tags replace those of the data."""
        columns, (heads, relations) = self._columns(table, self.task.columns), self._trees(table)
        if encoding.tagger is not None and name != "train":
            columns[1] = self._tagged(encoding.tagger, columns)
        split = self._numbered(name, table, columns, heads, relations, encoding, cache.encode)
        return split, _unseen(split)

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The words, each as a separate text."""
        return [word for sentence in table.columns[self.task.words] for word in split_tokens(sentence)]

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> ParsedSplit:
        """Sentences without trees: words separated by spaces, followed by the further columns, separated by tabs."""
        table = Table(dict(zip(self.input_columns, self._cells(texts), strict=True)), "the texts")
        columns = self._columns(table, self.input_columns)
        if encoding.tagger is not None:
            columns.insert(1, encoding.tagger.tags(columns[0]))
        unknown = [[UNSEEN] * len(words) for words in columns[0]]
        return self._numbered("texts", table, columns, unknown, [[""] * len(words) for words in columns[0]], encoding,
                              lambda tokenizer, values: tokenizer.encode(values))

    def _cells(self, texts: Sequence[str]) -> list[list[str]]:
        """For each input column the values of each text."""
        rows, names = [text.split(BETWEEN) if text.strip() else [""] * len(self.input_columns) for text in texts], self.input_columns
        if wrong := next((row for row in rows if len(row) != len(names)), None):
            columns = f"{len(wrong)} columns" if len(wrong) > 1 else "one column"
            raise DataError(f"The text {wrong[0][:60]!r} has {columns}, but this parser reads {', '.join(names)} of each word. "
                            "Give a file that has them with --input, such as CoNLL-U, or a line with the words and each further column "
                            "separated by tabs. A parser of words alone has `task.columns: [form]`, and with task.tagger the second "
                            "column is not needed.")
        return [list(column) for column in zip(*rows, strict=True)]

    @property
    def _roles(self) -> list[str]:
        """The roles of the tokenizers of the further columns."""
        return [f"column{number}" for number in range(1, len(self.task.columns))]

    def _columns(self, table: Table, names: Sequence[str]) -> list[list[list[str]]]:
        """The values of the words in each column. Raises DataError if a sentence does not have the same number of values in all columns."""
        columns = [[split_tokens(cell) for cell in table.columns[name]] for name in names]
        for name, column in zip(names[1:], columns[1:], strict=True):
            self._check_length(table, columns[0], column, name)
        return columns

    def _check_length(self, table: Table, words: Sequence[Sequence[str]], values: Sequence[Sequence[str]], name: str) -> None:
        for row, (sentence, each) in enumerate(zip(words, values, strict=True)):
            if len(sentence) != len(each):
                raise DataError(f"{table.where(row)} has {len(sentence)} words in column `{self.task.words}` but {len(each)} values in "
                                f"column `{name}`. Parsing needs one value for each word; in all columns, values are separated by spaces.")

    def _trees(self, table: Table) -> tuple[list[list[int]], list[list[str]]]:
        """Heads and relations of the words of each sentence. Raises DataError for a sentence whose heads are not a tree."""
        words, heads, relations = self._columns(table, (self.task.words, self.task.heads, self.task.relations))
        numbered = enumerate(zip(heads, words, strict=True))
        return [heads_of(each, sentence, table.where(row)) for row, (each, sentence) in numbered], relations

    def _tagged(self, tagger: Tagger, columns: Columns) -> list[list[str]]:
        """The tagger's tags. Raises ConfigError if they have nothing in common with those of the data."""
        tags = tagger.tags(columns[0])
        present, predicted = ({tag for each in column for tag in each} for column in (columns[1], tags))
        if predicted and present.isdisjoint(predicted):
            raise ConfigError(f"task.tagger: {self.task.tagger} predicts tags such as {some_names(predicted)}, but the column "
                              f"`{self.task.columns[1]}`, which they replace, has {some_names(present)}. Name a tagger that was "
                              "trained on this column, or make the column on which it was trained the second of task.columns.")
        return tags

    def _numbered(self, name: str, table: Table, columns: Columns, heads: Sequence[Sequence[int]], relations: Sequence[Sequence[str]],
                  encoding: Encoding, encode: Encode) -> ParsedSplit:
        words = Words.of(columns[0], encoding, encode)
        ends = words.numbers.offsets
        numbers = {label: number for number, label in enumerate(encoding.labels)}
        flat = [numbers.get(relation, UNSEEN) for each in relations for relation in each]
        values = [_ids(column, ends, encoding, role, encode) for column, role in zip(columns[1:], self._roles, strict=True)
                  if role in encoding.tokenizers]
        flat_heads = np.array([head for each in heads for head in each], dtype=np.int64)
        return ParsedSplit(name, table, columns[0], words, columns, relations, values, Ragged(flat_heads, ends),
                           Ragged(np.array(flat, dtype=np.int64), ends))


def _ids(column: Sequence[Sequence[str]], ends: IntArray, encoding: Encoding, role: str, encode: Encode) -> Ragged:
    """The id of each value; the first id if a value has several parts."""
    distinct, numbers = distinct_of(column)
    encoded = encode(encoding.tokenizers[role], distinct)
    return Ragged(encoded.ids[encoded.offsets[:-1]][numbers], ends)


def _unseen(split: ParsedSplit) -> list[str]:
    """A notice of relations that training did not have."""
    unknown = np.flatnonzero(split.relations.ids == UNSEEN).tolist()
    if not unknown:
        return []
    flat = [relation for relations in split.gold for relation in relations]
    names = some_names(flat[place] for place in unknown)
    return [f"{len(unknown):,} of {len(flat):,} {split.name} words have a relation that no training word has ({names}); LAS counts a "
            "relation as wrong if its part before the colon differs."]
