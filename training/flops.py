"""FLOPs of training a network: three times those of the forward pass, which are counted without running it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ..configs.schema.models.networks import NetworkConfig
from ..configs.schema.recipe import Recipe
from ..datasets.encoded.split import Data
from ..tasks.build import head_of

if TYPE_CHECKING:
    from ..models.forward_cost import Load
    from ..models.networks.network import Network

TEXT_TOKENS = 128
"""Assumed length of a text in tokens if there is no data."""
WITH_BACKWARD = 3
"""The backward pass multiplies twice for each multiplication of the forward pass: for the gradients of its input and of its weights."""


def training_flops_per_token(recipe: Recipe, data: Data) -> float:
    """FLOPs of forward and backward pass per real token of the training split, for texts of mean length.

    They depend only on the recipe and the data, so they are the same on every machine. The mean is not rounded: a bag of words has one
    matrix product per text, so rounding short texts up would make its tokens cheaper.
    """
    from ..models.forward_cost import build_without_weights

    assert isinstance(recipe.model, NetworkConfig)
    sizes, lengths = data.encoding.spec, data.splits["train"].lengths
    model = build_without_weights(recipe.model, sizes, head_of(recipe.task, sizes))
    above = mean_load(recipe, recipe.model, data)
    mean = above.tokens if lengths is None else min(max(1.0, float(lengths.mean())), above.tokens)
    below = replace(above, tokens=int(mean))
    less, more = (_flops_of_text(model, load) for load in (below, above))
    return WITH_BACKWARD * (less + (mean - int(mean)) * (more - less)) / mean


def _flops_of_text(model: "Network", load: "Load") -> float:
    """FLOPs of the forward pass for one text of a batch."""
    from ..models.forward_cost import forward_cost

    return forward_cost(model, load)[0] / load.texts


def mean_load(recipe: Recipe, config: NetworkConfig, data: Data | None) -> "Load":
    """The recipe's batch, of texts of mean length; one text if the recipe has no training section."""
    from ..models.forward_cost import Load

    train = data.splits["train"] if data is not None else None
    if train is not None and train.lengths is not None and len(train):
        tokens = max(1, -(-int(train.lengths.sum()) // len(train)))
    else:
        tokens = (recipe.task.row_tokens(config) if recipe.task is not None else None) or TEXT_TOKENS
    tokens = min(tokens, config.longest_input or tokens)
    training = recipe.training
    if training is None:
        return Load(1, tokens)
    if training.batch_tokens is not None:
        return Load(max(1, training.batch_tokens // tokens), tokens)
    if training.batch_size == "full":
        return Load(len(train) if train is not None else 1, tokens)
    return Load(training.batch_size, tokens)
