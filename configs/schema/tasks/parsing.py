"""`task: {type: parsing}`: the head of each word of a sentence, and its relation to it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from ..base import Config, PositiveInt, Probability, Problem
from ..models.model_base import Inputs
from .task_base import Suggestion, TaskBase

if TYPE_CHECKING:
    from ..recipe import Recipe


class BiaffineConfig(Config):
    """The biaffine output of a network (Dozat and Manning 2017): a score of each word as the head of each other, and of each relation."""

    d_arc: PositiveInt = 400
    """Size of the vectors that heads are chosen by."""
    d_relation: PositiveInt = 100
    """Size of the vectors that relations are chosen by."""
    dropout: Probability = 0.33
    """Share of these vectors' numbers set to zero in training."""


class ParsingConfig(TaskBase):
    """Dependency parsing: the head of each word of a sentence, 0 for the root, and its relation to it."""

    needs: ClassVar[str] = "tree"
    text_key: ClassVar[str] = "words"
    label_key: ClassVar[str | None] = "relations"
    tagged: ClassVar[bool] = True
    default_metric: ClassVar[str] = "las"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "zero_one_loss"})

    type: Literal["parsing"]
    columns: Annotated[list[str], Field(min_length=1)] = ["form", "upos"]
    """Columns that the parser reads, each with one value per word, separated by spaces. The first holds the words themselves; the
    `perceptron_parser` looks at the second, such as `upos`, most often."""
    heads: str = "head"
    """Column with the number of each word's head, counted from 1; 0 for the root."""
    relations: str = "deprel"
    """Column with each word's relation to its head."""
    tagger: str | None = None
    """The finished run of a tagger, by its path, RECIPE (the latest) or RECIPE/NAME: outside of training its tags take the place of
    the second column, so that the parser reads texts without tags, and is scored as it then works."""
    biaffine: BiaffineConfig = BiaffineConfig()
    """Of a network: its output."""

    @field_validator("columns")
    @classmethod
    def _each_once(cls, columns: list[str]) -> list[str]:
        if len(set(columns)) < len(columns):
            raise ValueError("names a column twice; name each once, the words first")
        return columns

    @property
    def words(self) -> str:
        """The column with the words."""
        return self.columns[0]

    @property
    def reads_tags(self) -> bool:
        """Whether a sentence has to come with more than its words."""
        return len(self.columns) > (1 if self.tagger is None else 2)

    @property
    def offered(self) -> Inputs:
        return frozenset({"text", "tokens", "characters", *(["columns"] if len(self.columns) > 1 else [])})

    @property
    def main_metric(self) -> str:
        return "las"

    @property
    def suggestion(self) -> Suggestion:
        if self.reads_tags:
            return Suggestion("the trees of sentences whose words have tags", "--input FILE.conllu", n_texts=0)
        return Suggestion("the tree of a sentence")

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", "uas", "las")

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        model = recipe.model
        if self.biaffine != BiaffineConfig() and model.learns_by != "gradient":
            yield Problem(("task", "biaffine"), f"is the output of a network, and model.type {model.type} is none; leave it out")
        if model.learns_by == "gradient" and len(self.columns) > 1 and "columns" not in model.inputs:
            yield Problem(("task", "columns"), f"names {', '.join(self.columns[1:])} beside the words, which this network would not read: "
                          "set model.d_column, the size of the vector of each, or leave them out")
        if self.tagger is not None and len(self.columns) == 1:
            yield Problem(("task", "tagger"), "gives tags in place of the second column, and task.columns has the words alone; add the "
                          "column that the tagger has learned, such as upos")
        yield from self.token_problems(recipe)
