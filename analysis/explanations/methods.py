"""The methods of explanation: which of them fit a run, and how each explains texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...configs.schema.models.neural_symbolic import NeuralSymbolicConfig
from ...configs.schema.tasks.classification import ClassificationConfig
from ...datasets.arrays import FloatArray
from ...datasets.encoded.split import Batch, Split
from ...errors import ConfigError
from ...models.classical.classifier import Classical
from ...models.rules import Rules
from ...training.open_run import OpenedRun
from .explanation import Explanation, Share
from .leave_one_out import class_scores, leave_one_out
from .own_reasons import feature_names
from .words import shared_by_word, summed_by_word, word_places, words_of

GRADIENTS = ("integrated_gradients", "gradient_input")
ATTENTION = ("attention", "attention_rollout")
METHODS = ("auto", "rules", "weights", *GRADIENTS, "leave_one_out", *ATTENTION)
Explainer = Callable[[Split, Batch, Any], list[Explanation]]
"""From texts, their batch and its predictions to an explanation of each prediction."""


@dataclass(frozen=True)
class Predicted:
    """A text, its inputs as a batch of one, and the id of the class that the model predicts."""

    text: str
    inputs: dict[str, Any]
    label: int


def methods_of(run: OpenedRun) -> tuple[str, ...]:
    """The methods that fit the model, the default (`auto`) first; empty for tasks other than classification. Rows of numbers have no
    words to leave out.
    """
    if not isinstance(run.recipe.task, ClassificationConfig):
        return ()
    by_features = ("weights",) if isinstance(run.model, Classical) and run.model.why_names == "features" else ()
    if not run.recipe.task.reads_texts:
        return by_features
    if isinstance(run.model, Rules):
        return ("rules", "leave_one_out")
    if isinstance(run.model, Classical):
        return (*by_features, "leave_one_out")
    if isinstance(run.recipe.model, NeuralSymbolicConfig):
        return (*GRADIENTS, "rules", "leave_one_out")
    reads_tokens = run.recipe.model.learns_by == "gradient" and bool(run.model.config.inputs & {"tokens", "bag"})
    return (*GRADIENTS, "leave_one_out", *_attention_of(run)) if reads_tokens else ("leave_one_out",)


def _attention_of(run: OpenedRun) -> tuple[str, ...]:
    from ...models.networks.network import Network
    from .attention import attends, attends_in_layers

    assert isinstance(run.model, Network)
    return ATTENTION if attends_in_layers(run.model) else ATTENTION[:1] if attends(run.model) else ()


def chosen(run: OpenedRun, method: str) -> str:
    """The method's name, with `auto` resolved. Raises ConfigError for an unknown method, or one that does not fit the model."""
    possible = methods_of(run)
    if method not in METHODS:
        raise ConfigError(f"There is no method of explanation {method!r}. The methods are {', '.join(METHODS)}; for "
                          f"{run.directory.address}: {', '.join(('auto', *possible)) if possible else 'none'}.")
    if not possible:
        raise ConfigError(f"{run.directory.address} cannot be explained: explanations are for the class of a text or, with a classical "
                          "model, of a row of numbers, and this run predicts neither. Leave the option out.")
    if method != "auto" and method not in possible:
        raise ConfigError(f"{method} cannot explain {run.directory.address}, whose model.type is {run.recipe.model.type}. "
                          f"It can be explained by {', '.join(('auto', *possible))}.")
    return possible[0] if method == "auto" else method


def explainer(run: OpenedRun, method: str) -> Explainer:
    """The function that explains predictions by a method. Raises ConfigError as `chosen` does."""
    return partial(_explained, run, chosen(run, method))


def explanations_of(run: OpenedRun, methods: Sequence[str], text: str) -> list[Explanation]:
    """One text, predicted once and explained by each of these methods, which have to fit the run."""
    split = run.task.preparation.unlabelled([text], run.encoding)
    batch = split.batch(np.arange(1), run.model.config.inputs)
    predictions = run.task.predict(run.model, batch)
    return [explanation for method in methods for explanation in _explained(run, method, split, batch, predictions)]


def _explained(run: OpenedRun, method: str, split: Split, batch: Batch, predictions: Any) -> list[Explanation]:
    explain = {"rules": _by_rules, "weights": _by_weights, "leave_one_out": _by_leaving_out}.get(method, _by_network)
    alone = (split.batch(np.array([row]), run.model.config.inputs).inputs for row in batch.rows)
    return [explain(run, method, Predicted(split.example(int(row))["text"], inputs, int(label)))
            for row, inputs, label in zip(batch.rows, alone, predictions.predicted, strict=True)]


def _by_leaving_out(run: OpenedRun, method: str, predicted: Predicted) -> Explanation:
    numbers = leave_one_out(partial(class_scores, run), predicted.text)
    return Explanation(method, predicted.text, _shares(words_of(predicted.text), numbers), numbers, between=" ")


def _by_rules(run: OpenedRun, method: str, predicted: Predicted) -> Explanation:
    """The matches of rules with their weights, negative for votes for another class; a weight is divided equally among its words."""
    rules: Rules = run.model if isinstance(run.model, Rules) else run.model.rules
    shares, by_word = list[Share](), np.zeros(len(words_of(predicted.text)))
    for label, weight, matched, words in rules.findings([predicted.text])[0]:
        number = weight if label == run.task.labels[predicted.label] else -weight
        shares.append(Share(matched, number))
        for place in words:
            by_word[list(place)] += number / len(words) / max(len(place), 1)
    return Explanation(method, predicted.text, shares, by_word)


def _by_weights(run: OpenedRun, method: str, predicted: Predicted) -> Explanation:
    assert isinstance(run.model, Classical)
    (contributions,) = run.model.contributions(**predicted.inputs, predicted=np.array([predicted.label]))
    if "vectors" in predicted.inputs:
        names = feature_names(run, contributions.features.tolist(), range(run.model.n_features))
        return Explanation(method, predicted.text, _shares(names, contributions.amounts), None)
    names = feature_names(run, contributions.features.tolist(), set(predicted.inputs["tokens"].tolist()))
    return Explanation(method, predicted.text, _shares(names, contributions.amounts), _of_bag(run, predicted.text, *contributions))


def _by_network(run: OpenedRun, method: str, predicted: Predicted) -> Explanation:
    from . import attention, gradients

    inputs, error = predicted.inputs, None
    if method in ATTENTION:
        numbers = (attention.attention if method == "attention" else attention.attention_rollout)(run.model, inputs)
    else:
        attribute = gradients.gradient_input if method == "gradient_input" else gradients.integrated_gradients
        numbers, error, _ = attribute(run.model, inputs)
    tokenizer = run.encoding.tokenizer
    assert tokenizer is not None, "a network reads tokens"
    tokens = inputs["tokens"].ravel()[: len(numbers)]
    names = tokenizer.tokens(tokens)
    if not tokenizer.config.ordered:
        return Explanation(method, predicted.text, _shares(names, numbers), _of_bag(run, predicted.text, tokens, numbers), error)
    places = word_places(tokenizer, predicted.text, names)
    by_word = None if places is None else summed_by_word(numbers.tolist(), places, len(words_of(predicted.text)))
    between = " " if tokenizer.config.type in ("words", "wordpiece") else ""
    return Explanation(method, predicted.text, _shares(names, numbers), by_word, error, between)


def _of_bag(run: OpenedRun, text: str, features: Any, numbers: FloatArray) -> FloatArray | None:
    """(n_words,): the numbers of n-grams, divided among their words."""
    assert run.encoding.tokenizer is not None
    return shared_by_word(run.encoding.tokenizer, text, features, numbers)


def _shares(names: Sequence[str], numbers: FloatArray) -> list[Share]:
    return [Share(name, number) for name, number in zip(names, numbers.tolist(), strict=True)]
