"""How much a network has forgotten of an earlier task: the earlier run's output layer on top of the later run's encoder."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..datasets.build import read_split
from ..training.evaluate import predict
from ..training.folder.run_directory import RunDirectory
from ..training.open_run import OpenedRun
from ..training.sources.start import lend_encoder


@dataclass(frozen=True)
class Forgetting:
    """Metrics of the earlier task on one split: for the earlier run, and with the later run's encoder."""

    earlier: str
    later: str
    split: str
    examples: int
    before: Mapping[str, float]
    now: Mapping[str, float]
    headings: Mapping[str, str]


def forgetting(earlier: OpenedRun, later: RunDirectory, split_name: str | None) -> Forgetting:
    """Score the earlier run's task with both encoders. Its model keeps the later run's encoder afterwards; nothing is saved.

    Raises ConfigError if the encoders have different shapes or read different tokens.
    """
    split, _ = read_split(earlier.recipe.data, earlier.task.preparation, earlier.encoding, split_name, earlier.hashes)
    before = earlier.task.metrics(predict(earlier.task, earlier.model, split))
    lend_encoder(later, earlier.model, earlier.encoding)
    now = earlier.task.metrics(predict(earlier.task, earlier.model, split))
    headings = {name: earlier.task.heading(name) for name in before}
    return Forgetting(earlier.directory.address, later.address, split.name, len(split), before, now, headings)
