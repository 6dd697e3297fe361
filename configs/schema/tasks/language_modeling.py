"""`task: {type: language_modeling}` and `task: {type: masked_language_modeling}`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from ..base import Fraction, PositiveInt, Probability, Problem
from ..data import SizesData
from ..models.model_base import Inputs, ModelBase
from ..models.transformers import TransformerConfig
from .task_base import Suggestion, TaskBase

if TYPE_CHECKING:
    from ..recipe import Recipe


class VocabularyConfig(TaskBase):
    """The keys of tasks that predict words of the input vocabulary."""

    text_key: ClassVar[str] = "text"

    text: str = "text"
    """Column with the text; each row is a document."""
    block_size: PositiveInt = 128
    """Maximum number of tokens that the model reads at once."""
    tie_embeddings: bool = True
    """Share one matrix between token embedding and output layer (Press and Wolf 2017); its parameters are counted once."""
    output_bias: bool = False
    """Whether the output layer has a bias."""
    pad_vocab_to_multiple_of: PositiveInt = 1
    """Pad the rows of embedding and output layer to a multiple of this, such as 64, for faster matrix products on GPUs. The padding rows
    are counted as parameters, but never read or predicted."""

    def row_tokens(self, model: ModelBase) -> int | None:
        return model.longest_input

    def _vocabulary_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """No problems: words may be counted in all splits, as in some published work."""
        yield from ()

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        model = recipe.model
        if isinstance(model, TransformerConfig) and self.tie_embeddings and model.d_embedding not in (None, model.d_model):
            yield Problem(("task", "tie_embeddings"), f"needs embeddings as wide as the model, but model.d_embedding is "
                          f"{model.d_embedding} and model.d_model {model.d_model}; make them equal, or set it to false")
        if not isinstance(recipe.data, SizesData):
            yield from self._block_problems(recipe)

    def _block_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        longest = recipe.model.longest_input
        if longest is not None and self.block_size > longest:
            yield Problem(("task", "block_size"), f"is {self.block_size} tokens, but the model has {longest} positions; "
                          "make it smaller, or model.max_positions larger")


class LanguageModelingConfig(VocabularyConfig):
    """Predict the next token at each position of a text."""

    needs: ClassVar[str] = "vocabulary"
    offers: ClassVar[Inputs] = frozenset({"history", "tokens", "segments"})
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "perplexity", "bits_per_character", "word_perplexity"})

    type: Literal["language_modeling"]
    block_size: PositiveInt = 128
    """Tokens per block. A transformer sees only its block; a recurrent network starts from the final state of the previous block."""

    @property
    def main_metric(self) -> str:
        return "perplexity"

    def quoted_metric(self, tokenizer: str | None) -> str:
        """Bits per character for models of characters and bytes, otherwise perplexity."""
        return "bits_per_character" if tokenizer in ("characters", "bytes") else self.main_metric

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion("sample a continuation of this text", "--length 200 --temperature 0.8", text="The")

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", "perplexity", "accuracy", "bits_per_character", "word_perplexity")

    def _block_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        model = recipe.model
        yield from super()._block_problems(recipe)
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


class MaskedLanguageModelingConfig(VocabularyConfig):
    """Predict masked tokens from the context on both sides (Devlin et al. 2019)."""

    needs: ClassVar[str] = "masked_tokens"
    offers: ClassVar[Inputs] = frozenset({"tokens", "segments"})
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "perplexity", "next_loss"})
    default_metric: ClassVar[str] = "loss"

    type: Literal["masked_language_modeling"]
    block_size: PositiveInt = 128
    """Maximum number of tokens per example; longer texts are cut into several examples."""
    join_texts: bool = False
    """Concatenate all texts, separated by [SEP], before cutting them into blocks: for texts much shorter than a block. Otherwise each text
    starts a new example."""
    mask_probability: Probability = 0.15
    """Share of the tokens to predict, drawn anew each time a text is seen; at least one per text. 0 trains on `next_sentence` only."""
    mask_token_share: Fraction = 0.8
    """Share of these tokens that are replaced by [MASK]."""
    random_token_share: Fraction = 0.1
    """Share of these tokens that are replaced by another, random token; the rest are left unchanged."""
    whole_words: bool = False
    """Mask all pieces of a word together."""
    next_sentence: bool = False
    """Also predict whether the second of two segments follows the first: in half of the examples it does, in the other half it comes from
    elsewhere. A segment has less than half of the block's tokens."""

    @model_validator(mode="after")
    def _shares_of_one(self) -> Self:
        if self.mask_token_share + self.random_token_share > 1 + 1e-9:
            raise ValueError(f"mask_token_share {self.mask_token_share:g} and random_token_share {self.random_token_share:g} add up "
                             "to more than 1; make one smaller")
        if not self.mask_probability and not self.next_sentence:
            raise ValueError("with mask_probability 0 there is nothing to predict; make it larger, or set next_sentence")
        return self

    @property
    def main_metric(self) -> str:
        return "perplexity" if self.mask_probability else "accuracy"

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion("fill in the masked token", text="The [MASK]")

    @property
    def metrics(self) -> tuple[str, ...]:
        if not self.mask_probability:
            return ("loss", "accuracy")
        return ("loss", "perplexity", "accuracy", *(("next_loss", "next_accuracy") if self.next_sentence else ()))

    def _block_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        yield from super()._block_problems(recipe)
        if self.next_sentence and self.block_size < 5:
            yield Problem(("task", "block_size"), "must be 5 or more: [CLS], two segments, and [SEP] after each")
        if isinstance(recipe.model, TransformerConfig) and recipe.model.causal:
            yield Problem(("model", "causal"), "must be false: a masked token is predicted from both sides")
        if self.whole_words and recipe.tokenizer is not None and recipe.tokenizer.type in ("characters", "bytes"):
            yield Problem(("task", "whole_words"), f"needs a tokenizer of words or pieces of words; {recipe.tokenizer.type} do not mark "
                          "the start of a word, so leave it out")
