"""Real texts, which generated ones are to be like."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32

import numpy as np

from ....configs.schema.models.model_base import Inputs
from ....configs.schema.tasks.adversarial import AdversarialConfig
from ...arrays import IntArray
from ...tables import Table
from ..cache import Cache
from ..preparation import TextsAlone
from ..split import Batch, Encoding, StepRandom, Target
from .text_pairs import PairSplit, Raw, TextSources, refuse_empty


class Beside(NamedTuple):
    """What generated texts are scored beside: the real texts of the same rows, and all of the training split. `seed`: of their noise."""

    texts: Sequence[str]
    train: Sequence[str]
    seed: int


@dataclass(frozen=True)
class RealSplit(PairSplit):
    """Texts that a discriminator reads; nothing is to be predicted of them."""

    train: Sequence[str] = field(default=())

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The split, so that a model may keep what it makes of it, and which of its rows; `real` has a row for each."""
        texts, ones = [self.raw[row].source for row in rows], np.ones(len(rows), np.float32)
        return Batch(rows, {"texts": self, "rows": rows, "lengths": self.sources.lengths[rows]}, {"real": Target(ones, ones > 0)},
                     Beside(texts, self.train, crc32(self.name.encode("utf-8"))))

    def ended(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """(len(rows), longest + 1) ids with [EOS] behind each text, and lengths that count it."""
        read = self.sources.inputs(rows)
        return read["tokens"], read["lengths"]


class RealTexts(TextsAlone):
    """How tables of texts become splits of real texts, each of which knows those of the training split."""

    task: AdversarialConfig
    refers_to_training = True

    def __init__(self, task: AdversarialConfig) -> None:
        super().__init__(task)
        self.train: Sequence[str] = ()

    def saw_training(self, table: Table) -> None:
        """Keep its texts."""
        self.train = self.tokenizer_texts(table)

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[RealSplit, Sequence[str]]:
        """One split in numbers. Raises DataError for an empty text."""
        assert encoding.tokenizer is not None
        refuse_empty(table, self.columns)
        texts = self.tokenizer_texts(table)
        sources = TextSources(cache.encode(encoding.tokenizer, texts))
        return RealSplit(name, table, [Raw(text, ()) for text in texts], sources, None, self.train), []

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> RealSplit:
        """Texts that the discriminator reads."""
        assert encoding.tokenizer is not None
        raw = [Raw(text, ()) for text in texts]
        sources = TextSources(encoding.tokenizer.encode(texts))
        return RealSplit("texts", Table({self.task.text: texts}, "the texts"), raw, sources, None, self.train)
