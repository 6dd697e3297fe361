"""Texts to reconstruct: the data of autoencoders, with or without noise."""

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
"""Random numbers for each token: whether it is dropped, whether it is swapped, and whether it is masked."""
BEHIND = 1.5
"""Added to a token's position, so that it is sorted after the next token."""


def noised(ids: IntArray, lengths: IntArray, noise: NoiseConfig, random: FloatArray) -> tuple[IntArray, IntArray]:
    """Padded ids (rows, width) that end in [EOS], lengths (rows,) that include it -> the same with noise, using random numbers
    (rows, width, 3) from 0 to 1. [EOS] is always kept as the last token.
    """
    places, width = np.arange(ids.shape[1]), ids.shape[1]
    is_word = places < lengths[:, None] - 1
    drop, swap, mask = np.moveaxis(random, 2, 0)
    dropped = is_word & (drop < noise.drop)
    keys = np.where(is_word, places + np.where(swap < noise.swap, BEHIND, 0), places + width)  # [EOS] stays after all words
    order = np.argsort(np.where(dropped, np.inf, keys), axis=1, kind="stable")
    seen = np.take_along_axis(np.where(dropped, PAD, np.where(is_word & (mask < noise.mask), MASK, ids)), order, axis=1)
    new_lengths = lengths - dropped.sum(axis=1)
    return seen[:, : new_lengths.max(initial=1)].astype(ids.dtype), new_lengths


@dataclass(frozen=True)
class RebuiltSplit(PairSplit):
    """Texts as sources and as their own targets. In training, noise is added to the sources if there is any."""

    noise: NoiseConfig | None = None

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The batch of `PairSplit`; with `random`, the sources have the noise of a step."""
        batch = super().batch(rows, inputs, random)
        if self.noise is None or random is None:
            return batch
        tokens, width = batch.inputs["tokens"], batch.inputs["tokens"].shape[1]
        numbers = random.uniform(DRAWS * width).reshape(len(rows), width, DRAWS)
        tokens, lengths = noised(tokens, batch.inputs["lengths"], self.noise, numbers)
        return replace(batch, inputs={**batch.inputs, "tokens": tokens, "lengths": lengths})


class RebuiltTexts(TextsAlone):
    """Turns tables of texts into splits of texts to reconstruct."""

    task: AutoencodingConfig

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[RebuiltSplit, Sequence[str]]:
        """The encoded split, and a notice of texts longer than the maximum generated length. Raises DataError for an empty text."""
        assert encoding.tokenizer is not None
        refuse_empty(table, self.columns)
        texts = self.tokenizer_texts(table)
        encoded = cache.encode(encoding.tokenizer, texts)
        split = RebuiltSplit(name, table, [Raw(text, (text,)) for text in texts], TextSources(encoded), encoded, self.task.noise)
        longest = self.task.decoding.max_length
        longer = int((encoded.lengths + 1 > longest).sum())
        notice = (f"{longer:,} of {len(texts):,} {name} texts have more than task.decoding.max_length = {longest} tokens including [EOS]; "
                  "their ends are used in training, but never generated.")
        return split, [notice] if longer else []

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> RebuiltSplit:
        """Texts to reconstruct."""
        assert encoding.tokenizer is not None
        raw = [Raw(text, ()) for text in texts]
        return RebuiltSplit("texts", Table({self.task.text: texts}, "the texts"), raw,
                            TextSources(encoding.tokenizer.encode(texts)), None)
