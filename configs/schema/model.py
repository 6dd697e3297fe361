"""Which model: the union of all classes that the `model:` section of a recipe may have. `model_base.py` explains what each states."""

from typing import Annotated

from pydantic import Field

from .classical import (
    AveragedPerceptronConfig,
    DecisionTreeConfig,
    HmmConfig,
    KnnConfig,
    LinearSvmConfig,
    LogisticRegressionConfig,
    MostFrequentTagConfig,
    NaiveBayesConfig,
    NgramConfig,
    RandomForestConfig,
)
from .networks import CnnConfig, MlpConfig, RecurrentConfig, RecurrentSeq2SeqConfig
from .rules import RulesConfig
from .transformers import TransformerConfig, TransformerSeq2SeqConfig

ModelConfig = Annotated[
    RulesConfig
    | NaiveBayesConfig
    | LogisticRegressionConfig
    | LinearSvmConfig
    | DecisionTreeConfig
    | RandomForestConfig
    | KnnConfig
    | MostFrequentTagConfig
    | HmmConfig
    | AveragedPerceptronConfig
    | NgramConfig
    | MlpConfig
    | CnnConfig
    | RecurrentConfig
    | TransformerConfig
    | RecurrentSeq2SeqConfig
    | TransformerSeq2SeqConfig,
    Field(discriminator="type"),
]
