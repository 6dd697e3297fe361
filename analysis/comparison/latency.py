"""Latency of runs on this machine, measured now and in turn, so that changes in its load affect all runs alike."""

import gc
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles

from ...configs.schema.data import SizesData
from ...configs.schema.tasks.language_modeling import LanguageModelingConfig
from ...datasets.build import read_split, read_texts
from ...datasets.encoded.batching import evenly_spaced
from ...tasks.task import PredictOptions
from ...training.devices import thread_count
from ...training.open_run import OpenedRun

TEXTS = (1, 64)
"""Batch sizes: one text for interactive use, many for throughput."""
SECONDS = 10.0
LEAST_REPEATS, MOST_REPEATS = 3, 100
PROMPT_WORDS, GENERATED_TOKENS = 10, 16
"""A language model continues this many words of a document with this many tokens."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds that a run takes for a batch of `texts` texts: the median of the repeats, and the quartiles around it."""

    run: str
    texts: int
    milliseconds: float
    lower: float
    upper: float
    repeats: int


def latencies(runs: Sequence[OpenedRun], split: str | None = None, sizes: Sequence[int] = TEXTS, seconds: float = SECONDS) -> list[Latency]:
    """The latency of each run with batches of each size: from a text to the answer of `nlp predict`, including tokenisation but not
    explanations. Run by run, in the given order.

    The texts are evenly spaced over a split (test, or validation if there is no test), and the same for runs on the same data. It takes
    about `seconds` in all, longer if three repeats do. The first answers are discarded, since they allocate memory and load code.
    """
    began = time.monotonic()
    trials = [_Trial(run, size, texts) for run in runs for texts in [_texts(run, split, max(sizes))] for size in sizes]
    with _undisturbed():
        for trial in trials:
            trial.answer(0)
        for repeat in range(MOST_REPEATS):
            if repeat >= LEAST_REPEATS and time.monotonic() - began > seconds:
                break
            for trial in trials:
                trial.measure(repeat)
    return [trial.latency() for trial in trials]


@dataclass
class _Trial:
    """One run with batches of one size, and the milliseconds of each repeat."""

    run: OpenedRun
    size: int
    texts: Sequence[str]
    milliseconds: list[float] = field(default_factory=list)

    def measure(self, repeat: int) -> None:
        """Answer a batch and record the time, with the run's own number of threads, which other runs in this process may have changed."""
        if self.run.recipe.model.runs_on_devices:
            import torch

            torch.set_num_threads(thread_count(self.run.recipe))
        started = time.perf_counter()
        self.answer(repeat)
        self.milliseconds.append(1000 * (time.perf_counter() - started))

    def answer(self, repeat: int) -> None:
        """Answer a batch of texts, different ones in each repeat until all have been used."""
        batch = [self.texts[(repeat * self.size + place) % len(self.texts)] for place in range(self.size)]
        options = PredictOptions(length=GENERATED_TOKENS if "length" in self.run.task.predict_options else None)
        for answer in self.run.task.answers(self.run.model, self.run.encoding, [batch], options):
            answer.to_json()  # a language model generates only here

    def latency(self) -> Latency:
        """The median and quartiles of the repeats."""
        lower, _, upper = quantiles(self.milliseconds, n=4, method="inclusive")
        return Latency(self.run.directory.address, self.size, median(self.milliseconds), lower, upper, len(self.milliseconds))


def _texts(run: OpenedRun, split: str | None, most: int) -> list[str]:
    """Evenly spaced texts of a split, as they would be given to `nlp predict`; for a language model, the first words of documents."""
    data, task = run.recipe.data, run.task
    assert not isinstance(data, SizesData), "a run was trained on texts"
    read, _ = read_split(data, task.preparation, run.encoding, split)
    if isinstance(run.recipe.task, LanguageModelingConfig):
        documents = [text for text in read_texts(data, task.preparation)[read.name] if text.strip()]
        return [" ".join(documents[row].split()[:PROMPT_WORDS]) for row in evenly_spaced(len(documents), most)]
    return [read.example(int(row))["text"] for row in evenly_spaced(len(read), most)]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage collection and no notices of long texts during measurements."""
    logger, collects = logging.getLogger("nlp"), gc.isenabled()
    level = logger.level
    gc.disable()
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
        if collects:
            gc.enable()
