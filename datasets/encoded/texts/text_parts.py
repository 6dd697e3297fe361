"""Pairs of text parts, in which the second follows the first or is random: next-sentence prediction (Devlin et al. 2019)."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....configs.schema.models.model_base import Inputs
from ....configs.schema.tokenizer import PAD
from ....errors import DataError
from ...arrays import FloatArray, IntArray, Ragged
from ...tokenizers.token_sequences import join_pairs
from ..split import Batch, StepRandom, Target
from .masked_texts import DRAWS, MaskedSplit, MaskedTexts

DRAWN_FOR_PAIRS = 2
"""Random numbers for each pair: whether the second part follows the first, and if not, which part replaces it."""


@dataclass(frozen=True)
class TextParts(MaskedSplit):
    """Row i is the part `firsts[i]` of a text with the part after it, or with any other part instead; `blocks` are all parts."""

    firsts: IntArray

    def __len__(self) -> int:
        return len(self.firsts)

    @property
    def lengths(self) -> IntArray:
        """Tokens of each part with the one that follows, [CLS] and two [SEP]."""
        lengths = self.blocks.lengths
        return lengths[self.firsts] + lengths[self.firsts + 1] + 3

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The batch of `MaskedSplit`, with `segments` of the first (0) and the second part (1), and the target `next`."""
        firsts, numbers = self.firsts[rows], self._pair_numbers(rows, random)
        follows = numbers[:, 0] < 0.5
        others = (numbers[:, 1] * (len(self.blocks) - 1)).astype(np.int64)
        others += others >= firsts + 1  # any part but the one that follows
        pairs, segments = join_pairs(_select(self.blocks, firsts), _select(self.blocks, np.where(follows, firsts + 1, others)))
        every = np.arange(len(rows))
        ids, lengths = pairs.padded(every, PAD)
        masked = self._masked(ids, lengths, numbers[:, DRAWN_FOR_PAIRS :].reshape(len(rows), -1, DRAWS)[:, : ids.shape[1]])
        arrays = masked.inputs | ({"segments": segments.padded(every, 0)[0]} if "segments" in inputs else {})
        following = Target(follows.astype(np.int64), np.ones(len(rows), dtype=bool))
        return replace(masked, rows=rows, inputs=arrays, targets={**masked.targets, "next": following})

    def _pair_numbers(self, rows: IntArray, random: StepRandom | None) -> FloatArray:
        """(rows, DRAWN_FOR_PAIRS + DRAWS * longest) random numbers: of a step, or by default fixed ones for each row."""
        width = DRAWN_FOR_PAIRS + DRAWS * (2 * int(self.blocks.lengths.max()) + 3)
        if random is not None:
            return random.uniform(width)
        return np.stack([np.random.default_rng((0, row)).random(width, dtype=np.float32) for row in rows.tolist()])

    def example(self, row: int) -> dict[str, Any]:
        """The location of a pair's text in the data, and the text."""
        return super().example(int(self.firsts[row]))


class TextPartPairs(MaskedTexts):
    """Turns tables of texts into pairs of parts."""

    def _split(self, blocks: MaskedSplit) -> MaskedSplit:
        firsts = np.flatnonzero(blocks.source[:-1] == blocks.source[1:])
        if not len(firsts) or len(blocks.blocks) < 3:
            raise DataError(f"{blocks.table.source} has no text of two parts of {self._size} tokens in column `{self.task.text}`; reduce "
                            "task.block_size, or set task.join_texts to true.")
        return TextParts(blocks.name, blocks.table, blocks.blocks, blocks.source, blocks.masking, firsts)

    @property
    def _size(self) -> int:
        """Tokens of a part: two parts, [CLS] and two [SEP] fill a block."""
        return (self.task.block_size - 3) // 2


def _select(texts: Ragged, rows: IntArray) -> Ragged:
    ids, starts, _ = texts.flat(rows)
    return Ragged(ids, np.append(starts, len(ids)))
