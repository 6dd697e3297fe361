"""`task: {type: language_modeling}`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from .base import PositiveInt, Problem
from .data import SizesData
from .model_base import Inputs, ModelBase
from .task_base import Suggestion, TaskBase
from .transformers import TransformerConfig

if TYPE_CHECKING:
    from .recipe import Recipe


class LanguageModelingConfig(TaskBase):
    """Predict the next token at each position of a text."""

    needs: ClassVar[str] = "vocabulary"
    text_key: ClassVar[str] = "text"
    offers: ClassVar[Inputs] = frozenset({"history", "tokens", "segments"})
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "perplexity", "bits_per_character", "word_perplexity"})

    type: Literal["language_modeling"]
    text: str = "text"
    """Column with the text; each row is a document."""
    block_size: PositiveInt = 128
    """Tokens per block. A transformer sees only its block; a recurrent network starts from the final state of the previous block."""
    tie_embeddings: bool = True
    """Use the token embedding as the output matrix too (Press and Wolf 2017); its parameters are counted once."""
    output_bias: bool = False
    """Whether the output layer has a bias."""
    pad_vocab_to_multiple_of: PositiveInt = 1
    """Round the rows of embedding and output up to a multiple of this, such as 64, which a GPU multiplies faster. The additional rows are
    counted as parameters, but no word is ever read or predicted by them."""

    @property
    def main_metric(self) -> str:
        return "perplexity"

    def quoted_metric(self, tokenizer: str | None) -> str:
        """Of characters and bytes bits per character, since words are not what such a model predicts."""
        return "bits_per_character" if tokenizer in ("characters", "bytes") else self.main_metric

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion("sample a text that begins so", "--length 200 --temperature 0.8", text="The")

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", "perplexity", "accuracy", "bits_per_character", "word_perplexity")

    def row_tokens(self, model: ModelBase) -> int | None:
        return model.longest_input

    def _vocabulary_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """None: words may be counted in all splits, as some published vocabularies were."""
        yield from ()

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        model = recipe.model
        if isinstance(model, TransformerConfig) and self.tie_embeddings and model.d_embedding not in (None, model.d_model):
            yield Problem(("task", "tie_embeddings"), f"needs embeddings as wide as the model, but model.d_embedding is "
                          f"{model.d_embedding} and model.d_model {model.d_model}; make them equal, or set it to false")
        if isinstance(recipe.data, SizesData):
            return
        if model.longest_input is not None and self.block_size > model.longest_input:
            yield Problem(("task", "block_size"), f"is {self.block_size} tokens, but the model has {model.longest_input} positions; "
                          "make it smaller, or model.max_positions larger")
        if isinstance(model, TransformerConfig) and not model.causal:
            yield Problem(("model", "causal"), "must be true: a language model that sees the next token has nothing to predict")
        if model.carries_state and recipe.training is not None and recipe.training.cuda_graphs:
            yield Problem(("training", "cuda_graphs"), "cannot record a recurrent language model, which carries its state from batch to "
                          "batch; leave it out")
        if getattr(model, "bidirectional", False):
            yield Problem(("model", "bidirectional"), "must be false: a language model that sees the next token has nothing to predict")
        for key in ("max_length", "add_cls"):
            if getattr(recipe.tokenizer, key, None):
                yield Problem(("tokenizer", key), "is for single texts; a language model reads running text in blocks, so leave it out")
