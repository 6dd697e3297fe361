"""Words as vectors: an embedding of each word, and a vector computed from its characters."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...configs.schema.models.networks import CharacterCnnConfig, CharacterLstmConfig, CharactersConfig, SequenceNetworkConfig
from ...configs.schema.tokenizer import PAD
from ...errors import ConfigError
from .convolutions import Convolutions
from .embedding import SPREAD, TokenDropout, token_embedding
from .pooling import LastPooling, MaxPooling
from .recurrence import CELLS, RecurrentLayer, reversed_places
from .segment_max import segment_max


def character_features_size(config: CharactersConfig | None) -> int:
    """Number of character features of each word; 0 without characters."""
    match config:
        case None:
            return 0
        case CharacterCnnConfig():
            return len(config.filter_widths) * config.n_filters
        case CharacterLstmConfig():
            return 2 * config.hidden_size


class CharacterFeatures(nn.Module):
    """Features of words from their characters, computed once for each distinct word of a batch.

    `cnn`: convolutions and their maximum over the word (Ma and Hovy 2016); `lstm`: the last states of a bidirectional LSTM
    (Lample et al. 2016).
    """

    def __init__(self, config: CharactersConfig, n_characters: int) -> None:
        super().__init__()
        self.embedding = token_embedding(n_characters, config.d_embedding)
        match config:
            case CharacterCnnConfig():
                self.hidden = Convolutions(config.d_embedding, config.filter_widths, config.n_filters)
                self.pooling = MaxPooling()
            case CharacterLstmConfig():
                self.hidden = RecurrentLayer(CELLS["lstm"], config.d_embedding, config.hidden_size, bidirectional=True)
                self.pooling = LastPooling()

    def forward(self, characters: Tensor, spelling: Tensor) -> Tensor:
        """(n_words, n_characters), (batch, seq) rows of these -> (batch, seq, d_output)"""
        real = characters != PAD
        lengths = real.sum(dim=1)
        if isinstance(self.hidden, Convolutions) and characters.device.type == "cpu" and not torch.compiler.is_compiling():
            return functional.embedding(spelling, self._at_characters(self.hidden, characters, real, lengths))
        x = self.embedding(characters)
        if isinstance(self.hidden, RecurrentLayer):
            # The last state of each direction is needed, in its reading order.
            directions = self.hidden.directions(x, reversed_places(lengths, x.shape[1]))
            words = torch.cat([self.pooling(states, lengths) for states in directions], dim=1)
        else:
            words = self.pooling(self.hidden(x), lengths)
        return functional.embedding(spelling, words)  # on a CPU its backward pass is faster than that of indexing

    def _at_characters(self, filters: Convolutions, characters: Tensor, real: Tensor, lengths: Tensor) -> Tensor:
        """(n_words, n_characters) -> (n_words, d_output): filters at real characters only, and their maximum over each word.

        One long word pads all others: three of four positions are padding. On other devices than a CPU, selecting the real characters
        would make the program wait for the device.
        """
        padded = functional.pad(characters, filters.beyond, value=PAD)
        windows = padded.unfold(1, filters.widest, 1)[real]  # (n, widest)
        states = filters.at(self.embedding(windows).flatten(1))  # (n, d_output)
        return segment_max(states, lengths)


def column_embedding(config: SequenceNetworkConfig, sizes: Sequence[int]) -> "ColumnEmbedding | None":
    """The embedding of additional columns with these numbers of values; None if the network reads none."""
    if config.d_column is None:
        return None
    if not sizes:
        raise ConfigError("data.columns is missing: model.d_column is built from it. Set it next to `data.type: sizes`.")
    return ColumnEmbedding(sizes, config.d_column, config.token_dropout)


class ColumnEmbedding(nn.Module):
    """Learned vectors for the values of a word's columns, concatenated; a value is replaced by [UNK] with probability `dropout`."""

    def __init__(self, sizes: Sequence[int], d_column: int, dropout: float) -> None:
        super().__init__()
        self.d_output = len(sizes) * d_column
        self.dropout = TokenDropout(dropout)
        self.columns = nn.ModuleList(token_embedding(size, d_column) for size in sizes)

    def forward(self, values: Tensor) -> Tensor:
        """(batch, seq, n_columns) -> (batch, seq, n_columns * d_column)"""
        return torch.cat([column(ids) for column, ids in zip(self.columns, self.dropout(values).unbind(dim=2), strict=True)], dim=2)


class WordEmbedding(nn.Module):
    """A learned vector for each token, concatenated with the features of its characters, if `characters` is set, and the vectors of
    additional columns, if there are any."""

    def __init__(self, n_tokens: int, size: int, characters: CharactersConfig | None, n_characters: int | None,
                 spread: float = SPREAD, columns: ColumnEmbedding | None = None) -> None:
        super().__init__()
        if characters is not None and n_characters is None:
            raise ConfigError("data.n_characters is missing: model.characters is built from it. Set it next to `data.type: sizes`.")
        self.tokens = token_embedding(n_tokens, size, spread)
        self.characters = CharacterFeatures(characters, n_characters) if characters is not None and n_characters else None
        self.columns = columns
        self.d_output = size + character_features_size(characters) + (0 if columns is None else columns.d_output)

    def forward(self, tokens: Tensor, characters: Tensor | None = None, spelling: Tensor | None = None,
                columns: Tensor | None = None) -> Tensor:
        """(batch, seq) -> (batch, seq, d_output)"""
        x = self.tokens(tokens)
        if self.columns is not None:
            x = torch.cat([x, self.columns(columns)], dim=2)
        if self.characters is None:
            return x
        assert characters is not None and spelling is not None
        real = (tokens != PAD).unsqueeze(2)  # convolutions read beyond the end of a text, where vectors must be zero
        return torch.cat([x, self.characters(characters, spelling) * real], dim=2)
