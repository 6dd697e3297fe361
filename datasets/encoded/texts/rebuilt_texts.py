"""Texts that are to be rebuilt: what autoencoders train on, with noise or without."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ....configs.schema.models.model_base import Inputs
from ....configs.schema.tasks.autoencoding import AutoencodingConfig, NoiseConfig
from ....configs.schema.tokenizer import MASK, PAD
from ...arrays import FloatArray, IntArray
from ...tables import Table
from ..cache import Cache
from ..preparation import TextsAlone
from ..split import Batch, Encoding, StepRandom
from .text_pairs import PairSplit, Raw, TextSources, refuse_empty

DRAWS = 3
"""Random numbers for each token: whether it is left out, whether it changes places, and whether it is hidden."""
BEHIND = 1.5
"""How many places a token moves so that it is behind the next one."""


def noised(ids: IntArray, lengths: IntArray, noise: NoiseConfig, random: FloatArray) -> tuple[IntArray, IntArray]:
    """Padded ids (rows, width) that end in [EOS], lengths (rows,) that count it -> the same with noise, by numbers (rows, width, 3)
    from 0 to 1. [EOS] is always kept, and is the last.
    """
    places, width = np.arange(ids.shape[1]), ids.shape[1]
    is_word = places < lengths[:, None] - 1
    drop, swap, mask = np.moveaxis(random, 2, 0)
    dropped = is_word & (drop < noise.drop)
    keys = np.where(is_word, places + np.where(swap < noise.swap, BEHIND, 0), places + width)  # [EOS] stays behind all words
    order = np.argsort(np.where(dropped, np.inf, keys), axis=1, kind="stable")
    seen = np.take_along_axis(np.where(dropped, PAD, np.where(is_word & (mask < noise.mask), MASK, ids)), order, axis=1)
    left = lengths - dropped.sum(axis=1)
    return seen[:, : left.max(initial=1)].astype(ids.dtype), left


@dataclass(frozen=True)
class RebuiltSplit(PairSplit):
    """Texts as sources and as their own targets. In training the sources have noise, where there is some."""

    noise: NoiseConfig | None = None

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """What `PairSplit` gives; with `random`, sources with the noise of a step."""
        batch = super().batch(rows, inputs, random)
        if self.noise is None or random is None:
            return batch
        tokens, width = batch.inputs["tokens"], batch.inputs["tokens"].shape[1]
        numbers = random.uniform(DRAWS * width).reshape(len(rows), width, DRAWS)
        tokens, lengths = noised(tokens, batch.inputs["lengths"], self.noise, numbers)
        return replace(batch, inputs={**batch.inputs, "tokens": tokens, "lengths": lengths})


class RebuiltTexts(TextsAlone):
    """How tables of texts become splits of texts to rebuild."""

    task: AutoencodingConfig

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[RebuiltSplit, Sequence[str]]:
        """One split in numbers; and a notice of texts that are longer than what is written. Raises DataError for an empty text."""
        assert encoding.tokenizer is not None
        refuse_empty(table, self.columns)
        texts = self.tokenizer_texts(table)
        encoded = cache.encode(encoding.tokenizer, texts)
        split = RebuiltSplit(name, table, [Raw(text, (text,)) for text in texts], TextSources(encoded), encoded, self.task.noise)
        longest = self.task.decoding.max_length
        longer = int((encoded.lengths + 1 > longest).sum())
        notice = (f"{longer:,} of {len(texts):,} {name} texts have more than task.decoding.max_length = {longest} tokens including [EOS]; "
                  "their ends are learned from, but never written.")
        return split, [notice] if longer else []

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> RebuiltSplit:
        """Texts to be rebuilt."""
        assert encoding.tokenizer is not None
        raw = [Raw(text, ()) for text in texts]
        return RebuiltSplit("texts", Table({self.task.text: texts}, "the texts"), raw,
                            TextSources(encoding.tokenizer.encode(texts)), None)
