"""`task: {type: tagging}`, and the tagging schemes for spans."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from ..base import Problem
from ..models.model_base import Inputs
from .task_base import Suggestion, TaskBase

if TYPE_CHECKING:
    from ..recipe import Recipe

Scheme = Literal["IOB1", "IOB2", "BIOES"]
PREFIXES: Mapping[Scheme, str] = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIES"}
"""The prefixes of a scheme's tags, as in B-TYPE; the only tag without a type is O."""


def tags_of(scheme: Scheme) -> str:
    """The tags of a scheme, for messages, such as `O, B-TYPE, I-TYPE`."""
    return ", ".join(["O", *(f"{letter}-TYPE" for letter in PREFIXES[scheme])])


def is_tag(tag: str, scheme: Scheme) -> bool:
    """Whether a tag belongs to the scheme, whatever its position."""
    prefix, _, kind = tag.partition("-")
    return tag == "O" or (bool(kind) and prefix in list(PREFIXES[scheme]))


class TaggingConfig(TaskBase):
    """One tag for each token of a sentence."""

    needs: ClassVar[str] = "tags"
    text_key: ClassVar[str] = "tokens"
    label_key: ClassVar[str | None] = "tags"
    tagged: ClassVar[bool] = True
    offers: ClassVar[Inputs] = frozenset({"text", "tokens", "characters", "segments"})
    headings: ClassVar[Mapping[str, str]] = {"f1": "span_f1"}
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "zero_one_loss", "invalid"})

    type: Literal["tagging"]
    tokens: str = "tokens"
    """Column with the tokens of a sentence, separated by spaces."""
    tags: str = "tags"
    """Column with one tag per token, separated by spaces."""
    labels: Annotated[list[str], Field(min_length=2)] | None = None
    """The tags, at least two; by default the sorted tags of the training split. A tag that is not in this list is an error."""
    scheme: Scheme | None = None
    """Tagging scheme for spans, such as B-PER I-PER O in IOB2; precision, recall and F1 then count spans, as in conlleval."""
    crf: bool = False
    """Score tag sequences with a linear-chain conditional random field (Lafferty et al. 2001) instead of each tag independently."""

    @property
    def main_metric(self) -> str:
        return "f1" if self.scheme else "accuracy"

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion("the tag of each token of a sentence")

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", "accuracy", *(("precision", "recall", "f1") if self.scheme else ()))

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        model = recipe.model
        if self.crf and model.learns_by != "gradient":
            yield Problem(("task", "crf"), f"is the last layer of a network; model.type {model.type} has its own decoding, "
                          "so leave it out")
        if self.scheme is not None and (unknown := next((tag for tag in self.labels or () if not is_tag(tag, self.scheme)), None)):
            yield Problem(("task", "labels"), f"{unknown!r} is not a tag of task.scheme {self.scheme}, which has {tags_of(self.scheme)}")
        yield from self.token_problems(recipe)
