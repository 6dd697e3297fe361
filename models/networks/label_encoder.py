"""Labels as sources: one learned vector per label."""

from torch import Tensor, nn

from ...configs.schema.models.networks import LabelEncoderConfig
from ..layers.embedding import SPREAD


class LabelEncoder(nn.Module):
    """Looks up the vector of a label; there are no special labels."""

    def __init__(self, config: LabelEncoderConfig, n_labels: int) -> None:
        super().__init__()
        self.d_vector, self.vectors = config.d_embedding, nn.Embedding(n_labels, config.d_embedding)
        nn.init.normal_(self.vectors.weight, std=SPREAD)

    def forward(self, labels: Tensor) -> Tensor:
        """(batch, 1) -> (batch, d_vector)"""
        return self.vectors(labels.squeeze(1))
