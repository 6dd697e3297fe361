"""The best loop that a person would write by hand for a tagger: words and their characters, and an LSTM from both ends.

Nothing is computed on padding except inside the LSTMs: filters look at the characters that there are, scores are given to the words that
there are. The windows that the filters look at are cut once, before training.
"""

from typing import Any

import numpy as np
import torch
from bare import BareLoop, Texts, one_matrix
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.models.networks import CharacterCnnConfig, NetworkConfig, RecurrentConfig
from nlp.configs.schema.recipe import Recipe
from nlp.datasets.arrays import IntArray, Ragged
from nlp.datasets.encoded.sentences.tagged_sentences import TaggedSplit
from nlp.datasets.encoded.split import Data
from torch import Tensor, nn
from torch.nn import functional


class BiLstmTagger(nn.Module):
    """Words beside filters over their characters, an LSTM in each direction, and a score for each tag."""

    def __init__(self, config: RecurrentConfig, characters: CharacterCnnConfig, spec: SizesData) -> None:
        super().__init__()
        assert spec.vocab_size is not None and spec.n_characters is not None and spec.n_classes is not None
        size, self.widths = characters.d_embedding, characters.filter_widths
        self.words = nn.Embedding(spec.vocab_size, config.d_embedding, padding_idx=0)
        self.characters = nn.Embedding(spec.n_characters, size, padding_idx=0)
        self.filters = nn.ModuleList(nn.Linear(width * size, characters.n_filters) for width in self.widths)
        d_word = config.d_embedding + characters.n_filters * len(self.widths)
        self.ahead = nn.LSTM(d_word, config.hidden_size, batch_first=True)
        self.back = nn.LSTM(d_word, config.hidden_size, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.scores = nn.Linear(2 * config.hidden_size, spec.n_classes)

    def forward(self, words: Tensor, spelling: Tensor, windows: Tensor, lengths: Tensor, ahead: Tensor, back: Tensor) -> Tensor:
        """(n,) words of all sentences end to end -> (n, n_classes)

        spelling (n,): which of the distinct words each is; windows (n_characters, widest) of the distinct words, whose lengths those
        are; ahead, back (batch, seq): the word that each LSTM reads at each place, -1: none.
        """
        states = functional.linear(self.characters(windows).flatten(1), *one_matrix(self.filters, self.widths))
        spelled = torch.segment_reduce(states, "max", lengths=lengths)  # (n_distinct, n_widths * n_filters)
        x = self.dropout(torch.cat([self.words(words), functional.embedding(spelling, spelled)], dim=1))
        seen = [_at_words(lstm(functional.embedding(order.clamp(min=0), x))[0], order)
                for lstm, order in ((self.ahead, ahead), (self.back, back))]
        return self.scores(self.dropout(torch.cat(seen, dim=1)))


def _at_words(states: Tensor, order: Tensor) -> Tensor:
    """(batch, seq, size) -> (n, size): the state at each word, in the order of the words"""
    order = order.flatten()
    places = (order >= 0).nonzero().squeeze(1)
    return functional.embedding(places[order[places].argsort()], states.flatten(0, 1))


def windows(characters: Ragged, widest: int) -> Ragged:
    """For each character of each word, those around it that the widest filter sees: (n_characters, widest), 0 outside the word."""
    word = np.repeat(np.arange(len(characters)), characters.lengths)
    places = np.arange(len(characters.ids)) + word * (widest - 1) + (widest - 1) // 2
    apart = np.zeros(len(characters.ids) + len(characters) * (widest - 1), characters.ids.dtype)
    apart[places] = characters.ids
    return Ragged(apart[places[:, None] + np.arange(widest) - (widest - 1) // 2], characters.offsets)


def bare_tagger(config: NetworkConfig, spec: SizesData) -> nn.Module:
    """The module for a recipe's model; it covers what the compared recipes use, not every key."""
    match config:
        case RecurrentConfig(type="lstm", bidirectional=True, n_layers=1, characters=CharacterCnnConfig() as characters):
            return BiLstmTagger(config, characters, spec)
    raise ValueError(f"no loop by hand for {config!r}")


class TaggingLoop(BareLoop):
    """On sentences whose words and tags lie encoded in memory."""

    def __init__(self, recipe: Recipe, data: Data, n_steps: int) -> None:
        split = data.splits["train"]
        assert isinstance(split, TaggedSplit) and split.words.pieces is not None and split.words.characters is not None
        assert isinstance(recipe.model, RecurrentConfig) and isinstance(recipe.model.characters, CharacterCnnConfig)
        self.tokens = split.words.pieces.ids.copy()  # a word is one token
        self.words, self.tags = Texts(split.words.numbers), Texts(split.tags)
        self.windows = Texts(windows(split.words.characters, max(recipe.model.characters.filter_widths)))
        super().__init__(recipe, bare_tagger(recipe.model, data.encoding.spec), n_steps)

    def examples(self, rows: IntArray) -> tuple[tuple[Any, ...], Tensor]:
        """What `BiLstmTagger` is given, and the tag of each word (n,)."""
        (words, starts), (tags, _) = self.words.flat(rows), self.tags.flat(rows)
        distinct, spelling = np.unique(words, return_inverse=True)
        within, lengths = np.arange(self.words.lengths[rows].max()), self.words.lengths[rows][:, None]
        real, starts = within < lengths, starts[:, None]
        ahead, back = (np.where(real, starts + places, -1) for places in (within, lengths - 1 - within))
        inputs = self.tokens[words], spelling, self.windows.flat(distinct)[0], self.windows.lengths[distinct], ahead, back
        return tuple(map(torch.from_numpy, inputs)), torch.from_numpy(tags)
