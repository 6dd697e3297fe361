"""Real texts, which a generator learns to imitate."""

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
    """What generated texts are compared with: the real texts of the same rows, and all of the training split. `seed`: of the noise."""

    texts: Sequence[str]
    train: Sequence[str]
    seed: int


@dataclass(frozen=True)
class RealSplit(PairSplit):
    """Texts for the discriminator; there is nothing to predict."""

    train: Sequence[str] = field(default=())

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The split itself, so that a model may cache what it computes from it, and the row numbers; `real` has a value for each row."""
        texts, ones = [self.raw[row].source for row in rows], np.ones(len(rows), np.float32)
        return Batch(rows, {"texts": self, "rows": rows, "lengths": self.sources.lengths[rows]}, {"real": Target(ones, ones > 0)},
                     Beside(texts, self.train, crc32(self.name.encode("utf-8"))))

    def ended(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """(len(rows), longest + 1) ids with [EOS] after each text, and lengths that include it."""
        inputs = self.sources.inputs(rows)
        return inputs["tokens"], inputs["lengths"]


class RealTexts(TextsAlone):
    """Turns tables of texts into splits of real texts, each of which also has the texts of the training split."""

    task: AdversarialConfig
    refers_to_training = True

    def __init__(self, task: AdversarialConfig) -> None:
        super().__init__(task)
        self.train: Sequence[str] = ()

    def saw_training(self, table: Table) -> None:
        """Store the texts of the training split."""
        self.train = self.tokenizer_texts(table)

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[RealSplit, Sequence[str]]:
        """The encoded split. Raises DataError for an empty text."""
        assert encoding.tokenizer is not None
        refuse_empty(table, self.columns)
        texts = self.tokenizer_texts(table)
        sources = TextSources(cache.encode(encoding.tokenizer, texts))
        return RealSplit(name, table, [Raw(text, ()) for text in texts], sources, None, self.train), []

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> RealSplit:
        """Texts for the discriminator."""
        assert encoding.tokenizer is not None
        raw = [Raw(text, ()) for text in texts]
        sources = TextSources(encoding.tokenizer.encode(texts))
        return RealSplit("texts", Table({self.task.text: texts}, "the texts"), raw, sources, None, self.train)
