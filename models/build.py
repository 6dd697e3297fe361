"""From a recipe's `model:` section to the model; only the family that is asked for is imported."""

from typing import TYPE_CHECKING, Union, assert_never

from ..configs.data import SizesData
from ..configs.model import (
    AnyTaggerConfig,
    AveragedPerceptronConfig,
    ClassicalConfig,
    CnnConfig,
    HmmConfig,
    MlpConfig,
    ModelConfig,
    MostFrequentTagConfig,
    NgramConfig,
    RecurrentConfig,
    RecurrentSeq2SeqConfig,
    RulesConfig,
    TransformerConfig,
    TransformerSeq2SeqConfig,
)
from ..errors import ConfigError
from .spec import Head

if TYPE_CHECKING:
    from .classical import Classical
    from .network import Network
    from .ngram import NgramLanguageModel
    from .rules import Rules
    from .taggers import Tagger

Model = Union["Rules", "Classical", "Tagger", "NgramLanguageModel", "Network"]
"""A model of any generation: a batch in, scores out."""


def build_model(config: ModelConfig, spec: SizesData, head: Head | None) -> Model:  # noqa: PLR0911, one for each family
    """Build the model with the sizes of the data and the output that the task needs; without a head, the bare encoder.

    Raises ConfigError where a size that the model needs is missing, or where the head is not for this model.
    """
    match config:
        case RulesConfig():
            from .rules import Rules

            return Rules(config, _classes(config, head))
        case ClassicalConfig():
            from .classical import Classical

            return Classical(config, spec, _classes(config, head))
        case MostFrequentTagConfig() | HmmConfig() | AveragedPerceptronConfig():
            return _tagger(config, _tags(config, head))
        case MlpConfig():
            from .mlp import Mlp

            by_vector = config.input == "vector"
            size = _size(spec.n_features, "n_features", config) if by_vector else _size(spec.vocab_size, "vocab_size", config)
            return Mlp(config, size, head)
        case CnnConfig():
            from .cnn import Cnn

            return Cnn(config, _size(spec.vocab_size, "vocab_size", config), spec.n_characters, head)
        case NgramConfig():
            from .ngram import NgramLanguageModel

            return NgramLanguageModel(config, _size(spec.vocab_size, "vocab_size", config))
        case RecurrentConfig() if head is not None and head.kind == "vocabulary":
            from .language import RecurrentLanguageModel

            return RecurrentLanguageModel(config, _size(spec.vocab_size, "vocab_size", config), head)
        case RecurrentConfig():
            from .recurrent import Recurrent

            return Recurrent(config, _size(spec.vocab_size, "vocab_size", config), spec.n_characters, head)
        case TransformerConfig():
            from .transformer import Transformer

            return Transformer(config, _size(spec.vocab_size, "vocab_size", config), spec.n_characters, head)
        case RecurrentSeq2SeqConfig():
            from .recurrent_seq2seq import RecurrentSeq2Seq

            return RecurrentSeq2Seq(config, _size(spec.vocab_size, "vocab_size", config), _target(config, head))
        case TransformerSeq2SeqConfig():
            from .transformer_seq2seq import TransformerSeq2Seq

            return TransformerSeq2Seq(config, _size(spec.vocab_size, "vocab_size", config), _target(config, head))
        case _:
            assert_never(config)


def _tagger(config: AnyTaggerConfig, n_tags: int) -> "Tagger":
    match config:
        case MostFrequentTagConfig():
            from .taggers import MostFrequentTag

            return MostFrequentTag(config, n_tags)
        case HmmConfig():
            from .hmm import Hmm

            return Hmm(config, n_tags)
        case AveragedPerceptronConfig():
            from .perceptron import AveragedPerceptron

            return AveragedPerceptron(config, n_tags)
        case _:
            assert_never(config)


def _size(size: int | None, name: str, config: ModelConfig) -> int:
    if size is None:
        raise ConfigError(f"data.{name} is missing: model.type {config.type} is built from it. State it beside `data.type: sizes`.")
    return size


def _classes(config: ModelConfig, head: Head | None) -> Head:
    if head is None or head.kind != "classes":
        raise ConfigError(f"model.type {config.type} has no encoder to build without classes; "
                          "add `task: {type: classification}`.")
    return head


def _target(config: ModelConfig, head: Head | None) -> Head:
    if head is None or head.kind != "sequence":
        raise ConfigError(f"model.type {config.type} makes a text of a text, and nothing else; add `task: {{type: sequence_to_sequence}}`.")
    return head


def _tags(config: ModelConfig, head: Head | None) -> int:
    if head is None or head.kind != "tags":
        raise ConfigError(f"model.type {config.type} gives a tag to each token, and nothing else; add `task: {{type: tagging}}`.")
    return head.n_outputs
