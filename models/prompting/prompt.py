"""The prompt as text: instruction, examples, the text to classify, and the words that name each class. No torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...configs.schema.models.prompting import TEXT, PromptingConfig
from ...errors import ConfigError

PLACE = "\ue000TEXT\ue001"
"""Placeholder for the text while a prompt is built, in private-use characters that no text contains."""


class Shot(NamedTuple):
    """An example in the prompt: its row in the training split, its text and its class."""

    row: int
    text: str
    label: str


@dataclass(frozen=True)
class Prompt:
    """The text of a prompt before and after each text to classify."""

    before: str
    after: str

    def of(self, text: str) -> str:
        """The prompt for a text."""
        return f"{self.before}{text}{self.after}"


def build_prompt(config: PromptingConfig, shots: Sequence[Shot], chat: Callable[[Sequence[Mapping[str, str]]], str]) -> Prompt:
    """Build it from instruction, examples with their label words, and a slot for the text; `chat` formats a conversation as text."""
    words = label_words(config)
    if config.chat:
        system = [{"role": "system", "content": config.instruction}] if config.instruction else []
        turns = [turn for shot in shots for turn in (_user(config, shot.text), {"role": "assistant", "content": words[shot.label]})]
        prompt = chat([*system, *turns, _user(config, PLACE)])
    else:
        first = [config.instruction] if config.instruction else []
        examples = [_filled(config, shot.text) + words[shot.label] for shot in shots]
        prompt = config.separator.join([*first, *examples, _filled(config, PLACE)])
    before, _, after = prompt.partition(PLACE)
    return Prompt(before, after)


def _user(config: PromptingConfig, text: str) -> dict[str, str]:
    return {"role": "user", "content": _filled(config, text)}


def _filled(config: PromptingConfig, text: str) -> str:
    return config.template.replace(TEXT, text)


def label_words(config: PromptingConfig) -> dict[str, str]:
    """The words of each class; in a chat, an answer starts without a space."""
    return {label: words.strip() if config.chat else words for label, words in config.label_words.items()}


def check_classes(config: PromptingConfig, labels: Sequence[str]) -> None:
    """Raises ConfigError if the label words do not cover exactly the classes."""
    unknown = [label for label in config.label_words if label not in labels]
    missing = [label for label in labels if label not in config.label_words]
    if unknown:
        raise ConfigError(f"model.label_words names {_some(unknown)}, which the data does not have as a class. "
                          f"The classes are: {', '.join(labels)}.")
    if missing:
        raise ConfigError(f"model.label_words has no words for {_some(missing)}. Every class needs some: {', '.join(labels)}.")


def check_label_tokens(config: PromptingConfig, tokens: Mapping[str, Sequence[int]], unknown: int | None, name: str) -> None:
    """Raises ConfigError if the label words of two classes cannot be distinguished, or the tokenizer does not know one of the words."""
    words = label_words(config)
    for label, ids in tokens.items():
        if not ids or unknown in ids:
            raise ConfigError(f"model.label_words: {words[label]!r} of the class {label!r} has a word that the tokenizer of {name} does "
                              "not know, so the model could never generate it. Choose words that are frequent in its training data.")
    for label, ids in tokens.items():
        for other, longer in tokens.items():
            if label != other and list(longer[: len(ids)]) == list(ids) and (config.score == "sum" or len(ids) == len(longer)):
                raise ConfigError(_indistinguishable(words, label, other, len(ids) == len(longer)))


def _indistinguishable(words: Mapping[str, str], label: str, other: str, equal: bool) -> str:
    pair = f"model.label_words: {words[label]!r} of the class {label!r} and {words[other]!r} of the class {other!r}"
    if equal:
        return f"{pair} are the same tokens to this language model, so the two would always tie. Choose other words."
    return (f"{pair} begin with the same tokens, and the sum over all tokens (model.score: sum) never favours the longer. Choose other "
            "words, or `score: mean`.")


def _some(names: Sequence[str]) -> str:
    return ", ".join(f"{name!r}" for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
