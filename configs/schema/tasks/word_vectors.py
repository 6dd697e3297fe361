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
    """Column with the text; no window reaches from one row into the next."""
    window: Annotated[int, Field(ge=1, le=1_000)] = 5
    """Most words on each side of a word that are its context. Each time, a number from 1 to this is drawn for it, so that near words count
    more."""
    negatives: Annotated[int, Field(ge=1, le=1_000)] = 5
    """How many words drawn at random count against each word of the context."""
    shared_negatives: Annotated[int, Field(ge=1, le=10_000)] = 64
    """How many words are really drawn for a block. All of its words are compared with all of these, each with the weight that makes them
    count as `negatives`: a matrix product in place of single look-ups."""
    noise_power: NonNegativeFloat = 0.75
    """Words are drawn in proportion to their frequency to this power; 0: all alike."""
    subsample: NonNegativeFloat = 1e-4
    """Frequent words are left out at random before windows are laid: a word that is a share f of the text stays with probability
    sqrt(t / f) + t / f, where t is this number; 0: all stay."""
    block_size: Annotated[int, Field(ge=2, le=100_000)] = 128
    """Words of running text that are read together. Windows end where a block does, and each pass over the text cuts it elsewhere."""
    similarity: str | None = None
    """File of pairs of words with a person's judgement how similar they are, such as WordSim-353 (.tsv or .csv: word, word, number;
    relative to the recipe): the rank correlation with the cosine of their vectors becomes the metric `similarity`."""

    @property
    def main_metric(self) -> str:
        return "loss" if self.similarity is None else "similarity"

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion("the nearest neighbours of a word", text="time")

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss",) if self.similarity is None else ("loss", "similarity")

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        tokenizer = recipe.tokenizer
        if tokenizer is not None and tokenizer.type != "words":
            yield Problem(("tokenizer", "type"), f"must be `words`, since {tokenizer.type} are none, and vectors of words are asked for")
        for key in ("max_length", "add_cls"):
            if getattr(tokenizer, key, None):
                yield Problem(("tokenizer", key), "is for single texts; word vectors are learned from running text, so leave it out")


class NgramVectorsConfig(Config):
    """A word's vector is the mean of one of its own and those of its character n-grams (Bojanowski et al. 2017), so that words that share
    a stem or an ending share a part of their vectors, and words that training never saw have one too.
    """

    min: Annotated[int, Field(ge=1, le=20)] = 3
    """Shortest n-gram, in characters; `<` and `>` mark the two ends of a word and count."""
    max: Annotated[int, Field(ge=1, le=20)] = 6
    """Longest n-gram."""
    buckets: PositiveInt = 100_000
    """Vectors that all n-grams share, by a hash: with more of them fewer n-grams have to share one. fastText has 2,000,000."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}; swap them")
        return self


class WordVectorModelConfig(NetworkConfig):
    """The base of models that learn a vector for each word."""

    gives: ClassVar[frozenset[str]] = frozenset({"word_vectors"})
    examples: ClassVar[Input]
    """What is one example; see `inputs`."""

    d_embedding: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Size of each word's vector."""
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
            raise ValueError("dropout is nothing that models of word vectors have; leave it out")
        if self.vectors is not None and self.ngrams is not None:
            raise ValueError("vectors are of whole words, but with ngrams they are only a part of each; leave one of them out")
        return self


class SkipGramConfig(WordVectorModelConfig):
    """Each word predicts every word around it (Mikolov et al. 2013)."""

    examples: ClassVar[Input] = "pairs"

    type: Literal["skip_gram"]


class CbowConfig(WordVectorModelConfig):
    """The mean of the words around it predicts each word (Mikolov et al. 2013)."""

    examples: ClassVar[Input] = "windows"

    type: Literal["cbow"]
