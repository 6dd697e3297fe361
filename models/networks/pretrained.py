"""A published network with one of our output heads."""

import re
from typing import Any

import torch
from torch import Tensor, nn

from ...configs.schema.models.pretrained import PretrainedNetworkConfig
from ...errors import ConfigError
from ..head import Heads
from ..layers.heads import TextOutput, output
from ..layers.padding import real_tokens
from ..layers.pooling import pooling
from ..pretrained.architecture import architecture_of, longest_text
from ..pretrained.loading import build_encoder, quiet
from .network import SequenceNetwork


class Pretrained(SequenceNetwork):
    """The embedding and blocks of a published network, then the head of the task.

    A frozen encoder runs without dropout and without gradients; on a CPU, the vector of each text is then computed once and cached.
    """

    def __init__(self, config: PretrainedNetworkConfig, n_tokens: int, head: Heads) -> None:
        super().__init__(config)
        published = architecture_of(config)
        if n_tokens > published.vocab_size:
            raise ConfigError(f"model.path: the tokenizer of {config.path} has {n_tokens:,} tokens, but its network only "
                              f"{published.vocab_size:,}: they do not belong together.")
        self.max_positions = longest_text(published)
        self.encoder: Any = build_encoder(published)
        size: int = published.hidden_size
        self.output = output(head, pooling(config.pooling, size), nn.Dropout(config.dropout), size)
        self._vectors: dict[bytes, Tensor] = {}

    @property
    def is_frozen(self) -> bool:
        """Whether no encoder parameter is trained at the moment."""
        return not any(parameter.requires_grad for parameter in self.encoder.parameters())

    def layers(self) -> list[list[str]]:
        """The embedding, each block of the longest list of blocks, and the output; parameters after the blocks count with the last one."""
        lists = [(len(module), name) for name, module in self.encoder.named_modules() if isinstance(module, nn.ModuleList)]
        blocks = re.escape(f"encoder.{max(lists, default=(0, 'none'))[1]}.")
        layers: dict[str, list[str]] = {}
        last = "embedding"
        for name, _ in self.named_parameters():
            found = re.match(rf"{blocks}\d+\.", name)
            last = "output" if name.startswith("output.") else found[0] if found else last
            layers.setdefault(last, []).append(name)
        return list(layers.values())

    def encode(self, tokens: Tensor, lengths: Tensor, **more: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, d_model); texts longer than the network's positions are encoded in independent windows"""
        size = self.max_positions or tokens.shape[1]
        starts = range(0, tokens.shape[1], size)
        windows = [self._read(tokens[:, start : start + size], (lengths - start).clamp(min=1, max=size)) for start in starts]
        return windows[0] if len(windows) == 1 else torch.cat(windows, dim=1)

    def _read(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, d_model); at most as many tokens as positions"""
        frozen = self.is_frozen
        self.encoder.train(self.training and not frozen)
        real = None if tokens.is_meta else real_tokens(lengths, tokens.shape[1])
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            return self.encoder(input_ids=tokens.long(), attention_mask=real if real is None else real.long()).last_hidden_state

    def forward(
        self, tokens: Tensor, lengths: Tensor, *, first_pieces: Tensor | None = None, asked: Tensor | None = None, **more: Tensor
    ) -> Tensor | dict[str, Tensor]:
        """(batch, seq) -> (batch, n_classes) or (batch, n_words, n_tags)"""
        if isinstance(self.output, TextOutput) and self.is_frozen and tokens.device.type == "cpu":
            return self.output.classify(self._cached_vectors(tokens, lengths))
        self._vectors.clear()
        return super().forward(tokens, lengths, first_pieces=first_pieces, asked=asked, **more)

    def _cached_vectors(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq) -> (batch, d_model). Each text is encoded alone: in a batch, its last bits would depend on the other texts."""
        assert isinstance(self.output, TextOutput)
        vectors = []
        for text, length in zip(tokens, lengths.tolist(), strict=True):
            real = text[:length].unsqueeze(0)
            key = real.numpy().tobytes()
            if key not in self._vectors:
                with torch.no_grad():
                    count = lengths.new_tensor([length])
                    self._vectors[key] = self.output.pooling(self.encode(real, count), count).clone()
            vectors.append(self._vectors[key])
        return torch.cat(vectors)

    def fill(self, encoder: nn.Module) -> None:
        """Load the weights of a published network of the same sizes."""
        with quiet():
            self.encoder.load_state_dict(encoder.state_dict())
        self._vectors.clear()
