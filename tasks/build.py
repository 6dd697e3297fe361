"""The task that a recipe asks for."""

from ..configs.schema.task import ClassificationConfig, LanguageModelingConfig, SequenceToSequenceConfig, TaggingConfig, TaskConfig
from ..datasets.encoded.split import Encoding
from ..errors import ConfigError
from .classification import Classification
from .task import Task


def build_task(config: TaskConfig | None, encoding: Encoding) -> Task:
    """The task over the labels that the training split taught."""
    if isinstance(config, ClassificationConfig):
        return Classification(config, encoding.labels, encoding.label_counts)
    if isinstance(config, TaggingConfig):
        from .tagging import Tagging

        return Tagging(config, encoding.labels, encoding.label_counts)
    if isinstance(config, LanguageModelingConfig) and encoding.spec.vocab_size is not None:
        from .language_modeling import LanguageModeling

        return LanguageModeling(config, encoding.spec.vocab_size)
    if isinstance(config, SequenceToSequenceConfig) and encoding.tokenizer is not None:
        from .sequence_to_sequence import SequenceToSequence

        return SequenceToSequence(config, encoding)
    raise ConfigError("This recipe states sizes, not data: it can be counted with `nlp count-params`, not trained.")
