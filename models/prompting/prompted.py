"""Classification by prompting alone: examples are drawn from the training split, and no weights are updated."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ...configs.schema.models.prompting import PromptConfig
from ...configs.schema.saved import Count, Finite, OpenSaved, checked
from ...errors import ConfigError, RunError
from ...storage import read_json, write_file
from ..classical.rounds import Report, silent
from ..head import Head
from .label_scorer import LabelScorer
from .language_model import LanguageModel
from .prompt import Shot, build_prompt, check_classes

FILE = "prompt.json"
CONTENT_FREE = ("N/A", "", "[MASK]")
"""Texts without content, to measure the bias of a prompt (Zhao et al. 2021)."""

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]
Targets = Mapping[str, tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]


class SavedShot(OpenSaved):
    """An example in `prompt.json`."""

    row: Count
    text: str
    label: str


class SavedPrompt(OpenSaved):
    """The fields of `prompt.json` that evaluation needs; the others are for human readers."""

    shots: list[SavedShot]
    offsets: list[Finite]


class Prompted:
    """A language model that reads each text in a prompt and scores the label words of each class."""

    scores_are: ClassVar[Literal["logits"]] = "logits"

    def __init__(self, config: PromptConfig, head: Head, model: LanguageModel) -> None:
        check_classes(config, head.labels)
        self.config, self.labels, self.model = config, head.labels, model.eval().requires_grad_(False)
        self.shots: list[Shot] = []
        self.offsets = np.zeros(len(self.labels))
        self.scorer = self._new_scorer()
        self.remembered: dict[str, FloatArray] | None = None
        """Cached scores by text: a run scores its validation split both after the fit and at its end."""

    def to(self, device: str) -> "Prompted":
        """Move the weights to a device and return the model."""
        self.model.to(device)
        return self

    @property
    def notices(self) -> list[str]:
        """Warnings about the scores so far, for the user."""
        return scoring_notices(self.model, self.scorer)

    def fit(self, texts: Sequence[str], targets: Targets, seed: int, report: Report = silent) -> None:
        """Draw the examples from the complete training split, and measure the bias of the prompt itself.

        Raises ConfigError if the split has too few examples, or if the prompt exceeds the language model's context.
        """
        classes, _ = targets["labels"]
        if self.config.shots > len(texts):
            raise ConfigError(f"model.shots is {self.config.shots:,}, but the training split has {len(texts):,} examples. Take fewer.")
        rows = drawn(classes, self.config.shots, seed, self.config.balanced)
        self.shots = [Shot(row, texts[row], self.labels[classes[row]]) for row in rows]
        self.scorer, self.remembered = self._new_scorer(), {}
        if self.config.calibration == "contextual":
            self.offsets = _log_shares(self._computed(CONTENT_FREE))

    def scores(self, texts: Sequence[str]) -> FloatArray:
        """(batch,) texts -> (batch, n_classes) log-likelihoods of label words, minus the calibration offset of each class"""
        if self.remembered is None:
            return self._computed(texts) - self.offsets
        fresh = [text for text in dict.fromkeys(texts) if text not in self.remembered]
        self.remembered |= zip(fresh, self._computed(fresh), strict=True)
        return np.array([self.remembered[text] for text in texts]).reshape(len(texts), len(self.labels)) - self.offsets

    def _computed(self, texts: Sequence[str]) -> FloatArray:
        return self.scorer.in_batches(texts, keep=True).numpy().astype(np.float64)

    def describe(self) -> dict[str, int]:
        """Counts of parameters, examples and prompt tokens."""
        return {"parameters": self.model.n_parameters, "shots": self.config.shots, "prompt_tokens": self.scorer.n_tokens}

    def save(self, folder: Path) -> None:
        """Write `prompt.json` into an existing folder."""
        saved = {"language_model": self.model.name, **asdict(self.scorer.prompt), "shots": [shot._asdict() for shot in self.shots],
                 "offsets": self.offsets.tolist()}
        write_file(folder / FILE, (json.dumps(saved, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass"))

    def load(self, folder: Path) -> None:
        """Read `prompt.json`. Raises RunError if the file is damaged or was saved for other classes."""
        path = folder / FILE
        try:
            saved = checked(SavedPrompt, read_json(path))
            if len(saved.offsets) != len(self.labels) or any(shot.label not in self.labels for shot in saved.shots):
                raise ValueError("it was saved for other classes")
        except (OSError, ValueError) as error:
            raise RunError(f"{path} is missing or damaged ({error}). Copy the folder again from the original, or train again.") from None
        shots = [Shot(**shot.model_dump()) for shot in saved.shots]
        self.offsets = np.array(saved.offsets)
        if shots != self.shots:
            self.shots, self.remembered = shots, None
            self.scorer = self._new_scorer()

    def _new_scorer(self) -> LabelScorer:
        return LabelScorer(self.model, build_prompt(self.config, self.shots, self.model.chat), self.config, self.labels)


def scoring_notices(model: LanguageModel, scorer: LabelScorer) -> list[str]:
    """Warnings about data that the language model may have seen before, and about texts that did not fit into the prompt."""
    many = "1 text was" if scorer.n_cut == 1 else f"{scorer.n_cut:,} texts were"
    cut = [f"{many} too long for the {model.context:,} tokens that {model.name} reads; the end of each was left out."
           ] if scorer.n_cut else []
    return [*([model.seen] if model.seen else []), *cut]


def drawn(classes: IntArray, n: int, seed: int, balanced: bool) -> list[int]:
    """Rows of `n` examples in random order; with the same seed, a larger `n` starts with the same examples.

    `balanced`: first one of each class, then the second of each, and so on.
    """
    order = np.random.default_rng(seed).permutation(len(classes))
    if balanced:
        nth = np.zeros(len(order), dtype=np.int64)  # rank of each example within its class
        for number in np.unique(classes):
            positions = np.flatnonzero(classes[order] == number)
            nth[positions] = np.arange(len(positions))
        order = order[np.argsort(nth, kind="stable")]
    return order[:n].tolist()


def _log_shares(scores: FloatArray) -> FloatArray:
    """(n, n_classes) scores -> (n_classes,) logarithm of each class's mean probability"""
    from scipy.special import softmax

    return np.log(softmax(scores, axis=1).mean(axis=0))
