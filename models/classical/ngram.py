"""N-gram language model: counts of the training text, smoothed. No torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ...configs.schema.models.classical import NgramConfig
from ...configs.schema.tokenizer import BOS, CLS, MASK, PAD, SEP
from .classifier import Targets
from .kneser_ney import KneserNey
from .rounds import Report, silent

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]

NEVER_TEXT = (PAD, CLS, SEP, MASK, BOS)
"""Special tokens that never occur in texts."""


class NgramLanguageModel:
    """Kneser-Ney smoothed n-grams with the interface of a language model."""

    scores_are: Literal["log_likelihoods"] = "log_likelihoods"

    def __init__(self, config: NgramConfig, vocab_size: int) -> None:
        self.config = config
        self.counts = KneserNey(vocab_size, config.order, NEVER_TEXT)

    def fit(self, histories: Sequence[IntArray], targets: Targets, seed: int, report: Report = silent) -> None:
        """Count the n-grams of the text: the `tokens` in `targets` are all its blocks (n_blocks, block_size) in order."""
        tokens, mask = targets["tokens"]
        self.counts.fit(tokens[mask])

    def log_likelihoods(self, histories: Sequence[IntArray], targets: IntArray, mask: npt.NDArray[np.bool_]) -> FloatArray:
        """(batch, block_size): log P of each target after its history and the targets before it; 0 where the mask is false."""
        scores = np.zeros(targets.shape)
        for row, (history, block, known) in enumerate(zip(histories, targets, mask, strict=True)):
            real = block[known]
            log_probabilities = self.counts.log_probabilities(np.concatenate([history, real]))
            scores[row, : len(real)] = log_probabilities[len(history) :]
        return scores

    def next_scores(self, ids: Sequence[int], past: list[int] | None) -> tuple[FloatArray, list[int]]:
        """Log P (n_words,) of the token after `ids`, which continue the text `past`, and the text so far; [BOS] is ignored."""
        text = [*(past or []), *(number for number in ids if number != BOS)]
        with np.errstate(divide="ignore"):
            return np.log(self.counts.next_probabilities(text)), text

    def save(self, folder: Path) -> None:
        """Write `model.npz` into an existing folder."""
        self.counts.save(folder)

    def load(self, folder: Path) -> None:
        """Read `model.npz`. Raises RunError for a damaged file; runs no code."""
        self.counts.load(folder)

    def describe(self) -> dict[str, int]:
        """Vocabulary size and order, and once fitted the number of distinct n-grams of each order."""
        return self.counts.describe()
