"""`task: {type: parsing}`: the head of each word of a sentence, and the relation to it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from ..base import Config, PositiveInt, Probability, Problem
from ..models.model_base import Inputs
from .task_base import Suggestion, TaskBase

if TYPE_CHECKING:
    from ..recipe import Recipe


class BiaffineConfig(Config):
    """Biaffine output of a network (Dozat and Manning 2017): a score for each word as the head of each other, and for each relation."""

    d_arc: PositiveInt = 400
    """Size of the vectors that score heads."""
    d_relation: PositiveInt = 100
    """Size of the vectors that score relations."""
    dropout: Probability = 0.33
    """Share of the values of these vectors set to zero in training."""


class ParsingConfig(TaskBase):
    """Dependency parsing: the head of each word of a sentence, 0 for the root, and the relation to it."""

    needs: ClassVar[str] = "tree"
    text_key: ClassVar[str] = "words"
    label_key: ClassVar[str | None] = "relations"
    tagged: ClassVar[bool] = True
    default_metric: ClassVar[str] = "las"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "zero_one_loss"})

    type: Literal["parsing"]
    columns: Annotated[list[str], Field(min_length=1)] = ["form", "upos"]
    """Columns that the parser reads, each with one value per word, separated by spaces. The first holds the words themselves; most
    features of the `perceptron_parser` use the second, such as `upos`."""
    heads: str = "head"
    """Column with the number of each word's head, counted from 1; 0 for the root."""
    relations: str = "deprel"
    """Column with the relation of each word to its head."""
    tagger: str | None = None
    """The finished run of a tagger: a path, RECIPE (the latest) or RECIPE/NAME. Outside training its tags replace the second column, so
    that the parser reads untagged texts, and its scores include the errors of the tagger."""
    biaffine: BiaffineConfig = BiaffineConfig()
    """Output of a network."""

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
        """Whether a sentence needs more columns than its words."""
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
            yield Problem(("task", "biaffine"), f"is the output of a network, which model.type {model.type} is not; leave it out")
        if model.learns_by == "gradient" and len(self.columns) > 1 and "columns" not in model.inputs:
            yield Problem(("task", "columns"), f"names {', '.join(self.columns[1:])} besides the words, which this network would not read: "
                          "set model.d_column, the embedding size of each column, or leave them out")
        if self.tagger is not None and len(self.columns) == 1:
            yield Problem(("task", "tagger"), "replaces the second column, but task.columns has only the words; add the column that "
                          "the tagger predicts, such as upos")
        yield from self.token_problems(recipe)
