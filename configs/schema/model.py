"""The `model:` section of a recipe: the union of all model classes. `model_base.py` explains their class attributes."""

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import Field

from .models.classical import (
    AveragedPerceptronConfig,
    DecisionTreeConfig,
    GradientBoostingConfig,
    HmmConfig,
    KernelSvmConfig,
    KnnConfig,
    LinearSvmConfig,
    LogisticRegressionConfig,
    MostFrequentTagConfig,
    NaiveBayesConfig,
    NgramConfig,
    ParserConfig,
    PerceptronConfig,
    RandomForestConfig,
    RidgeConfig,
    SgdConfig,
)
from .models.networks import CnnConfig, MlpConfig, PictureCnnConfig, RecurrentConfig, RecurrentSeq2SeqConfig
from .models.neural_symbolic import NeuralSymbolicConfig
from .models.pretrained import PretrainedNetworkConfig
from .models.prompting import PromptConfig, TunedPromptConfig
from .models.rules import RulesConfig
from .models.transformers import TransformerConfig, TransformerSeq2SeqConfig
from .tasks.adversarial import GanConfig, GumbelGanConfig
from .tasks.autoencoding import AutoencoderConfig
from .tasks.ranking import Bm25Config, TfidfCosineConfig
from .tasks.word_vectors import CbowConfig, SkipGramConfig

ModelConfig = Annotated[
    RulesConfig
    | NaiveBayesConfig
    | LogisticRegressionConfig
    | LinearSvmConfig
    | KernelSvmConfig
    | PerceptronConfig
    | SgdConfig
    | DecisionTreeConfig
    | RandomForestConfig
    | GradientBoostingConfig
    | RidgeConfig
    | KnnConfig
    | TfidfCosineConfig
    | Bm25Config
    | MostFrequentTagConfig
    | HmmConfig
    | AveragedPerceptronConfig
    | ParserConfig
    | NgramConfig
    | MlpConfig
    | CnnConfig
    | PictureCnnConfig
    | RecurrentConfig
    | TransformerConfig
    | PretrainedNetworkConfig
    | NeuralSymbolicConfig
    | RecurrentSeq2SeqConfig
    | TransformerSeq2SeqConfig
    | AutoencoderConfig
    | GanConfig
    | GumbelGanConfig
    | SkipGramConfig
    | CbowConfig
    | PromptConfig
    | TunedPromptConfig,
    Field(discriminator="type"),
]


def differs_by_seed(model: Mapping[str, Any]) -> bool:
    """Whether another seed gives another model for this `model:` section; True for a type that this version does not know."""
    classes = get_args(get_args(ModelConfig)[0])
    return next((each.differs_by_seed(model) for each in classes if model["type"] in get_args(each.model_fields["type"].annotation)), True)
