"""`task: {type: word_vectors}` and the models that learn them, `skip_gram` and `cbow`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..base import Config, NonNegativeFloat, PositiveInt, Problem
from ..models.model_base import Input, Inputs
from ..models.networks import NetworkConfig
from .task_base import Suggestion, TaskBase

if TYPE_CHECKING:
    from ..recipe import Recipe


class WordVectorsConfig(TaskBase):
    """Learn a vector for each word from the words around it, by negative sampling (Mikolov et al. 2013)."""

    needs: ClassVar[str] = "word_vectors"
    offers: ClassVar[Inputs] = frozenset({"tokens", "characters", "pairs", "windows"})
    default_metric: ClassVar[str] = "loss"
    text_key: ClassVar[str] = "text"

    type: Literal["word_vectors"]
    text: str = "text"
    """Column with the text; windows do not cross rows."""
    window: Annotated[int, Field(ge=1, le=1_000)] = 5
    """Maximum number of context words on each side. The number is drawn from 1 to this for each word, so that near words count more."""
    negatives: Annotated[int, Field(ge=1, le=1_000)] = 5
    """Number of negative samples per context word."""
    shared_negatives: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Number of negative samples drawn per block. All of its words are compared with all of these, weighted so that they count as
    `negatives`: a matrix product instead of single look-ups."""
    noise_power: NonNegativeFloat = 0.75
    """Negative samples are drawn in proportion to word frequency to this power; 0 is uniform."""
    subsample: NonNegativeFloat = 1e-4
    """Subsampling threshold t: before windows are formed, a word with relative frequency f is kept with probability sqrt(t / f) + t / f; 0
    keeps all words."""
    block_size: Annotated[int, Field(ge=2, le=100_000)] = 128
    """Words per block of running text. Windows do not cross blocks, and each epoch cuts the text at different positions."""
    similarity: str | None = None
    """File of word pairs with human similarity judgements, such as WordSim-353 (.tsv or .csv: word, word, number;
    relative to the recipe): their rank correlation with the cosines of the vectors becomes the metric `similarity`."""

    @property
    def main_metric(self) -> str:
        return "loss" if self.similarity is None else "similarity"

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion("the nearest neighbours of a word", text="time", is_word=True)

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss",) if self.similarity is None else ("loss", "similarity")

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        tokenizer = recipe.tokenizer
        if tokenizer is not None and tokenizer.type != "words":
            yield Problem(("tokenizer", "type"), f"must be `words`, since the task learns vectors of words, not of {tokenizer.type}")
        for key in ("max_length", "add_cls"):
            if getattr(tokenizer, key, None):
                yield Problem(("tokenizer", key), "is for single texts; word vectors are learned from running text, so leave it out")


class NgramVectorsConfig(Config):
    """A word's vector is the mean of its own vector and the vectors of its character n-grams (Bojanowski et al. 2017), so that words with a
    common stem or ending share part of their vectors, and unseen words have vectors too.
    """

    min: Annotated[int, Field(ge=1, le=20)] = 3
    """Shortest n-gram, in characters, including the markers `<` and `>` of the ends of a word."""
    max: Annotated[int, Field(ge=1, le=20)] = 6
    """Longest n-gram."""
    buckets: PositiveInt = 100_000
    """Number of vectors that n-grams are hashed to: the more, the fewer collisions. fastText uses 2,000,000."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}; swap them")
        return self


class WordVectorModelConfig(NetworkConfig):
    """The base of models that learn a vector for each word."""

    gives: ClassVar[frozenset[str]] = frozenset({"word_vectors"})
    examples: ClassVar[Input]
    """The type of a training example; see `inputs`."""

    d_embedding: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Size of the word vectors."""
    ngrams: NgramVectorsConfig | None = None

    @property
    def inputs(self) -> Inputs:
        read: Inputs = frozenset({"tokens", self.examples})
        return read if self.ngrams is None else read.union(Inputs({"characters"}))

    @property
    def threads(self) -> int:
        return 1

    @model_validator(mode="after")
    def _whole_vectors(self) -> Self:
        if self.dropout:
            raise ValueError("dropout is not supported by models of word vectors; leave it out")
        if self.vectors is not None and self.ngrams is not None:
            raise ValueError("vectors are for whole words, but with ngrams they are only part of a word's vector; leave one of them out")
        return self


class SkipGramConfig(WordVectorModelConfig):
    """Each word predicts every word around it (Mikolov et al. 2013)."""

    examples: ClassVar[Input] = "pairs"

    type: Literal["skip_gram"]


class CbowConfig(WordVectorModelConfig):
    """The mean of the words around it predicts each word (Mikolov et al. 2013)."""

    examples: ClassVar[Input] = "windows"

    type: Literal["cbow"]
