"""The task that a recipe asks for."""

import numpy as np

from ..configs.task import ClassificationConfig, TaskConfig
from ..datasets.data import Data
from ..errors import ConfigError
from .classification import Classification


def build_task(config: TaskConfig | None, data: Data) -> Classification:
    """The task for this data, with the class counts that balanced weights need."""
    if not isinstance(config, ClassificationConfig):
        raise ConfigError("This recipe states sizes, not data: it can be counted with `nlp count-params`, not trained.")
    counts = np.bincount(data.splits["train"].labels, minlength=len(data.labels))
    return Classification(config, data.labels, counts)
