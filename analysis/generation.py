"""How good the texts are that a run makes of labels: does a classifier recognise the label, and are they new?"""

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

TOGETHER = 512
"""Texts that are generated or judged together."""


class Generated(NamedTuple):
    """A text, the label that it was made of, the one that the judge assigns it to, and whether it is a training text."""

    label: str
    text: str
    assigned: str
    copied: bool


@dataclass(frozen=True)
class Generation:
    """What a run has made of labels, in their proportions in a split, and the accuracy of the judge on that split's own texts."""

    run: str
    judge: str
    split: str
    temperature: float
    seed: int
    texts: Sequence[Generated]
    judge_accuracy: float

    @property
    def figures(self) -> Mapping[str, float]:
        """Shares of the texts; `different` is how many different ones there are."""
        n = len(self.texts)
        return {"assigned": sum(each.assigned == each.label for each in self.texts) / n,
                "copied": sum(each.copied for each in self.texts) / n,
                "different": len({each.text for each in self.texts}) / n}

    def interval(self, figure: str) -> tuple[float, float] | None:
        """With 95 % confidence; None for `different`, to which texts do not add up one by one."""
        n = len(self.texts)
        return None if figure == "different" else wilson_interval(self.figures[figure] * n, n)

    def by_label(self) -> list[tuple[str, int, int, int, str]]:
        """Of each label, the most frequent first: the texts, those that are assigned to it, the copied ones, and its first new text."""
        rows = []
        for label, asked in Counter(each.label for each in self.texts).most_common():
            own = [each for each in self.texts if each.label == label]
            new = next((each.text for each in own if not each.copied), "")
            rows.append((label, asked, sum(each.assigned == label for each in own), sum(each.copied for each in own), new))
        return rows

    def to_json(self) -> dict[str, Any]:
        """Everything, the texts too."""
        figures = {name: {"value": value, "interval": self.interval(name)} for name, value in self.figures.items()}
        return {"run": self.run, "judge": self.judge, "split": self.split, "temperature": self.temperature, "seed": self.seed, **figures,
                "judge_accuracy": self.judge_accuracy, "texts": [each._asdict() for each in self.texts]}


def generation(run: OpenedRun, judge: OpenedRun, n: int, split_name: str | None = None, temperature: float | None = None,
               seed: int = 0) -> Generation:
    """`n` texts of a run and what a classifier says of them. Raises ConfigError where either run is of another kind."""
    if not isinstance(run.task.preparation, LabelPairs):
        raise ConfigError(f"--generate is for runs that make texts of labels; {run.directory.address} does not. Leave it out, or name a "
                          "run such as those of names/generation.")
    split, train = (_pairs(run, name) for name in (split_name, "train"))
    _check_judge(judge, run.encoding.labels)
    assert isinstance(run.recipe.task, SequenceToSequenceConfig)
    temperature = run.recipe.task.decoding.temperature if temperature is None else temperature
    labels = in_proportion([raw.source for raw in split.raw], n)
    texts = _answers(run, labels, PredictOptions(samples=1, temperature=temperature, seed=seed))
    assigned, known = _answers(judge, texts), {raw.references[0] for raw in train.raw}
    made = [Generated(label, text, said, text in known) for label, text, said in zip(labels, texts, assigned, strict=True)]
    return Generation(run.directory.address, judge.directory.address, split.name, temperature, seed, made, _accuracy(judge, split.raw))


def in_proportion(labels: Sequence[str], n: int) -> list[str]:
    """`n` labels, each as often as its share of these says; what is left after rounding down goes to the largest remainders."""
    counts = Counter(labels)
    whole = {label: n * count // len(labels) for label, count in counts.items()}
    by_remainder = sorted(counts, key=lambda label: (-(n * counts[label] % len(labels)), label))
    for label in by_remainder[: n - sum(whole.values())]:
        whole[label] += 1
    return [label for label in sorted(whole) for _ in range(whole[label])]


def _pairs(run: OpenedRun, split_name: str | None) -> PairSplit:
    split, _ = read_split(run.recipe.data, run.task.preparation, run.encoding, split_name, run.hashes)
    assert isinstance(split, PairSplit)
    return split


def _check_judge(judge: OpenedRun, labels: Sequence[str]) -> None:
    name = judge.directory.address
    if judge.task.type != "classification" or judge.task.preparation.n_texts != 1:
        raise ConfigError(f"--judge names a run that classifies texts; {name} does not.")
    if lacking := [label for label in labels if label not in judge.task.labels]:
        raise ConfigError(f"--judge {name} does not know the label {lacking[0]!r}; its classes are {', '.join(judge.task.labels)}. Name a "
                          "classifier of the same labels.")


def _answers(run: OpenedRun, texts: Sequence[str], options: PredictOptions = PredictOptions()) -> list[str]:  # noqa: B008
    chunks = (texts[start : start + TOGETHER] for start in range(0, len(texts), TOGETHER))
    return [str(answer.to_json()["prediction"]) for answer in run.task.answers(run.model, run.encoding, chunks, options)]


def _accuracy(judge: OpenedRun, raw: Sequence[Raw]) -> float:
    said = _answers(judge, [each.references[0] for each in raw])
    return sum(label == each.source for label, each in zip(said, raw, strict=True)) / len(raw)
