"""Sentences with a tag for each token: the data of tagging."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....configs.schema.data import SizesData
from ....configs.schema.models.model_base import Inputs
from ....configs.schema.tasks.tagging import TaggingConfig, is_tag, tags_of
from ....errors import DataError
from ...arrays import IntArray, Ragged
from ...formats.conll import split_tokens
from ...formats.file_format import nearest
from ...tables import Table
from ..cache import Cache
from ..labels import UNSEEN, declared_or, some_names
from ..preparation import Preparation, Tokenizers
from ..split import Batch, Encoding, StepRandom, Target
from .sentences import CHARACTERS, Encode, SentenceSplit, Words


@dataclass(frozen=True)
class TaggedSplit(SentenceSplit):
    """`tags`: the id of each token's tag, -1 for one that is not in the list."""

    gold: Sequence[Sequence[str]]
    tags: Ragged

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The rows as lists of tokens, as padded sequences with or without the characters of each word, or in several of these forms."""
        tags = self.tags.padded(rows, UNSEEN)[0]
        arrays: dict[str, Any] = {"sentences": [self.sentences[row] for row in rows]} if "text" in inputs else {}
        arrays |= self.read_by_networks(rows, inputs)
        return Batch(rows, arrays, {"tags": Target(tags, tags != UNSEEN)}, [self.gold[row] for row in rows])

    def example(self, row: int) -> dict[str, Any]:
        """The location of a sentence in the data, the sentence, and its tags."""
        return {"where": self.table.where(row), "text": " ".join(self.sentences[row]), "label": " ".join(self.gold[row])}


class TaggedSentences(Preparation):
    """Turns tables of sentences and tags into splits."""

    def __init__(self, task: TaggingConfig) -> None:
        self.task = task
        self.columns = (task.tokens, task.tags)

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Learn the tags, and if there is a tokenizer, its vocabulary and the characters. Raises DataError for data unfit for training."""
        sentences, gold = self._aligned(train)
        labels = self._labels(gold, train)
        numbers = {label: number for number, label in enumerate(labels)}
        counts = np.bincount([numbers[tag] for tags in gold for tag in tags if tag in numbers], minlength=len(labels))
        if not tokenizers.wanted:
            return Encoding(SizesData(type="sizes", n_classes=len(labels)), labels, tuple(counts.tolist()))
        words = [word for sentence in sentences for word in sentence]
        text, characters = tokenizers.get("text", words), tokenizers.get("characters", words, CHARACTERS)
        spec = SizesData(type="sizes", vocab_size=text.vocab_size, n_characters=characters.vocab_size, n_classes=len(labels))
        return Encoding(spec, labels, tuple(counts.tolist()), {"text": text, "characters": characters})

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[TaggedSplit, Sequence[str]]:
        """The encoded split, and notices."""
        sentences, gold = self._aligned(table)
        split = self._numbered(name, table, sentences, gold, encoding, cache.encode)
        return split, _unseen(split)

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The tokens, each as a separate text."""
        return [word for sentence in table.columns[self.task.tokens] for word in split_tokens(sentence)]

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> TaggedSplit:
        """Sentences without tags, with tokens separated by spaces."""
        table, sentences = Table({"text": texts}, "the texts"), [split_tokens(text) for text in texts]
        return self._numbered("texts", table, sentences, [[""] * len(sentence) for sentence in sentences], encoding,
                              lambda tokenizer, words: tokenizer.encode(words))

    def _aligned(self, table: Table) -> tuple[list[list[str]], list[list[str]]]:
        """Tokens and tags of each sentence. Raises DataError if their numbers differ, or if a tag does not belong to the scheme."""
        sentences = [split_tokens(cell) for cell in table.columns[self.task.tokens]]
        gold = [split_tokens(cell) for cell in table.columns[self.task.tags]]
        for row, (words, tags) in enumerate(zip(sentences, gold, strict=True)):
            if len(words) != len(tags):
                raise DataError(f"{table.where(row)} has {len(words)} tokens in column `{self.task.tokens}` but {len(tags)} tags in "
                                f"column `{self.task.tags}`. Tagging needs one tag for each token, separated by spaces in both columns.")
            self._check_scheme(tags, table, row)
        return sentences, gold

    def _check_scheme(self, tags: Sequence[str], table: Table, row: int) -> None:
        scheme = self.task.scheme
        if scheme is not None and (invalid := next((tag for tag in tags if not is_tag(tag, scheme)), None)):
            raise DataError(f"{table.where(row)} has the tag {invalid!r}, which task.scheme {scheme} does not have ({tags_of(scheme)}). "
                            "Correct the tag, or set task.scheme to that of the data; if tags mark no spans, leave it out.")

    def _labels(self, gold: Sequence[Sequence[str]], train: Table) -> tuple[str, ...]:
        """The declared tags, or those of the training split, sorted."""
        present = sorted({tag for tags in gold for tag in tags})
        if len(present) < 2:
            problem = f"have the same tag, {present[0]!r}" if present else "have no tag"
            raise DataError(f"All tokens of {train.source} {problem} in column `{self.task.tags}`, so there is nothing to learn. "
                            "Is task.tags the right column?")
        return declared_or(self.task.labels, present)

    def _numbered(self, name: str, table: Table, sentences: Sequence[Sequence[str]], gold: Sequence[Sequence[str]],
                  encoding: Encoding, encode: Encode) -> TaggedSplit:
        words = Words.of(sentences, encoding, encode)
        tags = self._tag_ids(table, gold, encoding.labels, len(words.numbers.ids))
        return TaggedSplit(name, table, sentences, words, gold, Ragged(tags, words.numbers.offsets))

    def _tag_ids(self, table: Table, gold: Sequence[Sequence[str]], labels: Sequence[str], n_tokens: int) -> IntArray:
        """(n_tokens,) ids; -1 for a tag that training did not have, DataError for one outside a declared list."""
        numbers = {label: number for number, label in enumerate(labels)}
        if self.task.labels is not None:
            for row, tags in enumerate(gold):
                if unknown := next((tag for tag in tags if tag and tag not in numbers), None):
                    message = f"{table.where(row)} has the tag {unknown!r}, which task.labels does not name.{nearest(unknown, labels)}"
                    raise DataError(f"{message} Correct it, or add the tag to task.labels, which has: {', '.join(labels)}.")
        return np.fromiter((numbers.get(tag, UNSEEN) for tags in gold for tag in tags), np.int64, n_tokens)


def _unseen(split: TaggedSplit) -> list[str]:
    """A notice of tags that training did not have."""
    unknown = np.flatnonzero(split.tags.ids == UNSEEN).tolist()
    if not unknown:
        return []
    flat = [tag for tags in split.gold for tag in tags]
    names = some_names(flat[place] for place in unknown)
    return [f"{len(unknown):,} of {len(flat):,} {split.name} tokens have a tag that no training token has ({names}); they count as wrong."]
