"""How long runs take to answer texts on this machine, measured now and in turns, so that its mood is the same for all."""

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
"""Texts in a batch: someone waits for one answer, or many are wanted."""
SECONDS = 10.0
LEAST_REPEATS, MOST_REPEATS = 3, 100
PROMPT_WORDS, GENERATED_TOKENS = 10, 16
"""A language model continues the first words of a document by so many tokens."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds that a run takes over a batch of so many texts: the median of the repeats, and the quartiles around it."""

    run: str
    texts: int
    milliseconds: float
    lower: float
    upper: float
    repeats: int


def latencies(runs: Sequence[OpenedRun], split: str | None = None, sizes: Sequence[int] = TEXTS, seconds: float = SECONDS) -> list[Latency]:
    """The latency of each run with batches of each size: from a text to the answer of `nlp predict`, tokenisation included, explanations
    not. Run by run, in the order given.

    The texts are from all over a split (test, or validation where there is no test), and the same for runs of the same data. It takes about
    `seconds` in all, longer where three repeats do. The first answers are not counted: memory is allocated and code is loaded for them.
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
        """Answer a batch and note how long it takes; other runs may have changed the number of threads, which the process shares."""
        if self.run.recipe.model.runs_on_devices:
            import torch

            torch.set_num_threads(thread_count(self.run.recipe))
        started = time.perf_counter()
        self.answer(repeat)
        self.milliseconds.append(1000 * (time.perf_counter() - started))

    def answer(self, repeat: int) -> None:
        """Answer a batch of the texts, with each repeat others, until all had their turn."""
        batch = [self.texts[(repeat * self.size + place) % len(self.texts)] for place in range(self.size)]
        options = PredictOptions(length=GENERATED_TOKENS if "length" in self.run.task.predict_options else None)
        for answer in self.run.task.answers(self.run.model, self.run.encoding, [batch], options):
            answer.to_json()  # a language model generates only now

    def latency(self) -> Latency:
        """The figures."""
        lower, _, upper = quantiles(self.milliseconds, n=4, method="inclusive")
        return Latency(self.run.directory.address, self.size, median(self.milliseconds), lower, upper, len(self.milliseconds))


def _texts(run: OpenedRun, split: str | None, most: int) -> list[str]:
    """Texts from all over a split, as they would be given to `nlp predict`; of a language model's split, the beginnings of documents."""
    data, task = run.recipe.data, run.task
    assert not isinstance(data, SizesData), "a run was trained on texts"
    read, _ = read_split(data, task.preparation, run.encoding, split)
    if isinstance(run.recipe.task, LanguageModelingConfig):
        documents = [text for text in read_texts(data, task.preparation)[read.name] if text.strip()]
        return [" ".join(documents[row].split()[:PROMPT_WORDS]) for row in evenly_spaced(len(documents), most)]
    return [read.example(int(row))["text"] for row in evenly_spaced(len(read), most)]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Neither a search for garbage nor a notice of a long text in the middle of a measurement."""
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
