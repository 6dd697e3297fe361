"""The interface of tasks: how data is read, the model's output, the objectives, predictions, metrics and answers."""

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
"""Suffix of labels absent from training; the name of all of them together if their names are unknown."""
LOSSES = ("loss", "hinge_loss", "zero_one_loss")
"""Names of the loss, for models that return probabilities, margins or only tags."""
MOST_POINTS = 10_000
"""Maximum number of vectors for TensorBoard's projector; browsers cannot animate many more."""
SHOWN = 200
"""Maximum number of characters of a text to print beside its prediction."""


class Confusion(NamedTuple):
    """Counts (n_labels, n_labels), gold labels in rows and predicted ones in columns."""

    labels: Sequence[str]
    matrix: IntArray

    @staticmethod
    def of(labels: Sequence[str], gold: IntArray, predicted: IntArray, gold_names: Sequence[str] | None = None) -> "Confusion":
        """Count pairs of ids (n,). Labels absent from training, -1 in gold, get a row per name, or a shared one if names are unknown."""
        unseen = np.flatnonzero(gold < 0).tolist()
        unseen_names = ["" if gold_names is None else gold_names[place] for place in unseen]
        rows = {name: len(labels) + number for number, name in enumerate(sorted(set(unseen_names)))}
        gold_rows = gold.copy()
        gold_rows[unseen] = [rows[name] for name in unseen_names]
        names = (*labels, *(f"{name} {UNSEEN_NAME}".strip() for name in rows))
        return Confusion(names, confusion_matrix(gold_rows, predicted, len(names)))


class Alignment(NamedTuple):
    """Attention of each target token to each source token: `weights` (target, source), whose rows sum to 1."""

    source: Sequence[str]
    target: Sequence[str]
    weights: FloatArray


class Points(NamedTuple):
    """Vectors (n, size) to display, and columns that label them."""

    name: str
    vectors: FloatArray
    columns: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class PredictOptions:
    """Options of `nlp predict` that only some tasks use; None if not given."""

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
        """Whether an option requests sampling."""
        return (self.temperature, self.top_k, self.top_p, self.samples) != (None, None, None, None)

    def sampling(self) -> Sampling | None:
        """The sampling settings; None if no option requests sampling."""
        if not self.draws:
            return None
        settings = {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p, "seed": self.seed}
        return Sampling(**{name: value for name, value in settings.items() if value is not None})


class Reason(Protocol):
    """The explanation of a prediction: as JSON under a key of the answer, and as lines for people."""

    key: ClassVar[str]

    def to_json(self) -> Any: ...

    def lines(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Answer:
    """The prediction for one text, as fields for programs and lines for people."""

    fields: dict[str, Any]
    lines: Sequence[str]
    problem: str | None = None
    """Why there is no prediction for this text."""
    reason: Reason | None = None
    """The explanation of the prediction; the fields and lines include it."""

    def to_json(self) -> dict[str, Any]:
        """The fields of the answer."""
        return self.fields

    def printed(self) -> Iterable[str]:
        """The pieces to print, including line ends."""
        return [f"{on_one_line(line)}\n" for line in self.lines]


def unanswered(text: str, problem: str) -> Answer:
    """An answer without a prediction: an empty line, so that answers stay aligned with their texts, and the problem for programs."""
    return Answer({"text": text, "prediction": None, "problem": problem}, [""], problem)


@dataclass(frozen=True)
class StreamedAnswer:
    """A text that is printed while it is generated; it can be printed or converted to JSON, not both."""

    prompt: str
    generated: Iterator[str]
    problem: ClassVar[None] = None
    reason: ClassVar[None] = None

    def to_json(self) -> dict[str, Any]:
        """The prompt, and the whole generated text."""
        return {"text": self.prompt, "prediction": "".join(self.generated)}

    def printed(self) -> Iterable[str]:
        """The prompt, the pieces as they come, and the end of the line."""
        return chain([self.prompt], self.generated, ["\n"])


Explain = Callable[[Split, Batch, Any], Sequence[Reason] | None]
"""From texts, their batch and its predictions to the reason for each prediction; None for models without reasons."""


class Task(ABC):
    """A task: the head that the model needs, the objectives to minimise, the predictions, and their metrics.

    Other methods take the predictions that `predict` returns. Methods that only some tasks need return nothing by default.
    """

    head: Heads
    main_metric: str
    """The metric by which systems are usually compared."""
    written: ClassVar[tuple[str, ...]] = ("prediction", "probability")
    """The fields of an answer that `nlp predict --output` writes beside each row of a table."""
    predict_options: frozenset[str] = frozenset()
    """The names in `PredictOptions` that the task uses."""
    reads_texts: ClassVar[bool] = True
    """Whether predictions are made from texts; otherwise from random numbers alone."""

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
        """The output that the model needs, from sizes alone. Raises ConfigError if a size is missing."""

    @abstractmethod
    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """The objectives to minimise, one for each player."""

    @abstractmethod
    def predict(self, model: Any, batch: Batch) -> Any:
        """The model's prediction for each row, as a subclass of `Predictions`."""

    def traced(self, model: Any, batch: Batch) -> Any:
        """Like `predict`, with the trace for the model's report if it has one; this may take longer."""
        return self.predict(model, batch)

    def completed(self, predictions: Any) -> Any:
        """Complete the predictions of all rows, for tasks that compare rows with each other; unchanged by default."""
        return predictions

    def model_report(self, model: Any, predictions: Any) -> ModelReport | None:
        """The model's report on its `traced` predictions; None for models without one."""
        return None

    @abstractmethod
    def metrics(self, predictions: Any) -> dict[str, float]:
        """Metrics over all rows, by name."""

    @abstractmethod
    def baselines(self, predictions: Any) -> Mapping[str, float]:
        """The `baseline_metric` of trivial predictors, which ignore the text, by name."""

    def trouble(self, evaluations: Sequence[tuple[int, Mapping[str, float]]]) -> str | None:
        """A problem that the steps and metrics of the evaluations so far show, and its remedy; None without a problem."""
        return None

    def sample_texts(self, predictions: Any) -> Sequence[str]:
        """Some generated texts, to show during a run; none if predictions are compared with gold answers."""
        return ()

    @property
    def key_metrics(self) -> tuple[str, ...]:
        """The figures to show during training, the loss first; all others are in the log."""
        return (*LOSSES, self.main_metric)

    @property
    def baseline_metric(self) -> str:
        """The metric that `baselines` returns."""
        return self.main_metric

    @abstractmethod
    def describe(self, predictions: Any, place: int, full: bool = False) -> dict[str, Any]:
        """One prediction with names instead of ids, as in `predictions/<split>.jsonl`; with `full` as in `nlp predict`.

        `prediction` is the field for people.
        """

    @abstractmethod
    def metric_columns(self, predictions: Any) -> MetricColumns:
        """The metrics as contributions of each row: the kind, and columns (rows, ...); see `MetricRows`."""

    def row_scores(self, predictions: Any, split: Split) -> RowScores:
        """The scores of each row, for statistical tests."""
        texts, answers, predicted = self.row_texts(predictions, split)
        labels = self.row_labels(predictions)
        metrics = {name: MetricRows(kind, columns, name in self.lower_is_better, len(labels))
                   for name, (kind, columns) in self.metric_columns(predictions).items()}
        return RowScores(self.type, self.main_metric, labels, keys_of(texts), hashes(answers), hashes(predicted), metrics)

    def row_texts(self, predictions: Any, split: Split) -> RowTexts:
        """The text, gold answer and prediction of each row."""
        rows = predictions.rows.tolist()
        texts, labels = (split.example(row)["text"] for row in rows), (split.example(row)["label"] for row in rows)
        return RowTexts(texts, labels, self.predicted_texts(predictions))

    def predicted_texts(self, predictions: Any) -> Sequence[str]:
        """The prediction for each row as text, as in `describe`."""
        return [str(self.describe(predictions, place)["prediction"]) for place in range(len(predictions.rows))]

    def row_labels(self, predictions: Any) -> tuple[str, ...]:
        """The names of all labels in gold answers and predictions."""
        return self.labels

    def counted_rows(self, predictions: Any) -> Mapping[str, BoolArray]:
        """For each metric that is a share of rows, by name: which rows (rows,) count."""
        return {}

    def correlated_pairs(self) -> Mapping[str, int]:
        """For each metric that is a rank correlation of pairs, by name: the number of pairs. Rows do not contribute to it."""
        return {}

    def confusion(self, predictions: Any) -> Confusion | None:
        """Counts of gold and predicted labels; None for tasks without labels."""
        return None

    def spans(self, predictions: Any) -> Counts | None:
        """Numbers of correct, predicted and gold spans of each type; None for tasks without spans."""
        return None

    def signatures(self) -> Mapping[str, str]:
        """The exact definitions of metrics by name, such as the signature of BLEU."""
        return {}

    def alignments(self, model: Any, split: Split, rows: IntArray, options: PredictOptions = PredictOptions()) -> Sequence[Alignment]:
        """The attention of output tokens to the source; empty for tasks or models without such attention."""
        return ()

    def points(self, model: Any, split: Split) -> Points | None:
        """Vectors for TensorBoard's projector; None for tasks without any."""
        return None

    def check_options(self, model: Any, options: PredictOptions) -> None:
        """Raises ConfigError for options that exclude each other or do not fit the model."""
        return

    def answers(self, model: Any, encoding: Encoding, chunks: Iterable[Sequence[str]], options: PredictOptions,
                explain: Explain = lambda *_: None) -> Iterator[Answer | StreamedAnswer]:
        """An answer for each text of each chunk, with reasons if the model gives them."""
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
        """The lines to print for an answer with these fields."""
        probability = f"  {fields['probability']:.3f}" if "probability" in fields else ""
        line = " ".join(fields["text"].split())
        return [f"{fields['prediction']}{probability}  {line if len(line) <= SHOWN else f'{line[:SHOWN]} ...'}"]

    def _answer(self, fields: dict[str, Any], reason: Reason | None) -> Answer:
        if reason is None:
            return Answer(fields, self.shown(fields))
        lines = [*self.shown(fields), *(f"    {line}" for line in reason.lines())]
        return Answer(fields | {reason.key: reason.to_json()}, lines, reason=reason)


def stated(size: int | None, name: str, reason: str) -> int:
    """A size that a head needs. Raises ConfigError if the recipe does not state it."""
    if not size:
        raise ConfigError(f"data.{name} is missing: {reason}. Set it next to `data.type: sizes`.")
    return size
