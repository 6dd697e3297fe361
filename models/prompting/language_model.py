"""One interface to causal language models: token ids and the cache of their prefix -> logits at the requested positions."""

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

    `context` is the maximum number of tokens, None without a limit; `unknown` is the id of the unknown token. `seen` describes the training
    data if it may contain the test split.
    """

    context: int | None
    unknown: int | None
    seen: str | None = None

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def n_parameters(self) -> int:
        """Number of parameters; shared weights count once."""
        return sum(parameter.numel() for parameter in self.parameters())

    @abstractmethod
    def ids(self, texts: Sequence[str], *, begin: bool = True) -> list[Ids]:
        """The token ids of each text; with `begin`, after the beginning-of-text token if there is one."""

    @abstractmethod
    def chat(self, messages: Sequence[Message]) -> str:
        """A conversation as text that ends where the model answers. Raises ConfigError if the tokenizer has no chat template."""

    @abstractmethod
    def read(self, tokens: Tensor) -> Any:
        """(1, seq) -> the cache of a prefix that many texts share"""

    @abstractmethod
    def forward(self, tokens: Tensor, asked: Tensor, kept: Any = None) -> Tensor:
        """(batch, seq) tokens after the cached prefix, (batch, n) positions in them -> (batch, n, vocab) logits of the token after each

        Everything after the last requested position of a row is padding.
        """


class OwnLanguageModel(LanguageModel):
    """A language model trained by this tool; `encode` is its tokenizer."""

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
        return self.network.output.scores(asked_states)  # pyright: ignore[reportCallIssue]  # it is a VocabularyOutput


class PretrainedLanguageModel(LanguageModel):
    """A causal language model of the `transformers` library, with its tokenizer; `converse` formats a conversation as text."""

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
        text = self.converse(messages)
        if text is None:
            raise ConfigError(f"model.chat: the tokenizer of {self.name} has no chat template. Leave it out, or use a model that was tuned "
                              "to follow instructions.")
        return text

    def read(self, tokens: Tensor) -> Any:
        from transformers import DynamicCache

        kept = DynamicCache(config=self.model.config)
        self.model(input_ids=tokens, use_cache=True, logits_to_keep=1, **{self.cache_key: kept})
        return kept

    def forward(self, tokens: Tensor, asked: Tensor, kept: Any = None) -> Tensor:
        options: dict[str, Any] = {"use_cache": False}
        if kept is not None:
            kept = copy.deepcopy(kept)
            kept.batch_repeat_interleave(len(tokens))
            options = {"use_cache": True, self.cache_key: kept}
        positions, indices = asked.unique(return_inverse=True)
        logits = self.model(input_ids=tokens, logits_to_keep=positions, **options).logits  # (batch, positions, vocab)
        return logits.gather(1, indices.unsqueeze(2).expand(-1, -1, logits.shape[2]))


def as_rows(rows: Sequence[Ids], device: torch.device) -> Tensor:
    """(batch, longest) ids, right-padded with 0"""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=device)
