"""Maps the `task:` section of a recipe to the task's class."""

from typing import assert_never

from ..configs.schema.data import SizesData
from ..configs.schema.task import TaskConfig
from ..configs.schema.tasks.adversarial import AdversarialConfig
from ..configs.schema.tasks.autoencoding import AutoencodingConfig
from ..configs.schema.tasks.classification import ClassificationConfig
from ..configs.schema.tasks.language_modeling import LanguageModelingConfig, MaskedLanguageModelingConfig
from ..configs.schema.tasks.parsing import ParsingConfig
from ..configs.schema.tasks.ranking import RankingConfig
from ..configs.schema.tasks.regression import RegressionConfig
from ..configs.schema.tasks.sequence_to_sequence import SequenceToSequenceConfig
from ..configs.schema.tasks.tagging import TaggingConfig
from ..configs.schema.tasks.word_vectors import WordVectorsConfig
from ..datasets.encoded.preparation import Preparation
from ..datasets.encoded.split import Encoding
from ..errors import ConfigError
from ..models.head import Heads
from .task import Task


def task_class(config: TaskConfig) -> type[Task]:  # noqa: PLR0911, one return per task
    """The class of a task; its module is imported on demand."""
    match config:
        case ClassificationConfig():
            from .classification import Classification

            return Classification
        case RegressionConfig():
            from .regression import Regression

            return Regression
        case RankingConfig():
            from .ranking.ranking import Ranking

            return Ranking
        case TaggingConfig():
            from .tagging import Tagging

            return Tagging
        case ParsingConfig():
            from .parsing import Parsing

            return Parsing
        case LanguageModelingConfig():
            from .language_modeling import LanguageModeling

            return LanguageModeling
        case MaskedLanguageModelingConfig():
            from .masked_language_modeling import MaskedLanguageModeling

            return MaskedLanguageModeling
        case SequenceToSequenceConfig():
            from .sequence_to_sequence import SequenceToSequence

            return SequenceToSequence
        case AutoencodingConfig():
            from .autoencoding import Autoencoding

            return Autoencoding
        case AdversarialConfig():
            from .adversarial.task import Adversarial

            return Adversarial
        case WordVectorsConfig():
            from .word_vectors import WordVectors

            return WordVectors
        case _:
            assert_never(config)


def preparation(config: TaskConfig | None) -> Preparation:
    """How a task reads its data. Raises ConfigError if the recipe has no task."""
    return task_class(_required(config)).prepare(config)


def build_task(config: TaskConfig | None, encoding: Encoding) -> Task:
    """Build the task with labels and tokenizers from the training split."""
    config = _required(config)
    return task_class(config)(config, encoding)


def head_of(config: TaskConfig | None, sizes: SizesData) -> Heads:
    """The output layer that a task needs, from sizes alone; None without a task."""
    return None if config is None else task_class(config).head_for(config, sizes)


def _required(config: TaskConfig | None) -> TaskConfig:
    if config is None:
        raise ConfigError("task: is missing, so nothing can be trained or scored; add one, such as "
                          "`task: {type: classification}`.")
    return config
