"""What every model must keep, whatever its generation: the cases, and the checks that are run on each.

A network that is new in the union of `configs/model.py` needs a case here and its sum in `parameters_by_hand`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest
import torch
from nlp.configs.data import SizesData
from nlp.configs.model import CnnConfig, MlpConfig, ModelConfig, NetworkConfig, RecurrentConfig, TransformerConfig
from nlp.models.build import build_model
from nlp.models.network import Network
from nlp.models.spec import Head
from torch import nn
from torch.nn import functional

N_TOKENS, N_FEATURES, N_CLASSES = 40, 12, 4
SIZES = SizesData(type="sizes", vocab_size=N_TOKENS, n_features=N_FEATURES, n_classes=N_CLASSES)
CLASSES = Head("classes", N_CLASSES)


@dataclass(frozen=True)
class Case:
    """A model to be checked. `causal`: its states at a position do not depend on what comes later."""

    name: str
    config: NetworkConfig
    head: Head | None = CLASSES
    causal: bool = False
    sizes: SizesData = field(default=SIZES)

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


BERT = {"norm": "post", "positions": "learned", "pooling": "cls", "n_segments": 2, "embedding_norm": True, "pooler": True}
WORDS = Head("vocabulary", N_TOKENS, tied=True, bias=False)

NETWORKS = [
    Case("mlp-linear", mlp()),
    Case("mlp-sparse", mlp(hidden_sizes=[16])),
    Case("mlp-fasttext", mlp(d_embedding=8)),
    Case("mlp-average-deep", mlp(d_embedding=8, hidden_sizes=[16, 8], activation="tanh")),
    Case("mlp-vector-linear", mlp(input="vector")),
    *(Case(f"mlp-vector-{name}", mlp(input="vector", hidden_sizes=[16, 8], activation=name))
      for name in ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu")),
    Case("cnn", cnn()),
    Case("cnn-widths", cnn(filter_widths=[1, 2, 7], activation="gelu", hidden_sizes=[10])),
    Case("cnn-mean", cnn(pooling="mean", activation="tanh")),
    *(Case(f"{cell}-last", recurrent(cell), causal=True) for cell in ("rnn", "lstm", "gru")),
    *(Case(f"{cell}-{pool}", recurrent(cell, pooling=pool), causal=True)
      for cell, pool in (("gru", "mean"), ("lstm", "max"), ("rnn", "attention"))),
    *(Case(f"bi{cell}-{pool}", recurrent(cell, pooling=pool, bidirectional=True, n_layers=2))
      for cell, pool in (("rnn", "mean"), ("lstm", "last"), ("lstm", "attention"), ("gru", "max"))),
    *(Case(f"transformer-{norm}-{positions}-{pool}", transformer(norm=norm, positions=positions, pooling=pool))
      for norm, positions, pool in (("pre", "sinusoidal", "mean"), ("post", "learned", "cls"), ("pre", "rotary", "max"))),
    Case("transformer-causal", transformer(causal=True), causal=True),
    Case("transformer-bert", transformer(**BERT)),
    Case("transformer-gpt", transformer(causal=True, positions="learned"), WORDS, causal=True),
    Case("transformer-words", transformer(activation="relu"), Head("vocabulary", N_TOKENS, bias=True)),
    Case("transformer-rotary-causal", transformer(causal=True, positions="rotary"), WORDS, causal=True),
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
    """The classes of the union that are networks."""
    return {member for member in get_args(get_args(ModelConfig)[0]) if issubclass(member, NetworkConfig)}


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
    if case.config.takes == "vector":
        return {"vectors": np.stack([np.bincount(text, minlength=N_TOKENS)[:N_FEATURES] for text in ids]).astype(np.float32)}
    if case.config.takes == "bag":
        starts = (np.cumsum(lengths) - lengths).astype(np.int32)
        weights = None if case.config.d_embedding else np.concatenate(ids).astype(np.float32) / N_TOKENS
        return {"tokens": np.concatenate(ids), "starts": starts, "weights": weights}
    padded = np.zeros((len(texts), max(lengths) + extra), dtype=np.int32)
    for row, text in zip(padded, ids, strict=True):
        row[: len(text)] = text
    return {"tokens": padded, "lengths": lengths}


def tensors_for(case: Case, texts: Sequence[Sequence[int]], extra: int = 0) -> dict[str, torch.Tensor | None]:
    arrays = inputs_for(case, texts, extra)
    return {name: None if array is None else torch.from_numpy(array) for name, array in arrays.items()}


def loss_of(case: Case, model: nn.Module, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Cross-entropy with classes that can be told from the texts; for words, with the text itself."""
    logits = model(**tensors_for(case, texts))
    if case.head is not None and case.head.kind == "vocabulary":
        tokens = torch.from_numpy(inputs_for(case, texts)["tokens"]).long()
        return functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=0)
    return functional.cross_entropy(logits, torch.arange(len(texts)) % N_CLASSES)


def right_share(case: Case, model: nn.Module, texts: Sequence[Sequence[int]]) -> float:
    """Share of the classes (or words) of `loss_of` that the model gets right."""
    predicted = model(**tensors_for(case, texts)).argmax(dim=-1)
    if case.head is not None and case.head.kind == "vocabulary":
        tokens = torch.from_numpy(inputs_for(case, texts)["tokens"])
        return float((predicted == tokens)[tokens > 0].float().mean())
    return float((predicted == torch.arange(len(texts)) % N_CLASSES).float().mean())


# The number of parameters, by hand, from the recipe's sizes alone


def parameters_by_hand(config: NetworkConfig, sizes: SizesData, head: Head | None) -> int:
    """The sum that a person would write down; no module is looked at."""
    n_classes = head.n_outputs if head is not None and head.kind == "classes" else 0
    match config:
        case MlpConfig():
            return mlp_by_hand(config, sizes, n_classes)
        case CnnConfig():
            filters = sum(width * config.d_embedding * config.n_filters + config.n_filters for width in config.filter_widths)
            pooled = len(config.filter_widths) * config.n_filters
            return sizes.vocab_size * config.d_embedding + filters + chain([pooled, *config.hidden_sizes, n_classes])
        case RecurrentConfig():
            return recurrent_by_hand(config, sizes, n_classes)
        case TransformerConfig():
            return transformer_by_hand(config, sizes, head)
    raise AssertionError(f"no sum for {type(config).__name__}")


def chain(sizes: Sequence[int]) -> int:
    """N inputs to M outputs are N * M + M; an M of 0 at the end stands for no output."""
    return sum(n * m + m for n, m in pairwise(sizes))


def mlp_by_hand(config: MlpConfig, sizes: SizesData, n_classes: int) -> int:
    if config.input == "vector":
        return chain([sizes.n_features, *config.hidden_sizes, n_classes])
    if config.d_embedding is None:
        return chain([sizes.vocab_size, *config.hidden_sizes, n_classes])
    return sizes.vocab_size * config.d_embedding + chain([config.d_embedding, *config.hidden_sizes, n_classes])


def recurrent_by_hand(config: RecurrentConfig, sizes: SizesData, n_classes: int) -> int:
    gates, size = {"rnn": 1, "lstm": 4, "gru": 3}[config.type], config.hidden_size
    directions = 2 if config.bidirectional else 1
    total, d_input = sizes.vocab_size * config.d_embedding, config.d_embedding
    for _ in range(config.n_layers):
        total += directions * gates * (d_input * size + size * size + 2 * size)  # torch keeps two biases
        d_input = directions * size
    if config.pooling == "attention":
        total += d_input * d_input + d_input + d_input
    return total + chain([d_input, n_classes])


def transformer_by_hand(config: TransformerConfig, sizes: SizesData, head: Head | None) -> int:
    d, words, norm = config.d_model, sizes.vocab_size, 2 * config.d_model
    embedding = words * d + (config.max_positions * d if config.positions == "learned" else 0) + config.n_segments * d
    embedding += norm if config.embedding_norm else 0
    block = (d * 3 * d + 3 * d) + (d * d + d) + (d * config.d_ff + config.d_ff) + (config.d_ff * d + d) + 2 * norm
    total = embedding + config.n_layers * block + (norm if config.norm == "pre" else 0) + (d * d + d if config.pooler else 0)
    if head is None:
        return total
    if head.kind == "vocabulary":
        return total + (0 if head.tied else d * words) + (words if head.bias else 0)
    return total + chain([d, head.n_outputs])
