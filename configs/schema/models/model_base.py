"""What every `model:` section declares, so that other sections of a recipe can be checked against it without importing the model."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..base import Config, Problem
from ..data import SizesData
from ..tokenizer import PretrainedTokenizer

if TYPE_CHECKING:
    from ..recipe import Recipe

LearnsBy = Literal["nothing", "solver", "gradient"]
Input = Literal["text", "tokens", "characters", "columns", "segments", "other_tokens", "previous", "label", "bag", "other_bag", "history",
                "vector", "picture", "pairs", "windows"]
Inputs = frozenset[Input]
"""The inputs of a model by name; after the arrow, its arrays in a batch.

    text          -> texts, or sentences for tagging: the raw text, as rules and statistical taggers read it; for parsing, sentences
                     in which each word is a tuple with one value per column
    tokens        -> tokens, lengths, and first_pieces if a word may have several tokens: padded token ids, in order
    characters    -> characters, spelling: the characters of each distinct word, and the word at each position
    columns       -> columns: further attributes of each word, such as its part of speech, one id per column
    segments      -> segments: the text that each token belongs to, if two texts are joined into one
    other_tokens  -> other_tokens, other_lengths: the second of two texts, separate from the first
    previous      -> previous: the target token before each position
    label         -> tokens, lengths: the id of a label, as a source of one token
    bag           -> tokens, starts, weights: token ids or n-grams without order or padding
    other_bag     -> other_tokens, other_starts, other_weights: the same for the second of two texts
    history       -> histories: the tokens before each block of running text
    vector        -> vectors: plain numbers, (batch, n_features)
    picture       -> pictures: grey pixels, (batch, height, width)
    pairs         -> near, negatives: the context words of each word, and random negatives; each pair of words is one example
    windows       -> the same; each word with its complete window is one example
"""
NEEDS_TOKENIZER: Inputs = frozenset({"tokens", "previous", "bag", "history"})
NEEDS_ORDER: Inputs = frozenset({"tokens", "previous", "history"})
READ_OF_TEXTS: Inputs = frozenset({"text", "tokens", "bag"})
WITHOUT_TOKENS: Inputs = frozenset({"vector", "picture"})


class ModelBase(Config):
    """The base of every model's section."""

    learns_by: ClassVar[LearnsBy]
    gives: ClassVar[frozenset[str]]
    """The kinds of output that it supports; a task needs one of them."""
    has_chance: ClassVar[bool] = True
    """Whether the model depends on the seed, so that the results of one run are true of that run only."""
    carries_state: ClassVar[bool] = False
    """Whether a language model of this kind starts a block in the state that the block before it ended in."""
    runs_on_devices: ClassVar[bool] = False
    """Whether it computes with torch, and so on any device."""
    source_keys: ClassVar[tuple[str, ...]] = ()
    """The keys that may name an earlier run from which the model is then built."""
    scored_train_rows: ClassVar[int] = 5_000
    """Training rows that a finished model is scored on, evenly spaced; enough to see the gap between training and validation."""

    @classmethod
    def differs_by_seed(cls, section: Mapping[str, Any]) -> bool:
        """Whether the model of this section, which may come from an earlier version of this tool, depends on the seed."""
        return cls.has_chance

    @property
    def inputs(self) -> Inputs:
        """The inputs in its batches."""
        raise NotImplementedError

    @property
    def longest_input(self) -> int | None:
        """The maximum number of tokens of an input sequence; None without a limit."""
        return None

    @property
    def threads(self) -> int | None:
        """Threads that a run uses on a CPU; None: all cores. A fixed rule by class and size, so that equal seeds give equal bytes."""
        return 1

    @property
    def sources(self) -> dict[str, str]:
        """The earlier runs that the model is built from, by the key that names each."""
        return {key: getattr(self, key) for key in self.source_keys if getattr(self, key) is not None}

    @property
    def learns_in_blocks(self) -> bool:
        """Whether fitting reads the training examples block by block, so that they may stay on disk."""
        return False

    @property
    def fitting(self) -> str:
        """How the model is fitted, if not in steps."""
        return "one fit to all training examples"

    def problems(self, recipe: "Recipe") -> "Iterator[Problem]":
        """Mismatches between the model and the sections for tokenizer and training."""
        has_sizes_only = isinstance(recipe.data, SizesData)
        if not has_sizes_only and (recipe.task is None or not recipe.task.offered <= WITHOUT_TOKENS):
            yield from self._tokenizer_problems(recipe)
        elif not has_sizes_only and recipe.tokenizer is not None:
            yield Problem(("tokenizer",), "numbers and pictures are not split into tokens; leave this section out")
        if self.learns_by == "gradient" and recipe.training is None and not has_sizes_only:
            yield Problem((), f"training: is missing; model.type {recipe.model.type} is a network and needs at least "
                          "`epochs` and `optimizer`")
        if self.learns_by != "gradient" and recipe.training is not None:
            yield Problem(("training",), f"model.type {recipe.model.type} is not trained in steps; leave this section out")

    def _tokenizer_problems(self, recipe: "Recipe") -> "Iterator[Problem]":
        tokenizer, name = recipe.tokenizer, f"model.type {recipe.model.type}"
        if not self.inputs & NEEDS_TOKENIZER and "text" in self.inputs and tokenizer is not None:
            yield Problem(("tokenizer",), f"{name} reads the text itself and takes no tokenizer; leave this section out")
        if self.inputs & NEEDS_TOKENIZER and tokenizer is None and not self.sources:
            yield Problem((), f"tokenizer: is missing; {name} needs one, such as `type: words`")
        if isinstance(tokenizer, PretrainedTokenizer):
            yield Problem(("tokenizer", "type"), f"`pretrained` is the tokenizer of a published network, which {name} is not")
        if self.inputs & NEEDS_ORDER and tokenizer is not None and not tokenizer.ordered:
            yield Problem(("tokenizer", "type"), f"n-grams have no order, which {name} needs; "
                          "use words, characters, bytes, bpe, unigram or wordpiece")
