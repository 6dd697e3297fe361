"""The best loop a person would write by hand for one model: plain modules, one function, no tool.

Each model has the sizes of a recipe and the same mathematics as the tool's own, and the loop takes every technique that pays on
a CPU: texts encoded once, batches of similar length, bags without padding, one matrix product for all convolutions, two one-way LSTMs
in place of a packed one, fused attention, fused AdamW, and figures that stay tensors until they are read.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from nlp.configs.schema.models.networks import CnnConfig, MlpConfig, NetworkConfig, RecurrentConfig
from nlp.configs.schema.models.transformers import TransformerConfig, TransformerSeq2SeqConfig
from nlp.configs.schema.recipe import Recipe
from nlp.configs.schema.training import Adam
from nlp.datasets.arrays import IntArray, Ragged
from nlp.datasets.encoded.split import Data
from nlp.datasets.encoded.texts.labelled_texts import LabelledSplit
from nlp.training.devices import has_bf16
from torch import Tensor, nn
from torch.nn import functional

READ_EVERY = 50
NON_LINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {"relu": functional.relu, "gelu": functional.gelu}


class Bag(nn.Module):
    """The mean of a text's embeddings, then layers."""

    def __init__(self, config: MlpConfig, n_tokens: int, n_classes: int) -> None:
        super().__init__()
        assert config.d_embedding is not None
        self.embedding = nn.EmbeddingBag(n_tokens, config.d_embedding, mode="mean")
        layers: list[nn.Module] = [nn.Dropout(config.dropout)]
        size = config.d_embedding
        for hidden in config.hidden_sizes:
            layers += [nn.Linear(size, hidden), nn.ReLU(), nn.Dropout(config.dropout)]
            size = hidden
        self.layers = nn.Sequential(*layers, nn.Linear(size, n_classes))

    def forward(self, tokens: Tensor, starts: Tensor) -> Tensor:
        """(n,), (batch,) -> (batch, n_classes)"""
        return self.layers(self.embedding(tokens, starts))


class Cnn(nn.Module):
    """Convolutions of several widths and their maximum over time, all in one matrix product."""

    def __init__(self, config: CnnConfig, n_tokens: int, n_classes: int) -> None:
        super().__init__()
        size, self.widths = config.d_embedding, config.filter_widths
        self.embedding = nn.Embedding(n_tokens, size, padding_idx=0)
        self.filters = nn.ModuleList(nn.Linear(width * size, config.n_filters) for width in self.widths)
        self.dropout = nn.Dropout(config.dropout)
        self.scores = nn.Linear(config.n_filters * len(self.widths), n_classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq) -> (batch, n_classes)"""
        seq, widest = tokens.shape[1], max(self.widths)
        before = (widest - 1) // 2
        x = functional.pad(self.embedding(tokens), (0, 0, before, widest - 1 - before))
        windows = torch.cat([x[:, place : place + seq] for place in range(widest)], dim=2)  # (batch, seq, widest * size)
        states = functional.linear(windows, *one_matrix(self.filters, self.widths))
        states = states.masked_fill((torch.arange(seq) >= lengths.unsqueeze(1)).unsqueeze(2), -math.inf)
        return self.scores(self.dropout(states.max(dim=1).values.relu()))


def one_matrix(filters: nn.ModuleList, widths: list[int]) -> tuple[Tensor, Tensor]:
    """Weights (n_widths * n_filters, widest * size) and biases of filters of several widths, filled up with zeros to the widest."""
    weights, biases, widest = [], [], max(widths)
    for layer, width in zip(filters, widths, strict=True):
        assert isinstance(layer, nn.Linear)
        size, left = layer.in_features // width, (widest - 1) // 2 - (width - 1) // 2
        weights.append(functional.pad(layer.weight, (left * size, (widest - width - left) * size)))
        biases.append(layer.bias)
    return torch.cat(weights), torch.cat(biases)


class BiLstm(nn.Module):
    """An LSTM in each direction and the maximum of their states; the backward one reads each text reversed."""

    def __init__(self, config: RecurrentConfig, n_tokens: int, n_classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, config.d_embedding, padding_idx=0)
        self.ahead = nn.LSTM(config.d_embedding, config.hidden_size, batch_first=True)
        self.back = nn.LSTM(config.d_embedding, config.hidden_size, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.scores = nn.Linear(2 * config.hidden_size, n_classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq) -> (batch, n_classes)"""
        place, ends = torch.arange(tokens.shape[1]), lengths.unsqueeze(1)
        padding = (place >= ends).unsqueeze(2)  # (batch, seq, 1)
        x = self.dropout(self.embedding(tokens))
        order = torch.where(place < ends, ends - 1 - place, place).unsqueeze(2).expand(-1, -1, x.shape[2])
        ahead, _ = self.ahead(x)
        back, _ = self.back(x.gather(1, order))
        pooled = [states.masked_fill(padding, -math.inf).max(dim=1).values for states in (ahead, back)]
        return self.scores(self.dropout(torch.cat(pooled, dim=1)))


class Block(nn.Module):
    """Attention and feed-forward, each behind a layer norm and beside a residual path."""

    def __init__(self, config: TransformerConfig | TransformerSeq2SeqConfig) -> None:
        super().__init__()
        size = config.d_model
        self.n_heads, self.non_linearity = config.n_heads, NON_LINEARITIES[config.activation]
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.wide, self.narrow = nn.Linear(size, config.d_ff), nn.Linear(config.d_ff, size)
        self.norm_1, self.norm_2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model); without a mask each position sees what comes before it"""
        batch, seq, size = x.shape
        query, key, value = self.qkv(self.norm_1(x)).view(batch, seq, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, mask, is_causal=mask is None)
        x = x + self.dropout(self.out(mixed.transpose(1, 2).reshape(batch, seq, size)))
        return x + self.dropout(self.narrow(self.non_linearity(self.wide(self.norm_2(x)))))


def sinusoids(n_places: int, size: int) -> Tensor:
    """(n_places, size): sine in even columns, cosine in odd ones."""
    angles = torch.arange(n_places).unsqueeze(1) * 10_000.0 ** (-torch.arange(0, size, 2) / size)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


class Encoder(nn.Module):
    """A pre-norm transformer encoder with sinusoids, and the mean of its states."""

    sinusoids: Tensor

    def __init__(self, config: TransformerConfig, n_tokens: int, n_classes: int) -> None:
        super().__init__()
        size = config.d_model
        self.register_buffer("sinusoids", sinusoids(config.max_positions, size), persistent=False)
        self.embedding = nn.Embedding(n_tokens, size, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=size**-0.5)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm, self.dropout = nn.LayerNorm(size), nn.Dropout(config.dropout)
        self.scores = nn.Linear(size, n_classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq) -> (batch, n_classes)"""
        real = torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)  # (batch, seq)
        x = self.embedding(tokens) * math.sqrt(self.sinusoids.shape[1]) + self.sinusoids[: tokens.shape[1]]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, real[:, None, None, :])
        pooled = (self.norm(x) * real.unsqueeze(2)).sum(dim=1) / lengths.unsqueeze(1)  # (batch, d_model)
        return self.scores(self.dropout(pooled))


def bare_model(config: NetworkConfig, n_tokens: int, n_classes: int) -> nn.Module:
    """The module for a recipe's model; it covers what the compared recipes use, not every key."""
    match config:
        case MlpConfig(activation="relu"):
            return Bag(config, n_tokens, n_classes)
        case CnnConfig(activation="relu", pooling="max", hidden_sizes=[]):
            return Cnn(config, n_tokens, n_classes)
        case RecurrentConfig(type="lstm", bidirectional=True, n_layers=1, pooling="max"):
            return BiLstm(config, n_tokens, n_classes)
        case TransformerConfig(activation="gelu", norm="pre", positions="sinusoidal", pooling="mean", causal=False, pooler=False):
            return Encoder(config, n_tokens, n_classes)
    raise ValueError(f"no loop by hand for {config!r}")


class BareLoop:
    """Training by hand; each kind of data has its own examples."""

    smoothing = 0.0
    """Share of the labels' probability that is spread evenly."""

    def __init__(self, recipe: Recipe, model: nn.Module, n_steps: int) -> None:
        assert recipe.training is not None and isinstance(recipe.training.optimizer, Adam)
        self.model, self.n_steps, self.training = model, n_steps, recipe.training
        self.bf16 = recipe.training.precision == "bf16" and has_bf16("cpu")
        self.weights, settings = list(model.parameters()), recipe.training.optimizer
        decayed = {"params": [each for each in self.weights if each.ndim > 1], "weight_decay": settings.weight_decay}
        spared = {"params": [each for each in self.weights if each.ndim == 1], "weight_decay": 0.0}
        betas = settings.betas[0], settings.betas[1]
        self.optimizer = torch.optim.AdamW([decayed, spared], lr=settings.learning_rate, betas=betas, fused=True)

    def examples(self, rows: IntArray) -> tuple[tuple[Any, ...], Tensor]:
        """The model's inputs and its targets, (batch,) or (batch, seq)."""
        raise NotImplementedError

    def rate(self, step: int) -> float:
        """Linear warm-up, then half a cosine."""
        warm = round((self.training.schedule.warmup_share or 0.0) * self.n_steps)
        if step <= warm:
            return self.training.optimizer.learning_rate * step / warm
        return self.training.optimizer.learning_rate * (1 + math.cos(math.pi * (step - warm) / (self.n_steps - warm))) / 2

    def run(self, batches: list[IntArray], first_step: int) -> tuple[float, float]:
        """Take a step for each batch. Returns loss and accuracy as read last."""
        loss_sum, right, seen, read = torch.zeros(()), torch.zeros(()), 0, (0.0, 0.0)
        for step, rows in enumerate(batches, first_step):
            inputs, labels = self.examples(rows)
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
                logits = self.model(*inputs)
            logits, labels = logits.float().flatten(0, -2), labels.flatten()
            loss = functional.cross_entropy(logits, labels, label_smoothing=self.smoothing)
            loss.backward()
            if self.training.clip_norm:
                nn.utils.clip_grad_norm_(self.weights, self.training.clip_norm)
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate(step)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            loss_sum += loss.detach() * len(labels)
            right += (logits.detach().argmax(dim=1) == labels).sum()
            seen += len(labels)
            if step % READ_EVERY == 0 or rows is batches[-1]:
                read = loss_sum.item() / seen, right.item() / seen
                loss_sum, right, seen = torch.zeros(()), torch.zeros(()), 0
        return read


class Texts:
    """Rows of different lengths, end to end in memory."""

    def __init__(self, rows: Ragged) -> None:
        self.ids, self.starts, self.lengths = rows.ids.copy(), rows.offsets[:-1].copy(), rows.lengths

    def flat(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Some rows, concatenated (n,), and the offset of each (len(rows),)."""
        lengths = self.lengths[rows]
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1]) + np.repeat(self.starts[rows] - (ends - lengths), lengths)
        return self.ids[places], ends - lengths

    def padded(self, rows: IntArray) -> IntArray:
        """(len(rows), longest), filled up with 0."""
        lengths = self.lengths[rows]
        within = np.arange(lengths.max())
        ids = self.ids.take(self.starts[rows][:, None] + within, mode="clip")
        ids[within >= lengths[:, None]] = 0
        return ids


class TextLoop(BareLoop):
    """On texts that lie encoded in memory, with a class each."""

    def __init__(self, recipe: Recipe, data: Data, n_steps: int) -> None:
        split, spec = data.splits["train"], data.encoding.spec
        assert isinstance(split, LabelledSplit) and split.encoded is not None and isinstance(recipe.model, NetworkConfig)
        assert spec.vocab_size is not None and spec.n_classes is not None
        self.texts, self.labels = Texts(split.encoded), torch.from_numpy(split.labels.copy())
        self.batch: Any = self.bag if "bag" in recipe.model.inputs else self.padded
        super().__init__(recipe, bare_model(recipe.model, spec.vocab_size, spec.n_classes), n_steps)

    def examples(self, rows: IntArray) -> tuple[tuple[Any, ...], Tensor]:
        """Tokens and the starts or ends of texts, and classes (batch,)."""
        return self.batch(rows), self.labels[rows]

    def bag(self, rows: IntArray) -> tuple[Tensor, Tensor]:
        """Tokens, concatenated (n,), and the offset of each text (batch,)."""
        tokens, starts = self.texts.flat(rows)
        return torch.from_numpy(tokens), torch.from_numpy(starts.astype(np.int32))

    def padded(self, rows: IntArray) -> tuple[Tensor, Tensor]:
        """Tokens (batch, seq) filled up with 0, and lengths (batch,)."""
        return torch.from_numpy(self.texts.padded(rows)), torch.from_numpy(self.texts.lengths[rows])
