"""What is asked of the model: the `task:` section of a recipe."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from .base import Config, Fraction, NonNegativeFloat, PositiveFloat, PositiveInt, Probability
from .tokenizer import TokenizerConfig

LOWER_IS_BETTER = frozenset({
    "loss", "hinge_loss", "zero_one_loss", "perplexity", "bits_per_character", "word_perplexity", "invalid",
    "ter", "character_error_rate", "phoneme_error_rate", "word_error_rate",
})
"""Figures that are better the lower they are."""

Scheme = Literal["IOB1", "IOB2", "BIOES"]
PREFIXES: Mapping[Scheme, str] = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIES"}
"""What the tags of a scheme begin with, before a hyphen and a type; beside them there is O."""


def tags_of(scheme: Scheme) -> str:
    """What the tags of a scheme look like, for people."""
    return ", ".join(["O", *(f"{letter}-TYPE" for letter in PREFIXES[scheme])])


def is_tag(tag: str, scheme: Scheme) -> bool:
    """Whether a tag is one of the scheme's, wherever it stands."""
    prefix, _, kind = tag.partition("-")
    return tag == "O" or (bool(kind) and prefix in list(PREFIXES[scheme]))


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
    scheme: Scheme | None = None
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


class TeacherForcingConfig(Config):
    """How often the decoder is given the right token before each place in training, in place of its own (Bengio et al. 2015)."""

    type: Literal["constant", "linear", "inverse_sigmoid"] = "constant"
    """`constant` stays at `share`; `linear` falls from `share` to `final_share` in `steps`; `inverse_sigmoid` is
    `share` * k / (k + exp(step / k)), and at least `final_share`."""
    share: Fraction = 1.0
    """Share of tokens that are the right ones, at the beginning."""
    final_share: Fraction = 0.0
    """The least that it falls to."""
    steps: PositiveInt | None = None
    """Optimiser steps in which `linear` falls."""
    k: PositiveFloat | None = None
    """How late `inverse_sigmoid` falls, in optimiser steps."""

    @model_validator(mode="after")
    def _its_own_length(self) -> Self:
        for kind, key in (("linear", "steps"), ("inverse_sigmoid", "k")):
            if (self.type == kind) != (getattr(self, key) is not None):
                raise ValueError(f"`{key}` belongs to type {kind}, and {'is missing' if self.type == kind else 'to no other'}")
        if self.final_share and self.type == "constant":
            raise ValueError("final_share is what linear and inverse_sigmoid fall to; type constant stays at `share`, so leave it out")
        if self.final_share > self.share:
            raise ValueError(f"final_share {self.final_share} is above share {self.share}, from which it falls")
        return self


class DecodingConfig(Config):
    """How the target is searched for; validation and test use the same search."""

    beam_size: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Hypotheses kept at each step; 1 takes the most probable token each time (greedy)."""
    length_penalty: NonNegativeFloat = 1.0
    """Finished hypotheses are compared by log-probability / ((5 + length) / 6)^length_penalty (Wu et al. 2016); 0 favours short ones."""
    early_stopping: bool = True
    """Stop once `beam_size` hypotheses have ended and one of them scores best; otherwise go on until no open one can still come above."""
    max_length: PositiveInt = 100
    """Most target tokens."""


class SequenceToSequenceConfig(Config):
    """One text for another: translation, transcription, summaries, answers."""

    needs: ClassVar[str] = "sequence"

    type: Literal["sequence_to_sequence"]
    source: str = "source"
    """Column that is read."""
    target: str = "target"
    """Column that is written."""
    scored_as: Literal["translation", "transduction", "pronunciation"] = "translation"
    """`translation`: BLEU, chrF and TER of sacrebleu; `transduction`: edits a character; `pronunciation`: edits a phoneme (what stands
    between spaces) and the share of words that are wrong, where a word may have several rows, each of them right."""
    share_vocabulary: bool = False
    """One tokenizer for both sides, learned from both; otherwise one for each."""
    target_tokenizer: TokenizerConfig | None = None
    """How the target becomes tokens; by default in the way of `tokenizer`, learned from the targets."""
    tie_embeddings: Literal["none", "output", "all"] = "output"
    """`output`: the target's token embedding is the output matrix too (Press and Wolf 2017); `all`: and the source's embedding as well,
    which needs a shared vocabulary."""
    output_bias: bool = True
    """Whether the output layer has a bias."""
    label_smoothing: Probability = 0.0
    """Share of the target's probability that is spread evenly over the vocabulary (Szegedy et al. 2016)."""
    teacher_forcing: TeacherForcingConfig = TeacherForcingConfig()
    decoding: DecodingConfig = DecodingConfig()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Figures that `best_metric` may name."""
        by_kind = {
            "translation": ("bleu", "bleu_lowercase", "chrf", "ter"),
            "transduction": ("character_error_rate",),
            "pronunciation": ("phoneme_error_rate", "word_error_rate"),
        }
        return ("loss", "accuracy", "exact_match", *by_kind[self.scored_as])


TaskConfig = Annotated[
    ClassificationConfig | TaggingConfig | LanguageModelingConfig | SequenceToSequenceConfig, Field(discriminator="type")
]
