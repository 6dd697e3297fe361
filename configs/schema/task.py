"""What the model has to do: the union of all classes that the `task:` section of a recipe may have."""

from typing import Annotated

from pydantic import Field

from .adversarial import AdversarialConfig
from .autoencoding import AutoencodingConfig
from .classification import ClassificationConfig
from .language_modeling import LanguageModelingConfig, MaskedLanguageModelingConfig
from .parsing import ParsingConfig
from .ranking import RankingConfig
from .regression import RegressionConfig
from .sequence_to_sequence import SequenceToSequenceConfig
from .tagging import TaggingConfig
from .word_vectors import WordVectorsConfig

TaskConfig = Annotated[
    ClassificationConfig | RegressionConfig | RankingConfig | TaggingConfig | ParsingConfig | LanguageModelingConfig
    | MaskedLanguageModelingConfig | SequenceToSequenceConfig | AutoencodingConfig | AdversarialConfig | WordVectorsConfig,
    Field(discriminator="type"),
]
