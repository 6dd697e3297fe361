"""The table of methods: which of them a run can be explained by, and one text explained."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...configs.schema.classification import ClassificationConfig
from ...errors import ConfigError
from ...models.classical.classifier import Classical
from ...models.rules import Rules
from ...training.open_run import OpenedRun
from ..explain import explain as reasons_of
from .explanation import Explanation, Share
from .leave_one_out import class_scores, leave_one_out
from .words import words_of

GRADIENTS = ("integrated_gradients", "gradient_input")
METHODS = ("auto", "rules", "weights", *GRADIENTS, "leave_one_out")
Explainer = Callable[[str], Explanation]


def methods_of(run: OpenedRun) -> tuple[str, ...]:
    """The methods that fit the model, the default (`auto`) first; none for tasks other than text classification."""
    if not isinstance(run.recipe.task, ClassificationConfig):
        return ()
    if "text" not in run.recipe.task.offered:  # of numbers there are no words to leave out
        return ("weights",) if isinstance(run.model, Classical) and run.model.why_names == "features" else ()
    if isinstance(run.model, Rules):
        return ("rules", "leave_one_out")
    if isinstance(run.model, Classical):
        return ("weights", "leave_one_out") if run.model.why_names == "features" else ("leave_one_out",)
    reads_tokens = run.recipe.model.learns_by == "gradient" and bool(run.model.config.inputs & {"tokens", "bag"})
    return (*GRADIENTS, "leave_one_out") if reads_tokens else ("leave_one_out",)


def chosen(run: OpenedRun, method: str) -> str:
    """The method by its own name. Raises ConfigError for one that there is not, or that the model cannot give."""
    possible = methods_of(run)
    if method not in METHODS:
        raise ConfigError(f"There is no method of explanation {method!r}. The methods are {', '.join(METHODS)}; for "
                          f"{run.directory.address}: {', '.join(('auto', *possible)) if possible else 'none'}.")
    if not possible:
        raise ConfigError(f"{run.directory.address} cannot be explained: explanations say why a text is of its class, or with a classical "
                          "model a row of numbers, and this run predicts neither. Leave the option out.")
    if method != "auto" and method not in possible:
        raise ConfigError(f"{method} cannot explain {run.directory.address}, whose model.type is {run.recipe.model.type}. "
                          f"It can be explained by {', '.join(('auto', *possible))}.")
    return possible[0] if method == "auto" else method


def explainer(run: OpenedRun, method: str) -> Explainer:
    """From a text to its explanation. Raises ConfigError as `chosen` does."""
    match chosen(run, method):
        case "leave_one_out":
            return partial(_by_leaving_out, run)
        case "rules" | "weights" as name:
            return partial(_by_reasons, run, name)
        case name:
            return partial(_by_gradients, run, name)


def _inputs(run: OpenedRun, text: str) -> tuple[dict[str, Any], Any]:
    batch = run.task.preparation.unlabelled([text], run.encoding).batch(np.arange(1), run.model.config.inputs)
    return batch.inputs, batch


def _by_leaving_out(run: OpenedRun, text: str) -> Explanation:
    numbers = leave_one_out(partial(class_scores, run), text)
    return Explanation("leave_one_out", _shares(words_of(text), numbers.tolist()), between=" ")


def _by_reasons(run: OpenedRun, method: str, text: str) -> Explanation:
    """What a rule found with its weight, against the class where it voted for another; or n-grams with their weights."""
    inputs, batch = _inputs(run, text)
    predictions = run.task.predict(run.model, batch)
    (why,) = reasons_of(run, inputs, predictions) or [{}]
    if method == "weights":
        return Explanation(method, _shares(list(why), list(why.values())))
    predicted = run.task.labels[int(predictions.predicted[0])]
    fired = why.get("fired", [why] if why["rule"] is not None else [])
    return Explanation(method, [Share(each["matched"], each.get("weight", 1.0) * (1 if each["label"] == predicted else -1))
                                for each in fired])


def _by_gradients(run: OpenedRun, method: str, text: str) -> Explanation:
    from . import gradients

    inputs, _ = _inputs(run, text)
    attribute = gradients.gradient_input if method == "gradient_input" else gradients.integrated_gradients
    found, tokenizer = attribute(run.model, inputs), run.encoding.tokenizer
    assert tokenizer is not None, "a network reads tokens"
    names = tokenizer.tokens(inputs["tokens"].ravel()[: len(found.numbers)])
    between = (" " if tokenizer.config.type in ("words", "wordpiece") else "") if tokenizer.config.ordered else None
    return Explanation(method, _shares(names, found.numbers.tolist()), found.completeness_error, between)


def _shares(names: Sequence[str], numbers: Sequence[float]) -> list[Share]:
    return [Share(name, number) for name, number in zip(names, numbers, strict=True)]
