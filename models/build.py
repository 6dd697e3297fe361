"""Builds the model of a recipe's `model:` section; only the family that is needed is imported."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Union, assert_never

from ..configs.schema.data import SizesData
from ..configs.schema.model import ModelConfig
from ..configs.schema.models.classical import (
    AnyTaggerConfig,
    AveragedPerceptronConfig,
    ClassicalConfig,
    GradientBoostingConfig,
    HmmConfig,
    MostFrequentTagConfig,
    NgramConfig,
    ParserConfig,
    RidgeConfig,
)
from ..configs.schema.models.networks import (
    CnnConfig,
    LabelEncoderConfig,
    MlpConfig,
    PictureCnnConfig,
    RecurrentConfig,
    RecurrentSeq2SeqConfig,
    SequenceNetworkConfig,
)
from ..configs.schema.models.neural_symbolic import NeuralSymbolicConfig
from ..configs.schema.models.pretrained import PretrainedNetworkConfig
from ..configs.schema.models.prompting import PromptConfig, TunedPromptConfig
from ..configs.schema.models.rules import RulesConfig
from ..configs.schema.models.transformers import TransformerConfig, TransformerSeq2SeqConfig
from ..configs.schema.tasks.adversarial import GanConfig, GumbelGanConfig
from ..configs.schema.tasks.autoencoding import AutoencoderConfig
from ..configs.schema.tasks.ranking import Bm25Config, TfidfCosineConfig
from ..configs.schema.tasks.word_vectors import CbowConfig, SkipGramConfig
from ..errors import ConfigError
from .head import Head, Heads

if TYPE_CHECKING:
    from .classical.classifier import Classical
    from .classical.ngram import NgramLanguageModel
    from .classical.retrieval import Retrieval
    from .classical.taggers import Tagger
    from .networks.encoder_decoder import VectorEncoder
    from .networks.network import Network
    from .networks.two_towers import TwoTowers
    from .parsing.parser import Parser
    from .prompting.language_model import LanguageModel
    from .prompting.prompted import Prompted
    from .rules import Rules

Model = Union["Rules", "Classical", "Retrieval", "Tagger", "Parser", "NgramLanguageModel", "Network", "Prompted"]
"""A model of any generation: a batch in, scores out."""


def build_model(config: ModelConfig, spec: SizesData, head: Heads,  # noqa: PLR0911, PLR0912, PLR0915, one for each family
                language_model: "LanguageModel | None" = None) -> Model:
    """Build the model for these data sizes with the output that the task needs, or several outputs by name; without a head, the bare
    encoder.

    `language_model` is the model that a prompt is for.

    Raises ConfigError if a size that the model needs is missing, or if the model does not support the head.
    """
    if getattr(config, "towers", None) is not None:
        return _two_towers(config, spec, _single(config, head))
    match config:
        case RulesConfig():
            from .rules import Rules

            return Rules(config, _classes(config, head))
        case RidgeConfig() | GradientBoostingConfig() if isinstance(head, Head) and head.kind == "number":
            from .classical.regressor import Regressor

            return Regressor(config, spec, head)
        case RidgeConfig():
            raise ConfigError("model.type ridge predicts a number; add `task: {type: regression}`.")
        case ClassicalConfig():
            from .classical.classifier import Classical

            return Classical(config, spec, _classes(config, head))
        case MostFrequentTagConfig() | HmmConfig() | AveragedPerceptronConfig() | ParserConfig():
            return _of_sentences(config, head)
        case TfidfCosineConfig() | Bm25Config():
            from .classical.retrieval import new_retrieval

            return new_retrieval(config, _size(spec.vocab_size, "vocab_size", config))
        case MlpConfig():
            from .networks.mlp import Mlp

            by_vector = config.input == "vector"
            size = _size(spec.n_features, "n_features", config) if by_vector else _size(spec.vocab_size, "vocab_size", config)
            return Mlp(config, size, _single(config, head))
        case CnnConfig():
            from .networks.cnn import Cnn

            return Cnn(config, _size(spec.vocab_size, "vocab_size", config), spec.n_characters, head, _columns(spec))
        case PictureCnnConfig():
            from .networks.picture_cnn import PictureCnn

            size = _size(spec.picture_height, "picture_height", config), _size(spec.picture_width, "picture_width", config)
            return PictureCnn(config, size, _single(config, head))
        case NgramConfig():
            from .classical.ngram import NgramLanguageModel

            return NgramLanguageModel(config, _size(spec.vocab_size, "vocab_size", config))
        case RecurrentConfig() if isinstance(head, Head) and head.kind == "vocabulary":
            from .networks.recurrent_language_model import RecurrentLanguageModel

            return RecurrentLanguageModel(config, _n_rows(spec, config, head), head)
        case RecurrentConfig():
            from .networks.recurrent import Recurrent

            return Recurrent(config, _size(spec.vocab_size, "vocab_size", config), spec.n_characters, head, _columns(spec))
        case TransformerConfig():
            from .networks.transformer import Transformer

            return Transformer(config, _n_rows(spec, config, head), spec.n_characters, head, _columns(spec))
        case PretrainedNetworkConfig():
            from .networks.pretrained import Pretrained

            return Pretrained(config, spec.vocab_size or 0, head)
        case NeuralSymbolicConfig():
            from .networks.network import Network
            from .networks.neural_symbolic import NeuralSymbolic
            from .rules import Rules

            classes = _classes(config, head)
            network = build_model(config.network, spec, None if config.fusion.needs_state else classes)
            assert isinstance(network, Network)
            return NeuralSymbolic(config, network, Rules(config.rules, classes), classes.n_outputs)
        case RecurrentSeq2SeqConfig():
            from .networks.recurrent_seq2seq import RecurrentSeq2Seq

            return RecurrentSeq2Seq(config, _source(config, spec), _target(config, head))
        case TransformerSeq2SeqConfig():
            from .networks.transformer_seq2seq import TransformerSeq2Seq

            return TransformerSeq2Seq(config, _source(config, spec), _target(config, head))
        case AutoencoderConfig():
            from .networks.autoencoder import build_autoencoder

            return build_autoencoder(config, _size(spec.vocab_size, "vocab_size", config), _single(config, head))
        case GanConfig():
            from .networks.gan import CodeGan

            return CodeGan(config, _size(spec.vocab_size, "vocab_size", config))
        case GumbelGanConfig():
            from .networks.gumbel_gan import GumbelGan

            return GumbelGan(config, _size(spec.vocab_size, "vocab_size", config))
        case SkipGramConfig() | CbowConfig():
            from .networks.word_vectors import WordVectors

            return WordVectors(config, _size(spec.vocab_size, "vocab_size", config))
        case PromptConfig():
            from .prompting.prompted import Prompted

            return Prompted(config, _classes(config, head), _given(language_model))
        case TunedPromptConfig():
            from .prompting.tuned_prompt import TunedPrompt

            return TunedPrompt(config, _classes(config, head), _given(language_model))
        case _:
            assert_never(config)


def _two_towers(config: ModelConfig, spec: SizesData, head: Head | None) -> "TwoTowers":
    """Two towers, each the same model without a head, which returns the vector of a text."""
    from .networks.network import Network
    from .networks.two_towers import TwoTowers

    assert isinstance(config, MlpConfig | SequenceNetworkConfig) and config.towers is not None
    tower = config.model_copy(update={"towers": None})

    def new_encoder() -> Network:
        encoder = build_model(tower, spec, None)
        assert isinstance(encoder, Network)
        return encoder

    return TwoTowers(config, config.towers, new_encoder, head)


def _source(config: RecurrentSeq2SeqConfig | TransformerSeq2SeqConfig, spec: SizesData) -> "int | VectorEncoder":
    """The size of the source vocabulary of an encoder-decoder, or its encoder if the source is not text."""
    if config.encoder is None:
        return _size(spec.vocab_size, "vocab_size", config)
    if isinstance(config.encoder, LabelEncoderConfig):
        from .networks.label_encoder import LabelEncoder

        return LabelEncoder(config.encoder, _size(spec.n_classes, "n_classes", config))
    from .networks.picture_cnn import PictureCnn

    encoder = build_model(config.encoder, spec, None)
    assert isinstance(encoder, PictureCnn)
    return encoder


def _given(language_model: "LanguageModel | None") -> "LanguageModel":
    assert language_model is not None, "a prompt is for a language model"
    return language_model


def _of_sentences(config: AnyTaggerConfig | ParserConfig, head: Heads) -> "Tagger | Parser":
    if isinstance(config, ParserConfig):
        from .parsing.parser import Parser

        return Parser(config, _relations(config, head))
    n_tags = _tags(config, head)
    match config:
        case MostFrequentTagConfig():
            from .classical.taggers import MostFrequentTag

            return MostFrequentTag(config, n_tags)
        case HmmConfig():
            from .classical.hmm import Hmm

            return Hmm(config, n_tags)
        case AveragedPerceptronConfig():
            from .classical.perceptron import AveragedPerceptron

            return AveragedPerceptron(config, n_tags)
        case _:
            assert_never(config)


def _size(size: int | None, name: str, config: ModelConfig) -> int:
    if size is None:
        raise ConfigError(f"data.{name} is missing: model.type {config.type} is built from it. Set it next to `data.type: sizes`.")
    return size


def _columns(spec: SizesData) -> list[int]:
    """Number of values of each additional word column."""
    return list((spec.columns or {}).values())


def _n_rows(spec: SizesData, config: ModelConfig, head: Heads) -> int:
    """Rows of the token embedding: one for each token, plus the padding rows of a language model's output matrix."""
    n_tokens = _size(spec.vocab_size, "vocab_size", config)
    heads = [part for part in (head.values() if isinstance(head, Mapping) else [head]) if part is not None]
    return next((part.n_rows for part in heads if part.kind == "vocabulary" and part.multiple > 1), n_tokens)


def _single(config: ModelConfig, head: Heads) -> Head | None:
    if isinstance(head, Mapping):
        raise ConfigError(f"model.type {config.type} has one output, and the task needs {len(head)}: {', '.join(head)}.")
    return head


def _classes(config: ModelConfig, heads: Heads) -> Head:
    head = _single(config, heads)
    if head is None or head.kind != "classes":
        raise ConfigError(f"model.type {config.type} has no encoder to build without classes; "
                          "add `task: {type: classification}`.")
    return head


def _target(config: ModelConfig, heads: Heads) -> Head:
    head = _single(config, heads)
    if head is None or head.kind != "sequence":
        raise ConfigError(f"model.type {config.type} only maps texts to texts; add `task: {{type: sequence_to_sequence}}`.")
    return head


def _tags(config: ModelConfig, heads: Heads) -> int:
    head = _single(config, heads)
    if head is None or head.kind != "tags":
        raise ConfigError(f"model.type {config.type} only tags tokens; add `task: {{type: tagging}}`.")
    return head.n_outputs


def _relations(config: ModelConfig, heads: Heads) -> int:
    head = _single(config, heads)
    if head is None or head.kind != "tree":
        raise ConfigError(f"model.type {config.type} only parses sentences; add `task: {{type: parsing}}`.")
    return head.n_outputs
