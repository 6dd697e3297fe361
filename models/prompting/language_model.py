"""Causal language models behind one interface: token ids, what was read before them -> logits at the places that are asked for."""

import copy
import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...configs.schema.tokenizer import BOS, UNK
from ...errors import ConfigError

if TYPE_CHECKING:
    import tokenizers

    from ..networks.recurrent_language_model import RecurrentLanguageModel
    from ..networks.transformer import Transformer

Message = Mapping[str, str]
"""One turn of a conversation: `role` and `content`."""
Ids = list[int]


class LanguageModel(nn.Module):
    """A causal language model with its tokenizer.

    `context` is the most tokens that it reads, None where there is no limit; `unknown` the id of a word that it does not know. `seen` says
    what it was trained on where that may contain the test split.
    """

    context: int | None
    unknown: int | None
    seen: str | None = None

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def n_parameters(self) -> int:
        """A weight that two parts share counts once."""
        return sum(parameter.numel() for parameter in self.parameters())

    @abstractmethod
    def ids(self, texts: Sequence[str], *, begin: bool = True) -> list[Ids]:
        """The ids of each text; with `begin` after the token that texts begin with, where there is one."""

    @abstractmethod
    def chat(self, messages: Sequence[Message]) -> str:
        """A conversation as text, up to where the model is to answer. Raises ConfigError where the tokenizer has no template for it."""

    @abstractmethod
    def read(self, tokens: Tensor) -> Any:
        """(1, seq) -> what the model keeps of a beginning that many texts share"""

    @abstractmethod
    def forward(self, tokens: Tensor, asked: Tensor, kept: Any = None) -> Tensor:
        """(batch, seq) tokens after what was kept, (batch, n) places in them -> (batch, n, vocab) logits of the token after each place

        Whatever stands behind the last place that a row asks for is padding.
        """


class OwnLanguageModel(LanguageModel):
    """A language model that this tool has trained, and `encode`, its tokenizer."""

    unknown = UNK

    def __init__(self, name: str, network: "Transformer | RecurrentLanguageModel", encode: Callable[[Sequence[str]], list[Ids]],
                 context: int | None) -> None:
        super().__init__(name)
        self.network, self.encode, self.context = network, encode, context

    def ids(self, texts: Sequence[str], *, begin: bool = True) -> list[Ids]:
        return [[BOS, *ids] if begin else ids for ids in self.encode(texts)]

    def chat(self, messages: Sequence[Message]) -> str:
        raise ConfigError(f"model.chat: {self.name} was not trained on conversations and has no chat template. Leave it out.")

    def read(self, tokens: Tensor) -> Any:
        return self.network.read_on(tokens, None)[1]

    def forward(self, tokens: Tensor, asked: Tensor, kept: Any = None) -> Tensor:
        states, _ = self.network.read_on(tokens, kept)
        asked_states = states.gather(1, asked.unsqueeze(2).expand(-1, -1, states.shape[2]))
        return self.network.output.scores(asked_states)  # pyright: ignore[reportCallIssue]  # of a language model a VocabularyOutput


class PretrainedLanguageModel(LanguageModel):
    """A causal language model of the `transformers` library, with its tokenizer; `converse` writes a conversation as text."""

    def __init__(self, name: str, model: Any, tokenizer: "tokenizers.Tokenizer",
                 converse: Callable[[Sequence[Message]], str | None]) -> None:
        super().__init__(name)
        self.model, self.tokenizer, self.converse = model, tokenizer, converse
        self.seen = f"{name} was trained on text of the public web, which may contain this data, its test split included."
        self.context = getattr(model.config, "max_position_embeddings", None)
        unknown = getattr(tokenizer.model, "unk_token", None)
        self.unknown = None if unknown is None else tokenizer.token_to_id(unknown)
        self.cache_key = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"

    def ids(self, texts: Sequence[str], *, begin: bool = True) -> list[Ids]:
        return [each.ids for each in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=begin)]

    def chat(self, messages: Sequence[Message]) -> str:
        written = self.converse(messages)
        if written is None:
            raise ConfigError(f"model.chat: the tokenizer of {self.name} has no chat template. Leave it out, or use a model that was tuned "
                              "to follow instructions.")
        return written

    def read(self, tokens: Tensor) -> Any:
        from transformers import DynamicCache

        kept = DynamicCache(config=self.model.config)
        self.model(input_ids=tokens, use_cache=True, logits_to_keep=1, **{self.cache_key: kept})
        return kept

    def forward(self, tokens: Tensor, asked: Tensor, kept: Any = None) -> Tensor:
        more: dict[str, Any] = {"use_cache": False}
        if kept is not None:
            kept = copy.deepcopy(kept)
            kept.batch_repeat_interleave(len(tokens))
            more = {"use_cache": True, self.cache_key: kept}
        places, where = asked.unique(return_inverse=True)
        logits = self.model(input_ids=tokens, logits_to_keep=places, **more).logits  # (batch, places, vocab)
        return logits.gather(1, where.unsqueeze(2).expand(-1, -1, logits.shape[2]))


def as_rows(rows: Sequence[Ids], device: torch.device) -> Tensor:
    """(batch, longest) ids, filled up with 0 behind each row's end"""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=device)
