"""Multi-layer perceptron: over bags of tokens, weighted n-grams or plain vectors."""

from torch import Tensor, nn

from ...configs.schema.models.networks import MlpConfig
from ...errors import ConfigError
from ..head import Head
from ..layers.activations import activation
from ..layers.embedding import AverageEmbedding, PlainVector, SparseLinear
from ..layers.heads import class_count, dense_layers
from .network import Network


class Mlp(Network):
    """Embedding -> fully connected layers -> one score for each class.

    With `d_embedding` and no hidden layers it is fastText's classifier (Joulin et al. 2017); with neither, a linear model.
    `n_inputs` is the size of the vocabulary, or the number of features.
    """

    def __init__(self, config: MlpConfig, n_inputs: int, head: Head | None) -> None:
        super().__init__(config)
        sizes, name, dropout, n_outputs = config.hidden_sizes, config.activation, config.dropout, class_count(head)
        last: int | None = (sizes or [config.d_embedding or n_inputs])[-1]
        self.embedding: nn.Module
        if config.input == "vector":
            self.embedding = PlainVector()
            self.hidden = dense_layers([n_inputs, *sizes], name, dropout)
        elif config.d_embedding is not None:
            self.embedding = AverageEmbedding(n_inputs, config.d_embedding)
            self.hidden = nn.Sequential(nn.Dropout(dropout), *dense_layers([config.d_embedding, *sizes], name, dropout))
        elif sizes:  # counts or weights feed the first hidden layer
            self.embedding = SparseLinear(n_inputs, sizes[0])
            self.hidden = nn.Sequential(activation(name), nn.Dropout(dropout), *dense_layers(sizes, name, dropout))
        else:  # a linear model: its only matrix is both embedding and output
            self.embedding, self.hidden, last = SparseLinear(n_inputs, _required(n_outputs)), nn.Sequential(), None
        self._d_vector = last
        self.output = nn.Identity() if n_outputs is None or last is None else nn.Linear(last, n_outputs)

    @property
    def d_vector(self) -> int:
        """Size of the last layer below the output."""
        assert self._d_vector is not None, "a linear model has no vector below its scores"
        return self._d_vector

    def forward(self, **inputs: Tensor) -> Tensor:
        """`tokens` (n,), `starts` (batch,) and `weights` (n,), or `vectors` (batch, n_features) -> (batch, n_classes)"""
        return self.output(self.hidden(self.embedding(**inputs)))


def _required(n_outputs: int | None) -> int:
    if n_outputs is None:
        raise ConfigError("model.type mlp with neither d_embedding nor hidden_sizes is one matrix from input to classes; "
                          "add `task: {type: classification}`.")
    return n_outputs
