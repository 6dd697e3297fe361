"""Classification by prompting a causal language model: `model: {type: prompt}` and `model: {type: tuned_prompt}`."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from ..base import NonNegativeInt, Problem
from .model_base import Inputs, LearnsBy, ModelBase
from .networks import NetworkConfig

if TYPE_CHECKING:
    from ..recipe import Recipe

TEXT = "{text}"
"""The placeholder of the text in a template."""


class PromptingConfig(ModelBase):
    """The keys of models that read a text in a prompt and score the label words of each class."""

    gives: ClassVar[frozenset[str]] = frozenset({"classes"})
    runs_on_devices: ClassVar[bool] = True
    source_keys: ClassVar[tuple[str, ...]] = ("lm",)
    scored_train_rows: ClassVar[int] = 200

    lm: str | None = None
    """A run of a causal language model, which is prompted with its own tokenizer; this or `path`."""
    path: str | None = None
    """A pre-trained causal language model: a folder as Hugging Face saves it, or the name of an installed one; this or `lm`."""
    template: str
    """The prompt; `{text}` is replaced by the text, such as `"Review: {text}\\nSentiment:"`."""
    label_words: dict[str, str]
    """For each class, the words that continue the prompt, such as `" positive"`, including the space before them."""
    instruction: str = ""
    """An instruction before everything else: before all examples, or with `chat` as the system message."""
    chat: bool = False
    """Format the prompt as a conversation with the tokenizer's chat template; spaces around label words are then
    stripped."""
    score: Literal["mean", "sum"] = "mean"
    """The score of a class: log-likelihood of its label words per token (`mean`), unbiased by length, or summed over all tokens."""
    separator: str = "\n\n"
    """Separator between instruction, examples and text; not used with `chat`."""

    @model_validator(mode="after")
    def _is_a_prompt(self) -> Self:
        if (self.lm is None) == (self.path is None):
            raise ValueError("give either lm, a run of a language model, or path, a pre-trained one")
        if self.template.count(TEXT) != 1:
            raise ValueError(f"template must contain {TEXT} once, where the text goes, such as \"Review: {TEXT}\\nSentiment:\"")
        if self.template.endswith((" ", "\t")) and not self.chat:
            raise ValueError("template ends in a space, but language models read a space as the start of the next word: remove it, and "
                             "start each of label_words with it")
        empty = next((label for label, words in self.label_words.items() if not words.strip()), None)
        if empty is not None:
            raise ValueError(f"label_words has no words for the class {empty!r}; write what the model should continue with")
        return self

    @property
    def inputs(self) -> Inputs:
        return frozenset({"text"})

    @property
    def threads(self) -> int | None:
        return None


class PromptConfig(PromptingConfig):
    """Zero-, one- or few-shot: a language model classifies by its prompt alone; no weights are updated (Brown et al. 2020)."""

    learns_by: ClassVar[LearnsBy] = "solver"

    type: Literal["prompt"]
    shots: NonNegativeInt = 0
    """Number of examples in the prompt, with their label words, drawn at random from the training split by the seed, whatever their classes
    (Brown et al. 2020). A larger number adds to the examples of a smaller one."""
    balanced: bool = False
    """Draw the examples so that the counts of classes differ by at most one; the order of classes stays random."""
    calibration: Literal["none", "contextual"] = "none"
    """`contextual`: divide the probability of each class by its probability, with the same prompt, for texts without content (`N/A`, an
    empty text, `[MASK]`), which removes the bias of the prompt itself (Zhao et al. 2021)."""

    @classmethod
    def differs_by_seed(cls, section: Mapping[str, Any]) -> bool:
        """True if the seed draws examples."""
        return bool(section.get("shots"))

    @property
    def fitting(self) -> str:
        """How the model is fitted."""
        examples = f"{self.shots} example{'s' if self.shots != 1 else ''} in the prompt" if self.shots else "no example in the prompt"
        return f"no weight changes; {examples}"


class TunedPromptConfig(PromptingConfig, NetworkConfig):
    """The same prompt and label words, trained by gradient descent: cross-entropy over the class scores, which are also evaluated."""

    source_keys: ClassVar[tuple[str, ...]] = ("lm", "init_from")
    embedding_is_published: ClassVar[bool] = True

    type: Literal["tuned_prompt"]

    def problems(self, recipe: "Recipe") -> Iterator[Problem]:
        yield from super().problems(recipe)
        if self.dropout:
            yield Problem(("model", "dropout"), "has no effect on a prompted language model; leave it out")
        if recipe.training is not None and recipe.training.budget is not None and recipe.training.budget.seconds is None:
            yield Problem(("training", "budget"), "of tokens or FLOPs is not counted for a prompted language model; give seconds, or steps")
