"""Quality of texts that a run generates from labels: whether a classifier recognises the label, and whether the texts are new."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..configs.schema.tasks.sequence_to_sequence import SequenceToSequenceConfig
from ..datasets.build import read_split
from ..datasets.encoded.texts.one_to_many import LabelPairs
from ..datasets.encoded.texts.text_pairs import PairSplit, Raw
from ..errors import ConfigError
from ..tasks.task import PredictOptions
from ..training.open_run import OpenedRun
from .statistics.proportions import wilson_interval

BATCH_SIZE = 512
"""Texts that are generated or classified at once."""


class Generated(NamedTuple):
    """A generated text, its label, the label that the judge predicts, and whether it is a copy of a training text."""

    label: str
    text: str
    assigned: str
    copied: bool


@dataclass(frozen=True)
class Generation:
    """Texts that a run generated for the labels of a split, and the accuracy of the judge on that split's own texts."""

    run: str
    judge: str
    split: str
    temperature: float
    seed: int
    texts: Sequence[Generated]
    judge_accuracy: float

    @property
    def figures(self) -> Mapping[str, float]:
        """Shares of the texts; `different` is the number of distinct texts over the number of texts."""
        n = len(self.texts)
        return {"assigned": sum(each.assigned == each.label for each in self.texts) / n,
                "copied": sum(each.copied for each in self.texts) / n,
                "different": len({each.text for each in self.texts}) / n}

    def interval(self, figure: str) -> tuple[float, float] | None:
        """The 95 % interval; None for `different`, which is not a mean over texts."""
        n = len(self.texts)
        return None if figure == "different" else wilson_interval(self.figures[figure] * n, n)

    def by_label(self) -> list[tuple[str, int, int, int, str]]:
        """For each label, most frequent first: (label, n_texts, n_assigned, n_copied, first new text)."""
        rows = []
        for label, n_texts in Counter(each.label for each in self.texts).most_common():
            own = [each for each in self.texts if each.label == label]
            new = next((each.text for each in own if not each.copied), "")
            rows.append((label, n_texts, sum(each.assigned == label for each in own), sum(each.copied for each in own), new))
        return rows

    def to_json(self) -> dict[str, Any]:
        """All figures and all texts."""
        figures = {name: {"value": value, "interval": self.interval(name)} for name, value in self.figures.items()}
        return {"run": self.run, "judge": self.judge, "split": self.split, "temperature": self.temperature, "seed": self.seed, **figures,
                "judge_accuracy": self.judge_accuracy, "texts": [each._asdict() for each in self.texts]}


def generation(run: OpenedRun, judge: OpenedRun, n: int, split_name: str | None = None, temperature: float | None = None,
               seed: int = 0) -> Generation:
    """Generate `n` texts with a run and classify them with the judge. Raises ConfigError if either run has the wrong task."""
    if not isinstance(run.task.preparation, LabelPairs):
        raise ConfigError(f"--generate is for runs that generate texts from labels; {run.directory.address} does not. Leave it out, or "
                          "name a run of a recipe such as names/generation.")
    split, train = (_pairs(run, name) for name in (split_name, "train"))
    _check_judge(judge, run.encoding.labels)
    assert isinstance(run.recipe.task, SequenceToSequenceConfig)
    temperature = run.recipe.task.decoding.temperature if temperature is None else temperature
    labels = in_proportion([raw.source for raw in split.raw], n)
    texts = _answers(run, labels, PredictOptions(samples=1, temperature=temperature, seed=seed))
    predicted, training_texts = _answers(judge, texts), {raw.references[0] for raw in train.raw}
    generated = [Generated(label, text, answer, text in training_texts)
                 for label, text, answer in zip(labels, texts, predicted, strict=True)]
    return Generation(run.directory.address, judge.directory.address, split.name, temperature, seed, generated, _accuracy(judge, split.raw))


def in_proportion(labels: Sequence[str], n: int) -> list[str]:
    """`n` labels in the proportions of `labels`, apportioned by the largest-remainder method."""
    counts = Counter(labels)
    quotas = {label: n * count // len(labels) for label, count in counts.items()}
    by_remainder = sorted(counts, key=lambda label: (-(n * counts[label] % len(labels)), label))
    for label in by_remainder[: n - sum(quotas.values())]:
        quotas[label] += 1
    return [label for label in sorted(quotas) for _ in range(quotas[label])]


def _pairs(run: OpenedRun, split_name: str | None) -> PairSplit:
    split, _ = read_split(run.recipe.data, run.task.preparation, run.encoding, split_name, run.hashes)
    assert isinstance(split, PairSplit)
    return split


def _check_judge(judge: OpenedRun, labels: Sequence[str]) -> None:
    name = judge.directory.address
    if judge.task.type != "classification" or judge.task.preparation.n_texts != 1:
        raise ConfigError(f"--judge names a run that classifies texts; {name} does not.")
    if unknown := [label for label in labels if label not in judge.task.labels]:
        raise ConfigError(f"--judge {name} does not know the label {unknown[0]!r}; its classes are {', '.join(judge.task.labels)}. Name a "
                          "classifier of the same labels.")


def _answers(run: OpenedRun, texts: Sequence[str], options: PredictOptions = PredictOptions()) -> list[str]:  # noqa: B008
    chunks = (texts[start : start + BATCH_SIZE] for start in range(0, len(texts), BATCH_SIZE))
    return [str(answer.to_json()["prediction"]) for answer in run.task.answers(run.model, run.encoding, chunks, options)]


def _accuracy(judge: OpenedRun, raw: Sequence[Raw]) -> float:
    predicted = _answers(judge, [each.references[0] for each in raw])
    return sum(label == each.source for label, each in zip(predicted, raw, strict=True)) / len(raw)
