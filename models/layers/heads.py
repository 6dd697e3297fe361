"""The last layer: the output that a task needs, on top of any encoder."""

from collections.abc import Mapping
from itertools import pairwise

from torch import Tensor, nn

from ...configs.schema.models.networks import Activation
from ...errors import ConfigError
from ..head import Head, Heads
from .activations import activation
from .biaffine import TreeOutput
from .crf import Crf


def dense_layers(sizes: list[int], non_linearity: Activation, dropout: float) -> nn.Sequential:
    """Fully connected layers from each size to the next, each followed by a non-linearity and dropout."""
    layers: list[nn.Module] = []
    for n_inputs, n_outputs in pairwise(sizes):
        layers += [nn.Linear(n_inputs, n_outputs), activation(non_linearity), nn.Dropout(dropout)]
    return nn.Sequential(*layers)


class TextOutput(nn.Module):
    """One vector for each text, then one score for each class; without `n_outputs` the vector itself.

    `pooling` reduces a text's states to one vector; `hidden`, dropout and layers, is between that and the scores.
    """

    def __init__(self, pooling: nn.Module, hidden: nn.Module, d_hidden: int, n_outputs: int | None) -> None:
        super().__init__()
        self.pooling, self.hidden, self.d_hidden = pooling, hidden, d_hidden
        self.scores = nn.Linear(d_hidden, n_outputs) if n_outputs is not None else nn.Identity()

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_model), (batch,) -> (batch, n_outputs)"""
        return self.classify(self.pooling(states, lengths))

    def classify(self, vector: Tensor) -> Tensor:
        """(batch, d_model) -> (batch, n_outputs)"""
        return self.scores(self.hidden(vector))


class TagOutput(nn.Module):
    """One score for each tag at each word; with `crf`, also scores of tag transitions (see `Crf`)."""

    def __init__(self, hidden: nn.Module, d_hidden: int, n_tags: int, crf: bool) -> None:
        super().__init__()
        self.hidden, self.scores = hidden, nn.Linear(d_hidden, n_tags)
        self.crf = Crf(n_tags) if crf else None

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, n_words, d_model) -> (batch, n_words, n_tags); values on padding are meaningless"""
        return self.scores(self.hidden(states))


class WordScores(nn.Linear):
    """A score for each word. Extra rows of the matrix, which round it up to a size that is faster on a GPU, are dropped."""

    def __init__(self, d_model: int, head: Head) -> None:
        super().__init__(d_model, head.n_rows, bias=head.bias)
        self.n_words = head.n_outputs

    def forward(self, input: Tensor) -> Tensor:
        """(..., d_model) -> (..., n_words)"""
        return super().forward(input)[..., : self.n_words]


class VocabularyOutput(nn.Module):
    """A score for each word of the vocabulary at each position; `tied` shares the embedding's matrix (Press and Wolf 2017).

    In an encoder-decoder, `source` is the source embedding; `tied_source` makes all three one matrix (Vaswani et al. 2017).
    """

    def __init__(self, d_model: int, head: Head, embedding: nn.Embedding, source: nn.Embedding | None = None) -> None:
        super().__init__()
        self.scores = WordScores(d_model, head)
        if head.tied:
            self.scores.weight = _shared(embedding, head.n_rows, "the output")
        if head.tied_source and source is not None:
            source.weight = _shared(embedding, source.num_embeddings, "the source's embedding")

    def forward(self, states: Tensor, lengths: Tensor, asked: Tensor | None = None) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, n_outputs); values on padding are meaningless

        With `asked` (n,), positions in the flattened batch: (n, n_outputs) for these tokens alone.
        """
        return self.scores(states if asked is None else states.flatten(0, 1)[asked])


def _shared(embedding: nn.Embedding, size: int, whose: str) -> nn.Parameter:
    if size != embedding.num_embeddings:
        raise ConfigError(f"task.tie_embeddings needs vocabularies of the same size: the embedding has {embedding.num_embeddings:,} "
                          f"tokens, {whose} {size:,}; `task.share_vocabulary: true` gives source and target one vocabulary.")
    weight = embedding.weight
    assert isinstance(weight, nn.Parameter)
    return weight


class Outputs(nn.ModuleDict):
    """Several outputs over the same states, by name."""

    def forward(self, states: Tensor, lengths: Tensor, asked: Tensor | None = None) -> dict[str, Tensor]:
        """(batch, seq, d_model), (batch,) -> the result of each output by name; `asked` is for `VocabularyOutput`"""
        return {name: part(states, lengths, asked) if isinstance(part, VocabularyOutput) else part(states, lengths)
                for name, part in self.items()}


def output(head: Heads, pooling: nn.Module, hidden: nn.Module, d_hidden: int) -> TextOutput | TagOutput | TreeOutput | Outputs:
    """The last layer over an encoder's states, one for each head; without a head, the vector that a classifier would read.

    `hidden`, dropout and layers with `d_hidden` outputs, comes before the scores. Several heads share it and the pooling.
    """
    if isinstance(head, Mapping):
        return Outputs({name: output(part, pooling, hidden, d_hidden) for name, part in head.items()})
    if head is not None and head.kind == "tags":
        return TagOutput(hidden, d_hidden, head.n_outputs, head.crf)
    if head is not None and head.tree is not None:
        return TreeOutput(hidden, d_hidden, head.n_outputs, head.tree)
    return TextOutput(pooling, hidden, d_hidden, class_count(head))


def class_count(head: Head | None) -> int | None:
    """Number of outputs for each text; None without a head, when a network returns the vector that a classifier would read."""
    if head is not None and not head.is_of_texts:
        raise ConfigError("This model gives one score for each class of a text, not one for each word at each position; "
                          "for task.type language_modeling use rnn, lstm, gru or transformer.")
    return None if head is None else head.n_outputs
