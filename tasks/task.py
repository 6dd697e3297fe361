"""What every task defines: how its data is read, the model's output, the objectives, predictions, metrics and answers."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np

from ..configs.schema.data import SizesData
from ..configs.schema.task import TaskConfig
from ..datasets.arrays import BoolArray, FloatArray, IntArray
from ..datasets.encoded.preparation import Preparation
from ..datasets.encoded.split import Batch, Encoding, Split
from ..errors import ConfigError
from ..models.head import Heads, Sampling
from ..models.model_report import ModelReport
from ..terminal import on_one_line
from .scoring.metrics import confusion_matrix
from .scoring.row_scores import MetricColumns, MetricRows, RowScores, RowTexts, hashes, keys_of
from .scoring.spans import Counts

if TYPE_CHECKING:
    from torch import nn

    from .losses import Objective


UNSEEN_NAME = "(not in training)"
"""Behind the name of a label that training never saw; for all of them where they have no names."""
LOSSES = ("loss", "hinge_loss", "zero_one_loss")
"""What a loss is called, by what a model gives: probabilities, margins, or tags alone."""
MOST_POINTS = 10_000
"""Vectors that TensorBoard's projector is given; a browser cannot move many more."""
SHOWN = 200
"""Characters of a text that are printed beside its prediction."""


class Confusion(NamedTuple):
    """Counts (n_labels, n_labels), gold labels in rows and predicted ones in columns."""

    labels: Sequence[str]
    matrix: IntArray

    @staticmethod
    def of(labels: Sequence[str], gold: IntArray, predicted: IntArray, gold_names: Sequence[str] | None = None) -> "Confusion":
        """Counts of ids (n,). A label that training never saw, -1 in gold, gets a row too: each its own by its name, or one for all."""
        unseen = np.flatnonzero(gold < 0).tolist()
        found = ["" if gold_names is None else gold_names[place] for place in unseen]
        rows = {name: len(labels) + number for number, name in enumerate(sorted(set(found)))}
        numbered = gold.copy()
        numbered[unseen] = [rows[name] for name in found]
        names = (*labels, *(f"{name} {UNSEEN_NAME}".strip() for name in rows))
        return Confusion(names, confusion_matrix(numbered, predicted, len(names)))


class Alignment(NamedTuple):
    """How much each target token attends to each source token: `weights` (target, source), whose rows sum to 1."""

    source: Sequence[str]
    target: Sequence[str]
    weights: FloatArray


class Points(NamedTuple):
    """Vectors (n, size) to look at, and of each in columns what it is the vector of."""

    name: str
    vectors: FloatArray
    columns: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class PredictOptions:
    """Options of `nlp predict` that only some tasks use; None where an option is not given."""

    length: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    beam_size: int | None = None
    n_best: int | None = None
    attention: str | None = None
    seed: int = 0
    samples: int | None = None
    candidates: Sequence[str] | None = None
    top: int | None = None

    @property
    def draws(self) -> bool:
        """Whether an option asks for texts that are drawn."""
        return (self.temperature, self.top_k, self.top_p, self.samples) != (None, None, None, None)

    def sampling(self) -> Sampling | None:
        """How tokens are sampled; None where no option asks for it."""
        if not self.draws:
            return None
        given = {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p, "seed": self.seed}
        return Sampling(**{name: value for name, value in given.items() if value is not None})


class Reason(Protocol):
    """Why a text has its prediction: for programs under a key of the answer, and as lines for people."""

    key: ClassVar[str]

    def to_json(self) -> Any: ...

    def lines(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Answer:
    """The prediction for one text, by name for programs and as lines for people."""

    fields: dict[str, Any]
    lines: Sequence[str]
    problem: str | None = None
    """Why there is no prediction for this text."""
    reason: Reason | None = None
    """Why there is this one; it is among the fields and the lines."""

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return self.fields

    def printed(self) -> Iterable[str]:
        """What to print, piece by piece, ends of lines included."""
        return [f"{on_one_line(line)}\n" for line in self.lines]


def unanswered(text: str, problem: str) -> Answer:
    """In place of a prediction: an empty line, so that answers stay beside their texts, and for programs the problem."""
    return Answer({"text": text, "prediction": None, "problem": problem}, [""], problem)


@dataclass(frozen=True)
class StreamedAnswer:
    """A text that is printed while it is generated; what has been printed cannot be output as JSON too."""

    prompt: str
    generated: Iterator[str]
    problem: ClassVar[None] = None
    reason: ClassVar[None] = None

    def to_json(self) -> dict[str, Any]:
        """The prompt, and all of the generated text."""
        return {"text": self.prompt, "prediction": "".join(self.generated)}

    def printed(self) -> Iterable[str]:
        """The prompt, the pieces as they come, and the end of the line."""
        return chain([self.prompt], self.generated, ["\n"])


Explain = Callable[[Split, Batch, Any], Sequence[Reason] | None]
"""From texts, their batch and its predictions to the reason for each prediction; None for models that give none."""


class Task(ABC):
    """What is required of a model: the head it needs, what is minimised, its predictions, and how good they are.

    The predictions that `predict` returns are what the other methods take. Methods that only some tasks need return nothing by default.
    """

    head: Heads
    main_metric: str
    """The metric that people judge a system by."""
    written: ClassVar[tuple[str, ...]] = ("prediction", "probability")
    """The fields of an answer that `nlp predict --output` writes beside each row of a table."""
    predict_options: frozenset[str] = frozenset()
    """The names in `PredictOptions` that the task uses."""
    reads_texts: ClassVar[bool] = True
    """Whether a prediction is of a text; otherwise it is of random numbers alone."""

    def __init__(self, config: TaskConfig, encoding: Encoding) -> None:
        self.type, self.main_metric, self.lower_is_better = config.type, config.main_metric, config.lower_is_better
        self.heading = config.heading
        self.labels, self.label_counts = encoding.labels, np.asarray(encoding.label_counts)
        self.preparation = self.prepare(config).learned(encoding)

    @classmethod
    @abstractmethod
    def prepare(cls, config: Any) -> Preparation:
        """How the task reads its data."""

    @classmethod
    @abstractmethod
    def head_for(cls, config: Any, sizes: SizesData, labels: tuple[str, ...] = ()) -> Heads:
        """The output that the model needs, from sizes alone. Raises ConfigError where a size is missing."""

    @abstractmethod
    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """What is minimised, one objective for each player."""

    @abstractmethod
    def predict(self, model: Any, batch: Batch) -> Any:
        """The model's prediction for each row, as a subclass of `Predictions`."""

    def traced(self, model: Any, batch: Batch) -> Any:
        """The same, with what the model's report is made of where it has one; that may take longer."""
        return self.predict(model, batch)

    def completed(self, predictions: Any) -> Any:
        """The predictions of all rows together, for tasks that compare rows with each other; by default they are what they are."""
        return predictions

    def model_report(self, model: Any, predictions: Any) -> ModelReport | None:
        """What the model reports of its `traced` predictions; None for one that reports nothing."""
        return None

    @abstractmethod
    def metrics(self, predictions: Any) -> dict[str, float]:
        """Metrics over all rows, by name."""

    @abstractmethod
    def baselines(self, predictions: Any) -> Mapping[str, float]:
        """The `baseline_metric` of what can be reached without looking at the text, by name."""

    def trouble(self, evaluations: Sequence[tuple[int, Mapping[str, float]]]) -> str | None:
        """What the steps and metrics of the validations so far show to be going wrong, and what to do; None where that is nothing."""
        return None

    def sample_texts(self, predictions: Any) -> Sequence[str]:
        """Some texts that the model made, for those who follow a run; none where predictions are compared with gold answers."""
        return ()

    @property
    def key_metrics(self) -> tuple[str, ...]:
        """The figures that a person follows while a model learns, the loss first; all others are in the log."""
        return (*LOSSES, self.main_metric)

    @property
    def baseline_metric(self) -> str:
        """The metric that `baselines` gives."""
        return self.main_metric

    @abstractmethod
    def describe(self, predictions: Any, place: int, full: bool = False) -> dict[str, Any]:
        """One prediction with names in place of ids, as in `predictions/<split>.jsonl`; in full, as `nlp predict` reports it.

        `prediction` is what a person reads first.
        """

    @abstractmethod
    def metric_columns(self, predictions: Any) -> MetricColumns:
        """The same metrics by what each row adds to them: the kind, and columns (rows, ...); see `MetricRows`."""

    def row_scores(self, predictions: Any, split: Split) -> RowScores:
        """All that statistics need of each row."""
        read, answers, predicted = self.row_texts(predictions, split)
        labels = self.row_labels(predictions)
        metrics = {name: MetricRows(kind, columns, name in self.lower_is_better, len(labels))
                   for name, (kind, columns) in self.metric_columns(predictions).items()}
        return RowScores(self.type, self.main_metric, labels, keys_of(read), hashes(answers), hashes(predicted), metrics)

    def row_texts(self, predictions: Any, split: Split) -> RowTexts:
        """What the model read in each row, the gold answer, and what it predicted."""
        rows = predictions.rows.tolist()
        texts, labels = (split.example(row)["text"] for row in rows), (split.example(row)["label"] for row in rows)
        return RowTexts(texts, labels, self.predicted_texts(predictions))

    def predicted_texts(self, predictions: Any) -> Sequence[str]:
        """What was predicted for each row, as `describe` has it."""
        return [str(self.describe(predictions, place)["prediction"]) for place in range(len(predictions.rows))]

    def row_labels(self, predictions: Any) -> tuple[str, ...]:
        """The names of the labels that gold answers and predictions have."""
        return self.labels

    def counted_rows(self, predictions: Any) -> Mapping[str, BoolArray]:
        """For each metric that is the share of rows of some kind, by name: which rows (rows,) are of that kind."""
        return {}

    def correlated_pairs(self) -> Mapping[str, int]:
        """For each metric that is a rank correlation, by name: of how many pairs. Rows add nothing to it."""
        return {}

    def confusion(self, predictions: Any) -> Confusion | None:
        """Counts of gold and predicted labels; None for tasks without labels."""
        return None

    def spans(self, predictions: Any) -> Counts | None:
        """Correct, predicted and gold spans of each type; None for tasks without spans."""
        return None

    def signatures(self) -> Mapping[str, str]:
        """The exact definition of a metric, by the metric's name, such as the signature of BLEU."""
        return {}

    def alignments(self, model: Any, split: Split, rows: IntArray, options: PredictOptions = PredictOptions()) -> Sequence[Alignment]:
        """What each token of the output attends to; empty where a task or a model has no such attention."""
        return ()

    def points(self, model: Any, split: Split) -> Points | None:
        """The vectors that TensorBoard's projector shows; None for tasks without any."""
        return None

    def check_options(self, model: Any, options: PredictOptions) -> None:
        """Raises ConfigError for options that exclude each other or do not fit the model."""
        return

    def answers(self, model: Any, encoding: Encoding, chunks: Iterable[Sequence[str]], options: PredictOptions,
                explain: Explain = lambda *_: None) -> Iterator[Answer | StreamedAnswer]:
        """An answer for each text of each chunk, with the reasons for it where the model gives some."""
        for texts in chunks:
            split = self.preparation.unlabelled(texts, encoding)
            for notice in split.length_notices(model.config.longest_input):
                logging.getLogger("nlp").warning("Notice: %s", notice)
            batch = split.batch(np.arange(len(texts)), model.config.inputs)
            predictions = self.predict(model, batch)
            reasons = explain(split, batch, predictions) or [None] * len(texts)
            for place, text in enumerate(texts):
                yield self._answer({"text": text, **self.describe(predictions, place, full=True)}, reasons[place])

    def shown(self, fields: Mapping[str, Any]) -> list[str]:
        """What is printed of an answer with these fields."""
        probability = f"  {fields['probability']:.3f}" if "probability" in fields else ""
        line = " ".join(fields["text"].split())
        return [f"{fields['prediction']}{probability}  {line if len(line) <= SHOWN else f'{line[:SHOWN]} ...'}"]

    def _answer(self, fields: dict[str, Any], reason: Reason | None) -> Answer:
        if reason is None:
            return Answer(fields, self.shown(fields))
        lines = [*self.shown(fields), *(f"    {each}" for each in reason.lines())]
        return Answer(fields | {reason.key: reason.to_json()}, lines, reason=reason)


def stated(size: int | None, name: str, reason: str) -> int:
    """A size that a head needs. Raises ConfigError where the recipe does not state it."""
    if not size:
        raise ConfigError(f"data.{name} is missing: {reason}. Set it next to `data.type: sizes`.")
    return size
