"""`task: {type: sequence_to_sequence}`, with teacher forcing and decoding."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from .base import Config, Fraction, NonNegativeFloat, PositiveFloat, PositiveInt, Probability, Problem
from .data import SizesData
from .model_base import Inputs
from .task_base import TaskBase
from .tokenizer import TokenizerConfig

if TYPE_CHECKING:
    from .recipe import Recipe


class TeacherForcingConfig(Config):
    """Probability that the decoder is given the gold previous token in training, not its own prediction (Bengio et al. 2015)."""

    type: Literal["constant", "linear", "inverse_sigmoid"] = "constant"
    """`constant` stays at `share`; `linear` falls from `share` to `final_share` in `steps`; `inverse_sigmoid` is
    `share` * k / (k + exp(step / k)), and at least `final_share`."""
    share: Fraction = 1.0
    """Share of gold tokens at the start of training."""
    final_share: Fraction = 0.0
    """The lowest share that it falls to."""
    steps: PositiveInt | None = None
    """Optimiser steps in which `linear` falls."""
    k: PositiveFloat | None = None
    """How slowly `inverse_sigmoid` falls, in optimiser steps."""

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
    """The search for the target; validation and test use the same one."""

    beam_size: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Hypotheses kept at each step; 1 takes the most probable token each time (greedy)."""
    length_penalty: NonNegativeFloat = 1.0
    """Finished hypotheses are compared by log-probability / ((5 + length) / 6)^length_penalty (Wu et al. 2016); 0 favours short ones."""
    early_stopping: bool = True
    """Stop once `beam_size` hypotheses have ended and one of them scores best; otherwise continue until no open one can overtake them."""
    max_length: PositiveInt = 100
    """Maximum number of target tokens."""


class SequenceToSequenceConfig(TaskBase):
    """One text for another: translation, transcription, summaries, answers."""

    needs: ClassVar[str] = "sequence"
    text_key: ClassVar[str] = "source"
    offers: ClassVar[Inputs] = frozenset({"tokens", "previous"})
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "ter", "character_error_rate", "phoneme_error_rate", "word_error_rate"})

    type: Literal["sequence_to_sequence"]
    source: str = "source"
    """Column with the source text."""
    target: str = "target"
    """Column with the target text."""
    scored_as: Literal["translation", "transduction", "pronunciation"] = "translation"
    """`translation`: BLEU, chrF and TER of sacrebleu; `transduction`: edits per character; `pronunciation`: edits per phoneme (separated
    by spaces) and the share of wrong words, where a word may have several rows, any of which is correct."""
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
        by_kind = {
            "translation": ("bleu", "bleu_lowercase", "chrf", "ter"),
            "transduction": ("character_error_rate",),
            "pronunciation": ("phoneme_error_rate", "word_error_rate"),
        }
        return ("loss", "accuracy", "exact_match", *by_kind[self.scored_as])

    @model_validator(mode="after")
    def _one_vocabulary_or_two(self) -> Self:
        if self.share_vocabulary and self.target_tokenizer is not None:
            raise ValueError("target_tokenizer has no use with `share_vocabulary: true`; leave one of them out")
        return self

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        target, model = self.target_tokenizer, recipe.model
        if self.tie_embeddings == "all" and not self.share_vocabulary and not isinstance(recipe.data, SizesData):
            yield Problem(("task", "tie_embeddings"), "`all` makes one matrix of both embeddings, so it needs "
                          "`task.share_vocabulary: true`")
        if target is not None and not target.ordered:
            yield Problem(("task", "target_tokenizer", "type"), "n-grams have no order, so no text can be generated from them; "
                          "take words, characters, bytes, bpe, unigram or wordpiece")
        if getattr(target, "counted_in", "train") != "train":
            yield Problem(("task", "target_tokenizer", "counted_in"), "`all_splits` looks at the words of the test split; leave it out")
        for path, each in ((("tokenizer",), recipe.tokenizer), (("task", "target_tokenizer"), target)):
            if getattr(each, "add_cls", False):
                yield Problem((*path, "add_cls"), "is for a class of a text; an encoder-decoder has no use for [CLS], so leave it out")
        longest = self.decoding.max_length
        if model.longest_input is not None and longest > model.longest_input:
            yield Problem(("task", "decoding", "max_length"), f"is {longest}, but model.max_positions is {model.longest_input}; "
                          "lower the one or raise the other")
