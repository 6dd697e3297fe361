"""Tasks that predict something from a text or a pair of texts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from ..base import Problem
from ..data import SizesData
from ..models.model_base import Inputs
from ..tokenizer import SimilarityTokenizer
from .task_base import Suggestion, TaskBase

if TYPE_CHECKING:
    from ..recipe import Recipe


class TextsTask(TaskBase):
    """The base of tasks that read one or two texts per row."""

    text_key: ClassVar[str] = "text"
    offers: ClassVar[Inputs] = frozenset({"text", "bag", "tokens", "segments", "other_tokens", "other_bag"})

    text: str = "text"
    """Column with the text."""
    other: str | None = None
    """Column with a second text, for pairs of texts. A model then reads both as `[CLS] text [SEP] other [SEP]`, separately with
    `model.towers`, or only their similarities with `tokenizer: {type: similarities}`."""

    def _suggestion(self, what: str) -> Suggestion:
        return Suggestion(what) if self.other is None else Suggestion(what.replace("a text", "two texts"), n_texts=2)

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """Models of pairs need a second text, and a bag of words cannot distinguish the words of two texts."""
        towers = getattr(recipe.model, "towers", None)
        similarities = isinstance(recipe.tokenizer, SimilarityTokenizer)
        if isinstance(recipe.data, SizesData):
            return
        if self.other is None and towers is not None:
            yield Problem(("model", "towers"), "are for two texts; name the column of the second by `task.other`")
        if self.other is None and similarities:
            yield Problem(("tokenizer", "type"), "`similarities` are for two texts; name the column of the second by `task.other`")
        if self.other is None:
            return
        if similarities and (towers is not None or "tokens" in recipe.model.inputs):
            yield Problem(("tokenizer", "type"), f"`similarities` describe a pair of texts, but this {recipe.model.type} reads tokens; "
                          "use another tokenizer, or a model without order such as `gradient_boosting`")
        if "text" in recipe.model.inputs or recipe.model.type == "pretrained":
            yield Problem(("model", "type"), f"{recipe.model.type} reads one text; leave task.other out, or use another model")
        elif "bag" in recipe.model.inputs and towers is None and not similarities:
            remedy = "model.towers, or " if "towers" in type(recipe.model).model_fields else ""
            yield Problem(("task", "other"), f"is a second text, but model.type {recipe.model.type} reads one bag of tokens; use "
                          f"{remedy}`tokenizer: {{type: similarities}}`")
