"""The contract of every model, whatever its generation: the cases, and the checks that are run on each.

A network that is new in the union of `configs/schema/model.py` needs a case here and its sum in `parameters_by_hand`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest
import torch
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.model import ModelConfig
from nlp.configs.schema.models.networks import (
    CharacterCnnConfig,
    CharacterLstmConfig,
    CharactersConfig,
    CnnConfig,
    MlpConfig,
    NetworkConfig,
    PictureCnnConfig,
    RecurrentConfig,
)
from nlp.configs.schema.models.neural_symbolic import NeuralSymbolicConfig
from nlp.configs.schema.models.pretrained import PretrainedNetworkConfig
from nlp.configs.schema.models.prompting import PromptingConfig
from nlp.configs.schema.models.transformers import TransformerConfig
from nlp.configs.schema.tasks.autoencoding import AutoencoderConfig
from nlp.models.build import build_model
from nlp.models.head import Head
from nlp.models.networks.network import Network
from torch import nn
from torch.nn import functional

N_TOKENS, N_FEATURES, N_CLASSES, N_CHARACTERS = 40, 12, 4, 12
HEIGHT, WIDTH = 3, 4
SIZES = SizesData(type="sizes", vocab_size=N_TOKENS, n_features=N_FEATURES, n_classes=N_CLASSES, n_characters=N_CHARACTERS,
                  picture_height=HEIGHT, picture_width=WIDTH)
CLASSES, TAGS, CRF_TAGS = Head("classes", N_CLASSES), Head("tags", N_CLASSES), Head("tags", N_CLASSES, crf=True)


@dataclass(frozen=True)
class Case:
    """A model to be checked.

    `reach`: how many positions ahead the state at a position depends on, 0 for a causal model, None where there is no limit;
    `draws`: whether it has dropout to draw.
    """

    name: str
    config: NetworkConfig
    head: Head | None = CLASSES
    reach: int | None = None
    draws: bool = True
    sizes: SizesData = field(default=SIZES)

    @property
    def by_token(self) -> bool:
        """Whether it gives scores at each token, not one row for each text."""
        return self.head is not None and self.head.kind != "classes"

    def build(self, seed: int = 1) -> Network:
        torch.manual_seed(seed)
        model = build_model(self.config, self.sizes, self.head)
        assert isinstance(model, Network)
        return model


def mlp(**settings: Any) -> MlpConfig:
    return MlpConfig(type="mlp", **settings)


def cnn(**settings: Any) -> CnnConfig:
    return CnnConfig(type="cnn", **{"d_embedding": 8, "n_filters": 6, **settings})


def recurrent(cell: Any, **settings: Any) -> RecurrentConfig:
    return RecurrentConfig(type=cell, **{"d_embedding": 8, "hidden_size": 6, **settings})


def transformer(**settings: Any) -> TransformerConfig:
    small = {"d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 16, "max_positions": 32}
    return TransformerConfig(type="transformer", **{**small, **settings})


def autoencoder(**settings: Any) -> AutoencoderConfig:
    return AutoencoderConfig(type="autoencoder", **{"d_embedding": 8, "hidden_size": 6, "d_code": 7, **settings})


def picture_cnn(**settings: Any) -> PictureCnnConfig:
    return PictureCnnConfig(type="picture_cnn", **{"n_filters": [6], "dropout": 0.1, **settings})


CNN_CHARACTERS = CharacterCnnConfig(type="cnn", d_embedding=5, filter_widths=[1, 2], n_filters=3)
LSTM_CHARACTERS = CharacterLstmConfig(type="lstm", d_embedding=5, hidden_size=3)
BERT = {"norm": "post", "positions": "learned", "pooling": "cls", "n_segments": 2, "embedding_norm": True, "pooler": True}
LLAMA = {"norm_type": "rms_norm", "activation": "silu", "gated": True, "bias": False, "positions": "rotary",
         "d_model": 16, "n_heads": 4, "n_kv_heads": 2}
WORDS, UNTIED = Head("vocabulary", N_TOKENS, tied=True, bias=False), Head("vocabulary", N_TOKENS, bias=False)

NETWORKS = [
    Case("mlp-linear", mlp(), draws=False),
    Case("mlp-sparse", mlp(hidden_sizes=[16])),
    Case("mlp-fasttext", mlp(d_embedding=8)),
    Case("mlp-average-deep", mlp(d_embedding=8, hidden_sizes=[16, 8], activation="tanh")),
    Case("mlp-vector-linear", mlp(input="vector"), draws=False),
    *(Case(f"mlp-vector-{name}", mlp(input="vector", hidden_sizes=[16, 8], activation=name))
      for name in ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu")),
    Case("cnn", cnn(), reach=2),
    Case("cnn-widths", cnn(filter_widths=[1, 2, 7], activation="gelu", hidden_sizes=[10]), reach=3),
    Case("cnn-mean", cnn(pooling="mean", activation="tanh"), reach=2),
    Case("picture-cnn", picture_cnn()),
    Case("picture-cnn-deep", picture_cnn(n_filters=[6, 8], filter_sizes=[1, 5], pool_sizes=[1, 3], norm="none", hidden_sizes=[10])),
    *(Case(f"{cell}-last", recurrent(cell), reach=0) for cell in ("rnn", "lstm", "gru")),
    *(Case(f"{cell}-{pool}", recurrent(cell, pooling=pool), reach=0)
      for cell, pool in (("gru", "mean"), ("lstm", "max"), ("rnn", "attention"))),
    *(Case(f"bi{cell}-{pool}", recurrent(cell, pooling=pool, bidirectional=True, n_layers=2))
      for cell, pool in (("rnn", "mean"), ("lstm", "last"), ("lstm", "attention"), ("gru", "max"))),
    *(Case(f"transformer-{norm}-{positions}-{pool}", transformer(norm=norm, positions=positions, pooling=pool))
      for norm, positions, pool in (("pre", "sinusoidal", "mean"), ("post", "learned", "cls"), ("pre", "rotary", "max"))),
    Case("autoencoder", autoencoder()),
    Case("autoencoder-variational", autoencoder(cell="lstm", n_layers=2, variational={})),
    Case("transformer-causal", transformer(causal=True), reach=0),
    Case("transformer-bert", transformer(**BERT)),
    Case("transformer-gpt", transformer(causal=True, positions="learned"), WORDS, reach=0),
    Case("transformer-words", transformer(activation="relu"), Head("vocabulary", N_TOKENS, bias=True)),
    Case("cnn-tags", cnn(n_filters=12, activation="gelu"), TAGS, reach=2),
    Case("lstm-tags", recurrent("lstm"), TAGS, reach=0),
    Case("bilstm-tags-spelled", recurrent("lstm", bidirectional=True, characters=CNN_CHARACTERS), TAGS),
    Case("bigru-crf", recurrent("gru", bidirectional=True, n_layers=2), CRF_TAGS),
    Case("cnn-crf-spelled", cnn(n_filters=12, activation="gelu", characters=LSTM_CHARACTERS), CRF_TAGS, reach=2),
    Case("transformer-tags-spelled", transformer(d_model=16, characters=LSTM_CHARACTERS), TAGS),
    Case("transformer-rotary-causal", transformer(causal=True, positions="rotary"), WORDS, reach=0),
    Case("transformer-llama", transformer(causal=True, **LLAMA), UNTIED, reach=0),
    Case("transformer-padded", transformer(causal=True), Head("vocabulary", N_TOKENS, tied=True, multiple=64), reach=0),
    Case("transformer-relative", transformer(positions="relative", norm_type="rms_norm", activation="gelu_tanh", gated=True, bias=False)),
    Case("transformer-relative-causal", transformer(causal=True, positions="relative"), WORDS, reach=0),
    Case("transformer-albert", transformer(**{**BERT, "d_embedding": 6, "share_layers": True, "n_layers": 3, "activation": "gelu_tanh"})),
]
ENCODERS = [Case(f"{case.name}-bare", case.config, None) for case in NETWORKS
            if case.head is CLASSES and case.name not in ("mlp-linear", "mlp-vector-linear")]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """For the tests of any file that imports it: layers as small as these take longer on two threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network_classes() -> set[type]:
    """The classes of the union that are networks of one text; those of pairs, prompts and rules, and published ones, have other files."""
    members = get_args(get_args(ModelConfig)[0])
    elsewhere = (PretrainedNetworkConfig, PromptingConfig, NeuralSymbolicConfig)
    without_scores = {"sequence", "word_vectors", "generation"}
    return {member for member in members if issubclass(member, NetworkConfig) and not member.gives & without_scores
            and not issubclass(member, elsewhere)}


# Inputs


def some_texts(n_texts: int, longest: int = 20, seed: int = 0) -> list[list[int]]:
    """Texts as token ids (never 0, [PAD]); the first is one token long and the second is the longest."""
    generator = np.random.default_rng(seed)
    lengths = [1, longest, *generator.integers(1, longest + 1, n_texts)][:n_texts]
    return [generator.integers(1, N_TOKENS, length).tolist() for length in lengths]


def inputs_for(case: Case, texts: Sequence[Sequence[int]], extra: int = 0) -> dict[str, np.ndarray | None]:
    """The texts as this model's arrays; `extra` columns more of padding than the longest text needs."""
    ids = [np.array(text, dtype=np.int32) for text in texts]
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    vectors = np.stack([np.bincount(text, minlength=N_TOKENS)[:N_FEATURES] for text in ids]).astype(np.float32)
    if "vector" in case.config.inputs:
        return {"vectors": vectors}
    if "picture" in case.config.inputs:
        return {"pictures": vectors.reshape(len(texts), HEIGHT, WIDTH)}
    if "bag" in case.config.inputs:
        starts = (np.cumsum(lengths) - lengths).astype(np.int32)
        weights = None if case.config.d_embedding else np.concatenate(ids).astype(np.float32) / N_TOKENS
        return {"tokens": np.concatenate(ids), "starts": starts, "weights": weights}
    padded = np.zeros((len(texts), max(lengths) + extra), dtype=np.int32)
    for row, text in zip(padded, ids, strict=True):
        row[: len(text)] = text
    return {"tokens": padded, "lengths": lengths, **(spelled(padded) if "characters" in case.config.inputs else {})}


def spelled(tokens: np.ndarray) -> dict[str, np.ndarray]:
    """Each token is spelled by its number in base 10, so that some have one character and some two; digit d is character d + 1."""
    distinct, places = np.unique(tokens, return_inverse=True)
    digits = [[int(digit) + 1 for digit in str(token)] for token in distinct]
    characters = np.array([[*each, 0][:2] for each in digits], dtype=np.int32)
    return {"characters": characters, "spelling": places.reshape(tokens.shape)}


def tensors_for(case: Case, texts: Sequence[Sequence[int]], extra: int = 0) -> dict[str, torch.Tensor | None]:
    arrays = inputs_for(case, texts, extra)
    return {name: None if array is None else torch.from_numpy(array) for name, array in arrays.items()}


def loss_of(case: Case, model: nn.Module, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Cross-entropy with classes or tags that follow from the texts; for words, with the text itself."""
    logits = model(**tensors_for(case, texts))
    if case.head is not None and case.head.kind == "tags":
        tags, lengths = tags_of(case, texts), torch.tensor([len(text) for text in texts])
        if case.head.crf:
            return -model.output.crf.log_likelihood(logits, tags, lengths).sum() / lengths.sum()
        return functional.cross_entropy(logits.flatten(0, 1), tags.flatten(), ignore_index=-1)
    if case.head is not None and case.head.kind == "vocabulary":
        tokens = torch.from_numpy(inputs_for(case, texts)["tokens"]).long()
        return functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=0)
    return functional.cross_entropy(logits, torch.arange(len(texts)) % N_CLASSES)


def tags_of(case: Case, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    """(batch, seq): a tag for each token, by its number; -1 on padding."""
    tokens = torch.from_numpy(inputs_for(case, texts)["tokens"]).long()
    return torch.where(tokens > 0, tokens % N_CLASSES, -1)


def right_share(case: Case, model: nn.Module, texts: Sequence[Sequence[int]]) -> float:
    """Share of the classes (or tags, or words) of `loss_of` that the model gets right."""
    scores = model(**tensors_for(case, texts))
    predicted = scores.argmax(dim=-1)
    if case.head is not None and case.head.kind == "tags":
        tags = tags_of(case, texts)
        if case.head.crf:
            predicted = model.output.crf.decode(scores, (tags >= 0).sum(dim=1))
        return float((predicted == tags)[tags >= 0].float().mean())
    if case.head is not None and case.head.kind == "vocabulary":
        tokens = torch.from_numpy(inputs_for(case, texts)["tokens"])
        return float((predicted == tokens)[tokens > 0].float().mean())
    return float((predicted == torch.arange(len(texts)) % N_CLASSES).float().mean())


# The number of parameters, by hand, from the recipe's sizes alone


def parameters_by_hand(config: NetworkConfig, sizes: SizesData, head: Head | None) -> int:
    """The sum that a person would write down; no module is looked at."""
    if head is not None and head.multiple > 1:  # rows that fill up embedding and output
        size = -(-head.n_outputs // head.multiple) * head.multiple
        return parameters_by_hand(config, sizes.model_copy(update={"vocab_size": size}), replace(head, n_outputs=size, multiple=1))
    n_classes = head.n_outputs if head is not None and head.kind != "vocabulary" else 0
    crf = n_classes * n_classes + 2 * n_classes if head is not None and head.crf else 0
    d_spelled, spelled = characters_by_hand(getattr(config, "characters", None), sizes)
    return FORMULAS[config.type](config, sizes, head, n_classes, d_spelled) + spelled + crf


def cnn_by_hand(config: NetworkConfig, sizes: SizesData, _head: Head | None, n_classes: int, d_spelled: int) -> int:
    d_input = config.d_embedding + d_spelled
    filters = sum(width * d_input * config.n_filters + config.n_filters for width in config.filter_widths)
    pooled = len(config.filter_widths) * config.n_filters
    return sizes.vocab_size * config.d_embedding + filters + chain([pooled, *config.hidden_sizes, n_classes])


def picture_cnn_by_hand(config: NetworkConfig, sizes: SizesData, _head: Head | None, n_classes: int, _d_spelled: int) -> int:
    height, width, n_inputs, total = *sizes.picture_size, 1, 0
    n_blocks = len(config.n_filters)
    filters, pools = ((sizes * n_blocks)[:n_blocks] for sizes in (config.filter_sizes, config.pool_sizes))
    for n_filters, size, pool in zip(config.n_filters, filters, pools, strict=True):
        total += n_filters * (size * size * n_inputs + 1) + (2 * n_filters if config.norm == "layer" else 0)
        height, width, n_inputs = height // pool, width // pool, n_filters
    return total + chain([n_inputs * height * width, *config.hidden_sizes, n_classes])


def transformer_seq2seq_by_hand(config: NetworkConfig, sizes: SizesData, head: Head, _n_classes: int, _d_spelled: int) -> int:
    d, matrices = config.d_model, 3 - head.tied - head.tied_source
    attention, feed_forward, norm = transformer_parts_by_hand(config)
    words = d * (sizes.vocab_size if matrices == 1 else sizes.vocab_size + (matrices - 1) * head.n_outputs)
    places = {"learned": 2 * config.max_positions * d, "relative": 2 * 32 * config.n_heads}.get(config.positions, 0)
    encoder, decoder = attention + feed_forward + 2 * norm, 2 * attention + feed_forward + 3 * norm
    n_encoders, n_decoders = (1, 1) if config.share_layers else (config.n_encoder_layers, config.n_decoder_layers)
    last = 2 * norm if config.norm == "pre" else 0
    output = head.n_outputs if head.bias else 0
    return words + places + n_encoders * encoder + n_decoders * decoder + last + output


def transformer_parts_by_hand(config: NetworkConfig) -> tuple[int, int, int]:
    """Attention, feed-forward and norm of a block."""
    d, d_ff, biased = config.d_model, config.d_ff, int(config.bias)
    d_keys = d * (config.n_kv_heads or config.n_heads) // config.n_heads
    attention = 2 * (d * d + biased * d) + 2 * (d * d_keys + biased * d_keys)
    feed_forward = (2 if config.gated else 1) * (d * d_ff + biased * d_ff) + (d_ff * d + biased * d)
    return attention, feed_forward, d if config.norm_type == "rms_norm" else d + biased * d


def characters_by_hand(config: CharactersConfig | None, sizes: SizesData) -> tuple[int, int]:
    """How many features a word's characters give, and what they cost."""
    if config is None:
        return 0, 0
    embedding = sizes.n_characters * config.d_embedding
    if config.type == "cnn":
        filters = sum(width * config.d_embedding * config.n_filters + config.n_filters for width in config.filter_widths)
        return len(config.filter_widths) * config.n_filters, embedding + filters
    size = config.hidden_size
    return 2 * size, embedding + 2 * 4 * (config.d_embedding * size + size * size + 2 * size)


def chain(sizes: Sequence[int]) -> int:
    """N inputs to M outputs are N * M + M; an M of 0 at the end means no output."""
    return sum(n * m + m for n, m in pairwise(sizes))


def mlp_by_hand(config: NetworkConfig, sizes: SizesData, _head: Head | None, n_classes: int, _d_spelled: int) -> int:
    if config.input == "vector":
        return chain([sizes.n_features, *config.hidden_sizes, n_classes])
    if config.d_embedding is None:
        return chain([sizes.vocab_size, *config.hidden_sizes, n_classes])
    return sizes.vocab_size * config.d_embedding + chain([config.d_embedding, *config.hidden_sizes, n_classes])


def recurrent_by_hand(config: NetworkConfig, sizes: SizesData, _head: Head | None, n_classes: int, d_spelled: int) -> int:
    gates, size = {"rnn": 1, "lstm": 4, "gru": 3}[config.type], config.hidden_size
    directions = 2 if config.bidirectional else 1
    total, d_input = sizes.vocab_size * config.d_embedding, config.d_embedding + d_spelled
    for _ in range(config.n_layers):
        total += directions * gates * (d_input * size + size * size + 2 * size)  # torch keeps two biases
        d_input = directions * size
    if config.pooling == "attention":
        total += d_input * d_input + d_input + d_input
    return total + chain([d_input, n_classes])


def autoencoder_by_hand(config: NetworkConfig, sizes: SizesData, _head: Head | None, n_classes: int, _d_spelled: int) -> int:
    """A code reads the last states of all layers, and a variational one is twice as wide."""
    as_encoder = config.model_copy(update={"type": config.cell, "pooling": "last"})
    d_state = config.hidden_size * (2 if config.bidirectional else 1)
    encoder = recurrent_by_hand(as_encoder, sizes, None, 1, 0) - (d_state + 1)
    code = chain([config.n_layers * d_state, config.d_code * (2 if config.variational else 1)])
    return encoder + code + chain([config.d_code, n_classes])


def transformer_by_hand(config: NetworkConfig, sizes: SizesData, head: Head | None, _n_classes: int, d_spelled: int) -> int:
    d, d_embedding, words = config.d_model, config.d_embedding or config.d_model, sizes.vocab_size
    attention, feed_forward, norm = transformer_parts_by_hand(config)
    places = {"learned": config.max_positions * d_embedding, "relative": 32 * config.n_heads}.get(config.positions, 0)
    embedding = words * (d_embedding - d_spelled) + places + config.n_segments * d_embedding
    embedding += norm * d_embedding // d if config.embedding_norm else 0
    embedding += d_embedding * d + int(config.bias) * d if config.d_embedding else 0
    blocks = (1 if config.share_layers else config.n_layers) * (attention + feed_forward + 2 * norm)
    total = embedding + blocks + (norm if config.norm == "pre" else 0) + (d * d + d if config.pooler else 0)
    if head is None:
        return total
    if head.kind == "vocabulary":
        return total + (0 if head.tied else d * words) + (words if head.bias else 0)
    return total + chain([d, head.n_outputs])


FORMULAS = {
    "mlp": mlp_by_hand,
    "cnn": cnn_by_hand,
    "picture_cnn": picture_cnn_by_hand,
    "rnn": recurrent_by_hand,
    "lstm": recurrent_by_hand,
    "gru": recurrent_by_hand,
    "autoencoder": autoencoder_by_hand,
    "transformer": transformer_by_hand,
    "transformer_seq2seq": transformer_seq2seq_by_hand,
}
"""By `model.type`: all parameters but those of characters and of a CRF."""
