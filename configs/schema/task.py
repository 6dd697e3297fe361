"""The `task:` section of a recipe: the union of all task classes."""

from typing import Annotated

from pydantic import Field

from .tasks.adversarial import AdversarialConfig
from .tasks.autoencoding import AutoencodingConfig
from .tasks.classification import ClassificationConfig
from .tasks.language_modeling import LanguageModelingConfig, MaskedLanguageModelingConfig
from .tasks.parsing import ParsingConfig
from .tasks.ranking import RankingConfig
from .tasks.regression import RegressionConfig
from .tasks.sequence_to_sequence import SequenceToSequenceConfig
from .tasks.tagging import TaggingConfig
from .tasks.word_vectors import WordVectorsConfig

TaskConfig = Annotated[
    ClassificationConfig | RegressionConfig | RankingConfig | TaggingConfig | ParsingConfig | LanguageModelingConfig
    | MaskedLanguageModelingConfig | SequenceToSequenceConfig | AutoencodingConfig | AdversarialConfig | WordVectorsConfig,
    Field(discriminator="type"),
]
