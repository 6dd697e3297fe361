"""Networks trained by gradient descent."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..base import Config, PositiveInt, Probability, Problem
from .model_base import Inputs, LearnsBy, ModelBase
from .towers import TowersConfig

if TYPE_CHECKING:
    from ..recipe import Recipe

Activation = Literal["sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu"]
"""`gelu` is exact; `gelu_tanh` is its approximation in GPT-2 and ALBERT; `silu` is also called swish."""


class NetworkConfig(ModelBase):
    """The base of every network."""

    learns_by: ClassVar[LearnsBy] = "gradient"
    gives: ClassVar[frozenset[str]] = frozenset({"classes", "number"})
    runs_on_devices: ClassVar[bool] = True
    source_keys: ClassVar[tuple[str, ...]] = ("init_from",)
    embedding_is_published: ClassVar[bool] = False
    """Whether the embedding comes with published weights, so that it cannot start from word vectors."""

    dropout: Probability = 0.0
    """Share of activations set to zero in training (Srivastava et al. 2014)."""
    init_from: str | None = None
    """An earlier run to start from: its weights wherever names and shapes agree, and its tokenizer. The output layer is loaded only if
    both tasks need the same one."""
    vectors: str | None = None
    """Word vectors that the embedding starts from: a file of word2vec (text or binary) or GloVe, a folder with the vectors of word pieces
    as safetensors and their `tokenizer.json` (relative to the recipe), a name of `nlp data list`, or a finished run of word vectors: its
    path, RECIPE (the latest) or RECIPE/NAME. They are scaled to the spread of the network's initial embeddings, which words without a
    vector keep."""

    @property
    def threads(self) -> int | None:
        return None

    def problems(self, recipe: "Recipe") -> Iterator[Problem]:
        yield from super().problems(recipe)
        if self.vectors is None:
            return
        if self.embedding_is_published:
            yield Problem(("model", "vectors"), "does not apply to a published network, which brings its own embedding; leave it out")
        elif self.init_from is not None:
            yield Problem(("model", "vectors"), "the embedding comes from model.init_from already; leave one of them out")
        elif recipe.tokenizer is not None and recipe.tokenizer.type != "words":
            yield Problem(("model", "vectors"), f"are of words, but tokenizer.type is {recipe.tokenizer.type}; use `type: words`")


class MlpConfig(NetworkConfig):
    """Multi-layer perceptron over a bag of tokens, weighted n-grams, or a plain vector of features."""

    gives: ClassVar[frozenset[str]] = frozenset({"classes", "number", "ranking"})

    type: Literal["mlp"]
    input: Literal["bag", "vector"] = "bag"
    """`bag`: the tokens or n-grams of a text, without order or padding; `vector`: numbers, or the pixels of a picture."""
    d_embedding: PositiveInt | None = None
    """Average token embeddings of this size; if left out, the counts or weights feed the first hidden layer directly."""
    hidden_sizes: list[PositiveInt] = []
    """Size of each hidden layer, from input to output."""
    activation: Activation = "relu"
    """Non-linearity after each hidden layer."""
    towers: TowersConfig | None = None

    @property
    def inputs(self) -> Inputs:
        return frozenset({"bag", "other_bag"} if self.towers is not None else {self.input})

    @property
    def threads(self) -> int:
        return 1

    @model_validator(mode="after")
    def _embedding_fits(self) -> Self:
        if self.input == "vector" and self.d_embedding is not None:
            raise ValueError("input `vector` takes numbers as they are; leave d_embedding out")
        if self.vectors is not None and self.d_embedding is None:
            raise ValueError("vectors needs d_embedding, the size of the vectors; without it words are counted and not embedded")
        if self.towers is not None and (self.input == "vector" or not (self.d_embedding or self.hidden_sizes)):
            raise ValueError("towers encode the bag of each text as a vector, so they need input `bag`, and d_embedding or hidden_sizes")
        return self

    def _tokenizer_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        yield from super()._tokenizer_problems(recipe)
        if self.d_embedding and recipe.tokenizer is not None and not recipe.tokenizer.ordered:
            yield Problem(("model", "d_embedding"), "averages token embeddings, but n-grams feed the first layer directly; leave it out")


class CharacterCnnConfig(Config):
    """Convolutions over a word's characters with max pooling (Ma and Hovy 2016)."""

    type: Literal["cnn"]
    d_embedding: PositiveInt = 30
    """Size of each character's embedding."""
    filter_widths: list[PositiveInt] = Field(default=[3], min_length=1)
    """Width of each group of filters, in characters."""
    n_filters: PositiveInt = 50
    """Number of filters per width."""


class CharacterLstmConfig(Config):
    """Final states of a bidirectional LSTM over a word's characters (Lample et al. 2016)."""

    type: Literal["lstm"]
    d_embedding: PositiveInt = 30
    """Size of each character's embedding."""
    hidden_size: PositiveInt = 25
    """Size of the state, in each direction."""


CharactersConfig = Annotated[CharacterCnnConfig | CharacterLstmConfig, Field(discriminator="type")]


class SequenceNetworkConfig(NetworkConfig):
    """The base of networks that read tokens in order."""

    gives: ClassVar[frozenset[str]] = frozenset({"classes", "number", "ranking", "tags", "tree"})

    token_dropout: Probability = 0.0
    """Share of tokens replaced by [UNK] in training, so that no prediction depends on one word (Iyyer et al. 2015)."""
    characters: CharactersConfig | None = None
    """For tagging and parsing: features of each word's characters, concatenated with its embedding."""
    d_column: PositiveInt | None = None
    """For parsing: size of the embedding of each further column, such as the part of speech, concatenated with the word's. Without it
    the columns are ignored."""
    towers: TowersConfig | None = None

    @property
    def inputs(self) -> Inputs:
        optional = {"characters": self.characters, "columns": self.d_column, "other_tokens": self.towers}
        return frozenset({"tokens", *(name for name, section in optional.items() if section is not None)})  # type: ignore[arg-type]


class CnnConfig(SequenceNetworkConfig):
    """Convolutions of several widths over the tokens, pooled over time (Kim 2014)."""

    type: Literal["cnn"]
    d_embedding: PositiveInt = 128
    """Size of each token's embedding."""
    filter_widths: list[PositiveInt] = Field(default=[3, 4, 5], min_length=1)
    """Width of each group of filters, in tokens."""
    n_filters: PositiveInt = 100
    """Number of filters per width."""
    pooling: Literal["max", "mean"] = "max"
    """How the positions are pooled into one vector."""
    activation: Activation = "relu"
    """Non-linearity after the convolution."""
    hidden_sizes: list[PositiveInt] = []
    """Sizes of fully connected layers between pooling and output."""


class PictureCnnConfig(NetworkConfig):
    """Convolutions over the pixels of a picture, each followed by a norm, a non-linearity and max pooling (LeCun et al. 1998)."""

    type: Literal["picture_cnn"]
    n_filters: list[PositiveInt] = Field(default=[32, 64], min_length=1)
    """Filters of each convolution, from input to output."""
    filter_sizes: list[PositiveInt] = Field(default=[3], min_length=1)
    """Height and width of the filters of each convolution, odd numbers; a single number applies to all of them."""
    pool_sizes: list[PositiveInt] = Field(default=[2], min_length=1)
    """Height and width of the pooling after each convolution, 1 for none; a single number applies to all of them."""
    norm: Literal["layer", "none"] = "layer"
    """Layer norm over the complete output of a convolution, before the non-linearity."""
    activation: Activation = "relu"
    """Non-linearity after each convolution and each fully connected layer."""
    hidden_sizes: list[PositiveInt] = []
    """Sizes of fully connected layers between the last pooling and the output."""

    @property
    def inputs(self) -> Inputs:
        return frozenset({"picture"})

    @model_validator(mode="after")
    def _one_size_for_each(self) -> Self:
        for key, sizes in (("filter_sizes", self.filter_sizes), ("pool_sizes", self.pool_sizes)):
            if len(sizes) not in (1, len(self.n_filters)):
                raise ValueError(f"{key} has {len(sizes)} numbers for {len(self.n_filters)} convolutions; give each its own, or all one")
        if any(size % 2 == 0 for size in self.filter_sizes):
            raise ValueError("filter_sizes has to be odd numbers, such as 3, so that each filter has a pixel in its middle")
        return self


class RecurrentConfig(SequenceNetworkConfig):
    """Elman RNN, LSTM (Hochreiter and Schmidhuber 1997) or GRU (Cho et al. 2014)."""

    gives: ClassVar[frozenset[str]] = frozenset({"classes", "number", "ranking", "tags", "tree", "vocabulary"})
    carries_state: ClassVar[bool] = True

    type: Literal["rnn", "lstm", "gru"]
    d_embedding: PositiveInt = 128
    """Size of each token's embedding."""
    hidden_size: PositiveInt = 128
    """Size of the state, in each direction."""
    n_layers: PositiveInt = 1
    """Number of stacked layers."""
    bidirectional: bool = False
    """Read the text in both directions; the two states are concatenated."""
    pooling: Literal["last", "mean", "max", "attention"] = "last"
    """How the states are pooled into one vector; `last` takes each direction's final state."""

    @property
    def threads(self) -> int | None:
        """One if the product of a state and its matrix takes less time than synchronising threads after it."""
        return None if self.bidirectional or self.hidden_size > 128 else 1


class LabelEncoderConfig(Config):
    """A learned vector for each label."""

    type: Literal["label"]
    d_embedding: PositiveInt = 64
    """Size of the vector."""

    @property
    def inputs(self) -> Inputs:
        """The inputs in its batches."""
        return frozenset({"label"})


class EncoderDecoderConfig(NetworkConfig):
    """The base of networks that read a source and generate a text."""

    gives: ClassVar[frozenset[str]] = frozenset({"sequence"})

    token_dropout: Probability = 0.0
    """Share of source tokens replaced by [UNK] in training (Iyyer et al. 2015)."""

    @property
    def inputs(self) -> Inputs:
        return frozenset({"tokens", "previous"})


class Seq2SeqConfig(EncoderDecoderConfig):
    """The base of encoder-decoders whose source may be something other than a text."""

    of_texts: ClassVar[frozenset[str]] = frozenset({"token_dropout", "vectors"})
    """Keys that only a text encoder has."""

    encoder: Annotated[LabelEncoderConfig | PictureCnnConfig, Field(discriminator="type")] | None = None
    """Encoder of a source that is not a text: `label`, or `picture_cnn` with the keys of that model. It outputs one vector, which is all
    that the decoder sees of the source. By default the source is a text, and the encoder is of the same kind as the decoder."""

    @property
    def inputs(self) -> Inputs:
        return Inputs({"previous"}) | (Inputs({"tokens"}) if self.encoder is None else self.encoder.inputs)

    @property
    def threads(self) -> int | None:
        """One if the source is a single vector: the generated texts are short, and threads would wait for each other."""
        return None if self.encoder is None else 1

    @model_validator(mode="after")
    def _nothing_of_texts(self) -> Self:
        if self.encoder is None:
            return self
        fields = type(self).model_fields
        if text_keys := sorted(key for key in self.of_texts if getattr(self, key) != fields[key].default):
            raise ValueError(f"{text_keys[0]} is for an encoder of texts; leave it out, or leave out `encoder`")
        if key := next((key for key in ("init_from", "vectors") if getattr(self.encoder, key, None)), None):
            raise ValueError(f"encoder.{key} is not for a network inside another; leave it out")
        return self


class RecurrentPairConfig(EncoderDecoderConfig):
    """The base of recurrent encoders and decoders."""

    cell: Literal["rnn", "lstm", "gru"] = "gru"
    """Elman RNN, LSTM (Hochreiter and Schmidhuber 1997) or GRU (Cho et al. 2014), on both sides."""
    d_embedding: PositiveInt = 256
    """Size of each token's embedding."""
    hidden_size: PositiveInt = 256
    """Size of the decoder state, and of each direction of the encoder."""
    n_layers: PositiveInt = 1
    """Number of layers in the encoder, and in the decoder."""
    bidirectional: bool = True
    """Read the source in both directions; the two states are concatenated."""


class RecurrentSeq2SeqConfig(Seq2SeqConfig, RecurrentPairConfig):
    """Recurrent encoder and decoder (Cho et al. 2014; Sutskever et al. 2014), with attention or without."""

    of_texts: ClassVar[frozenset[str]] = Seq2SeqConfig.of_texts | {"bidirectional"}

    type: Literal["seq2seq"]
    attention: Literal["none", "additive", "dot", "general", "concat"] = "additive"
    """`none`: the same source vector at every step (Cho et al. 2014); `additive`: Bahdanau et al. 2015; `dot`, `general` and
    `concat`: Luong et al. 2015."""
    input_feeding: bool = False
    """Feed the attention vector of the previous step to the decoder (Luong et al. 2015); `additive` has its own way of doing this."""

    @model_validator(mode="after")
    def _attention_fits(self) -> Self:
        if self.attention == "dot" and self.bidirectional:
            raise ValueError("attention `dot` needs encoder and decoder states of equal size; use `general`, or bidirectional: false")
        if self.input_feeding and self.attention in ("none", "additive"):
            raise ValueError("input_feeding is for attention dot, general and concat; leave it out")
        if self.encoder is not None and self.attention != "none":
            raise ValueError(f"attention `{self.attention}` attends to the tokens of a text, but `encoder` outputs one vector; "
                             "set `attention: none`")
        return self
