"""`task: {type: sequence_to_sequence}`, with teacher forcing and decoding."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..base import Config, Fraction, NonNegativeFloat, PositiveFloat, PositiveInt, Probability, Problem
from ..data import SizesData
from ..models.model_base import Inputs, ModelBase
from ..tokenizer import TokenizerConfig
from .task_base import Suggestion, TaskBase

if TYPE_CHECKING:
    from ..recipe import Recipe


class TeacherForcingConfig(Config):
    """Probability that the decoder reads the gold previous token in training, rather than its own prediction (Bengio et al. 2015)."""

    type: Literal["constant", "linear", "inverse_sigmoid"] = "constant"
    """`constant` stays at `share`; `linear` falls from `share` to `final_share` over `steps`; `inverse_sigmoid` is
    `share` * k / (k + exp(step / k)), and at least `final_share`."""
    share: Fraction = 1.0
    """Share of gold tokens at the start of training."""
    final_share: Fraction = 0.0
    """Lowest share of gold tokens."""
    steps: PositiveInt | None = None
    """Number of optimiser steps over which `linear` falls."""
    k: PositiveFloat | None = None
    """How slowly `inverse_sigmoid` falls, in optimiser steps."""

    @model_validator(mode="after")
    def _its_own_length(self) -> Self:
        for kind, key in (("linear", "steps"), ("inverse_sigmoid", "k")):
            if (self.type == kind) != (getattr(self, key) is not None):
                raise ValueError(f"type {kind} needs `{key}`" if self.type == kind else f"{key} is only for type {kind}; leave it out")
        if self.final_share and self.type == "constant":
            raise ValueError("final_share is only for types linear and inverse_sigmoid; type constant stays at `share`, so leave it out")
        if self.final_share > self.share:
            raise ValueError(f"final_share {self.final_share} is above share {self.share}, where the fall starts")
        return self


class DecodingConfig(Config):
    """How to generate targets; the same for validation and test."""

    beam_size: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Hypotheses kept at each step; 1 is greedy search."""
    length_penalty: NonNegativeFloat = 1.0
    """Finished hypotheses are compared by log-probability / ((5 + length) / 6)^length_penalty (Wu et al. 2016); 0 favours short ones."""
    early_stopping: bool = True
    """Stop once `beam_size` hypotheses are finished and one of them scores best; otherwise continue until no other can overtake them."""
    max_length: PositiveInt = 100
    """Maximum number of target tokens."""
    temperature: NonNegativeFloat = 1.0
    """Default sampling temperature of `nlp predict --samples`; 0 always takes the most probable token."""


class WrittenTextConfig(TaskBase):
    """The base of tasks that generate a text token by token."""

    offers: ClassVar[Inputs] = frozenset({"tokens", "previous"})

    tie_embeddings: Literal["none", "output", "all"] = "output"
    """`output`: target embedding and output layer share one matrix (Press and Wolf 2017); `all`: the source embedding shares it too, which
    needs a shared vocabulary."""
    output_bias: bool = True
    """Whether the output layer has a bias."""
    label_smoothing: Probability = 0.0
    """Share of the target's probability that is spread evenly over the vocabulary (Szegedy et al. 2016)."""
    teacher_forcing: TeacherForcingConfig = TeacherForcingConfig()
    decoding: DecodingConfig = DecodingConfig()

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        model, longest = recipe.model, self.decoding.max_length
        if getattr(recipe.tokenizer, "add_cls", False):
            yield Problem(("tokenizer", "add_cls"), "is for classification; an encoder-decoder does not use [CLS], so leave it out")
        if self.teacher_forcing.type != "constant" and recipe.training is not None and recipe.training.cuda_graphs:
            yield Problem(("training", "cuda_graphs"), "cannot record teacher forcing that changes with the step; leave it out")
        if model.longest_input is not None and longest > model.longest_input:
            yield Problem(("task", "decoding", "max_length"), f"is {longest}, but model.max_positions is {model.longest_input}; "
                          "lower the one or raise the other")


class SequenceToSequenceConfig(WrittenTextConfig):
    """Map one text to another (translation, transcription, summaries, answers), or a label or a picture to a text."""

    needs: ClassVar[str] = "sequence"
    text_key: ClassVar[str] = "source"
    offers: ClassVar[Inputs] = frozenset({"tokens", "label", "picture", "previous"})
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "ter", "character_error_rate", "phoneme_error_rate", "word_error_rate",
                                                       "perplexity"})

    type: Literal["sequence_to_sequence"]
    source: str = "source"
    """Column with the source."""
    source_type: Literal["text", "label", "picture"] = "text"
    """The content of that column: a text; a `label` of the training split; or a `picture`: the path of a PNG or JPEG file, relative to the
    table, or its pixels, as in classification. Labels and pictures need `model.encoder`."""
    target: str = "target"
    """Column with the target text."""
    scored_as: Literal["translation", "transduction", "pronunciation", "generation"] = "translation"
    """`translation`: sacrebleu's BLEU, chrF and TER; `transduction`: character error rate; `pronunciation`: phoneme error rate (phonemes
    are separated by spaces) and word error rate; if a word has several rows, any of them is correct; `generation`: perplexity, for
    sources with many valid targets, including texts that are not in the data."""
    share_vocabulary: bool = False
    """Train one tokenizer on both sides; otherwise one for each side."""
    target_tokenizer: TokenizerConfig | None = None
    """How to split the target into tokens; by default configured like `tokenizer`, and trained on the targets."""

    @property
    def main_metric(self) -> str:
        return {"translation": "bleu", "transduction": "exact_match", "pronunciation": "word_error_rate",
                "generation": "perplexity"}[self.scored_as]

    @property
    def suggestion(self) -> Suggestion:
        if self.scored_as == "generation":
            return Suggestion("five different texts for a source", "--samples 5")
        translates = self.scored_as == "translation" and self.source_type == "text"
        what = "translate a text with a beam of 5" if translates else f"the output for a {self.source_type}, by a beam of 5"
        return Suggestion(what, "--beam-size 5")

    @property
    def metrics(self) -> tuple[str, ...]:
        by_kind = {
            "translation": ("bleu", "bleu_lowercase", "chrf", "ter"),
            "transduction": ("character_error_rate",),
            "pronunciation": ("phoneme_error_rate", "word_error_rate"),
            "generation": ("perplexity",),
        }
        return ("loss", "accuracy", "exact_match", *by_kind[self.scored_as])

    def row_tokens(self, model: ModelBase) -> int | None:
        return None

    @model_validator(mode="after")
    def _one_text_or_two(self) -> Self:
        if self.source_type != "text" and (self.share_vocabulary or self.target_tokenizer is not None):
            key = "share_vocabulary" if self.share_vocabulary else "target_tokenizer"
            raise ValueError(f"{key} is only for text sources; the target's tokenizer is `tokenizer`, so leave it out")
        return self

    @model_validator(mode="after")
    def _one_vocabulary_or_two(self) -> Self:
        if self.share_vocabulary and self.target_tokenizer is not None:
            raise ValueError("target_tokenizer has no effect with `share_vocabulary: true`; leave one of them out")
        return self

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        target = self.target_tokenizer
        if not isinstance(recipe.data, SizesData):
            yield from self._encoder_problems(recipe)
        if self.tie_embeddings == "all" and not self.share_vocabulary and not isinstance(recipe.data, SizesData):
            yield Problem(("task", "tie_embeddings"), "`all` shares one matrix between both embeddings, so it needs "
                          "`task.share_vocabulary: true`")
        if target is not None and not target.ordered:
            yield Problem(("task", "target_tokenizer", "type"), "n-grams have no order, so they cannot generate text; "
                          "use words, characters, bytes, bpe, unigram or wordpiece")
        if getattr(target, "counted_in", "train") != "train":
            yield Problem(("task", "target_tokenizer", "counted_in"), "`all_splits` uses the words of the test split; leave it out")
        if getattr(target, "add_cls", False):
            yield Problem(("task", "target_tokenizer", "add_cls"), "is for classification; an encoder-decoder does not use [CLS], so leave "
                          "it out")
        yield from super()._problems(recipe)

    def _encoder_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """The model must have the encoder for this type of source."""
        encoder = getattr(recipe.model, "encoder", None)
        needed = {"text": None, "label": "label", "picture": "picture_cnn"}[self.source_type]
        if needed == (encoder.type if encoder is not None else None):
            return
        if needed is None:
            yield Problem(("model", "encoder"), "is for a source that is a label or a picture: set task.source_type, or leave it out")
        else:
            yield Problem(("model",) if encoder is None else ("model", "encoder", "type"),
                          f"task.source_type {self.source_type} needs `encoder: {{type: {needed}}}`")
