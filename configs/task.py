"""What is asked of the model: the `task:` section of a recipe."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from .base import Config, PositiveFloat, PositiveInt, Probability

LOWER_IS_BETTER = frozenset({"loss", "hinge_loss", "zero_one_loss", "perplexity", "bits_per_character", "word_perplexity", "invalid"})
"""Figures that are better the lower they are."""


class ClassificationConfig(Config):
    """One class for each text."""

    needs: ClassVar[str] = "classes"
    metrics: ClassVar[tuple[str, ...]] = ("loss", "accuracy", "f1")

    type: Literal["classification"]
    text: str = "text"
    """Column that holds the text."""
    label: str = "label"
    """Column that holds the class."""
    labels: Annotated[list[str], Field(min_length=2)] | None = None
    """The classes, in order, two at least; by default those of the training split, sorted. A label outside a stated list is an error."""
    label_smoothing: Probability = 0.0
    """Share of the target's probability that is spread evenly over all classes (Szegedy et al. 2016)."""
    class_weights: Literal["balanced"] | dict[str, PositiveFloat] | None = None
    """Weight of each class in the loss; `balanced` weighs a class by n_examples / (n_classes * its count)."""


class TaggingConfig(Config):
    """One tag for each token of a sentence."""

    needs: ClassVar[str] = "tags"

    type: Literal["tagging"]
    tokens: str = "tokens"
    """Column that holds the tokens of a sentence, with spaces between them."""
    tags: str = "tags"
    """Column that holds as many tags."""
    labels: Annotated[list[str], Field(min_length=2)] | None = None
    """The tags, two at least; by default those of the training split, sorted. A tag outside a stated list is an error."""
    scheme: Literal["IOB1", "IOB2", "BIOES"] | None = None
    """How tags mark spans, such as B-PER I-PER O in IOB2; precision, recall and F1 then count whole spans, as conlleval does."""
    crf: bool = False
    """Score whole sequences of tags by a linear-chain conditional random field (Lafferty et al. 2001); without it each tag by itself."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Figures that `best_metric` may name."""
        return ("loss", "accuracy", *(("precision", "recall", "f1") if self.scheme else ()))


class LanguageModelingConfig(Config):
    """The next token, at each place of a running text."""

    needs: ClassVar[str] = "vocabulary"
    metrics: ClassVar[tuple[str, ...]] = ("loss", "perplexity", "accuracy", "bits_per_character", "word_perplexity")

    type: Literal["language_modeling"]
    text: str = "text"
    """Column that holds the text; each row is a document."""
    block_size: PositiveInt = 128
    """Tokens of a block. A transformer sees its block alone; a recurrent network goes on from the state that the last one left."""
    tie_embeddings: bool = True
    """Use the token embedding as the output matrix too (Press and Wolf 2017); it is counted once."""
    output_bias: bool = False
    """Whether the output layer has a bias."""


TaskConfig = Annotated[ClassificationConfig | TaggingConfig | LanguageModelingConfig, Field(discriminator="type")]
