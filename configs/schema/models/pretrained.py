"""Published networks: the section of a model whose weights and tokenizer were trained elsewhere."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..base import Probability, Problem
from ..tokenizer import PretrainedTokenizer
from .model_base import Inputs
from .networks import NetworkConfig

if TYPE_CHECKING:
    from ..recipe import Recipe


class PretrainedNetworkConfig(NetworkConfig):
    """A published encoder or decoder (BERT, RoBERTa, DistilBERT, GPT-2, Llama and others), with an output layer of this tool; needs the
    extra `hf`."""

    gives: ClassVar[frozenset[str]] = frozenset({"classes", "number", "tags"})
    embedding_is_published: ClassVar[bool] = True

    type: Literal["pretrained"]
    path: str
    """The weights: a name of `nlp data list`, a folder as transformers writes it (relative to the recipe), a .gguf file, or
    `organisation/name` of the Hugging Face Hub. Their tokenizer is loaded with them."""
    pooling: Literal["mean", "cls", "max", "last"] = "mean"
    """How the states of a text become one vector for classification; `cls` reads the first token, `last` suits decoders."""
    dropout: Probability = 0.0
    """Share of the pooled vector set to zero in training; dropout inside the network is as published."""
    architecture: dict[str, Any] | None = None
    """The content of config.json. Training fills it in, so that a run is complete without the folder that it started from."""

    @property
    def inputs(self) -> Inputs:
        return frozenset({"tokens"})

    def _tokenizer_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        if recipe.tokenizer is not None and not isinstance(recipe.tokenizer, PretrainedTokenizer):
            yield Problem(("tokenizer", "type"), "the tokenizer of a published network comes with its weights; leave this section out")
