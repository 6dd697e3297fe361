"""Several players in one model, each with its own gradients and optimiser; several outputs; targets that are numbers."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from contracts import CLASSES, N_CLASSES, TAGS, Case, cnn, one_thread, recurrent, some_texts, tensors_for, transformer
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.tasks.classification import ClassificationConfig
from nlp.configs.schema.training import Sgd, TrainingConfig
from nlp.datasets.arrays import Ragged
from nlp.datasets.encoded.split import Batch, Encoding, Target
from nlp.datasets.encoded.texts.labelled_texts import LabelledSplit
from nlp.datasets.tables import Table
from nlp.models.networks.network import Network
from nlp.tasks.classification import Classification
from nlp.tasks.losses import Loss, Objective
from nlp.training.distributed import World
from nlp.training.loop.gradient import GradientLearner
from nlp.training.loop.schedules import Schedule
from torch import nn
from torch.nn import functional

__all__ = ["one_thread"]

RATES = {"discriminator": 0.1, "generator": 0.02}


class Gan(nn.Module):
    """A generator and a discriminator, as linear as possible."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.generator, self.discriminator = nn.Linear(3, 3), nn.Linear(3, 1)

    def carried_tensors(self) -> dict:
        return {}

    def prepared(self, inputs):
        return inputs


class AdversarialLoss(Loss):
    """The sum of what `score` gives for each row."""

    def __init__(self, score: Callable) -> None:
        self.score = score

    def count(self, targets):
        return targets["real"].mask.sum()

    def sums(self, module, inputs, targets, count, step):
        return {"loss": (self.score(module, inputs["x"]), count)}


class Adversarial:
    """Two players; the backward pass of each goes through the weights of the other too."""

    def objectives(self, model):
        return [
            Objective("discriminator", model.discriminator, AdversarialLoss(lambda d, x: d(model.generator(x)).square().sum()),
                      Sgd(type="sgd", learning_rate=RATES["discriminator"])),
            Objective("generator", model.generator, AdversarialLoss(lambda g, x: model.discriminator(g(x)).sum()),
                      Sgd(type="sgd", learning_rate=RATES["generator"])),
        ]


def batch(step: int) -> Batch:
    rows = np.random.default_rng(step).normal(size=(4, 3)).astype(np.float32)
    return Batch(np.arange(4), {"x": rows}, {"real": Target(np.ones(4, np.float32), np.ones(4, bool))})


def training(**more) -> TrainingConfig:
    return TrainingConfig.model_validate({"steps": 9, "optimizer": {"type": "sgd", "learning_rate": 9.0}, **more})


def learner_of(model: nn.Module, task: Classification | Adversarial, config: TrainingConfig) -> GradientLearner:
    return GradientLearner(model, task, config, Schedule(config.schedule, 9), seed=1, world=World())


def step_by_hand(module: nn.Module, loss: torch.Tensor, name: str, clip_norm: float | None) -> None:
    """Gradient descent with nothing but this loss's own gradients."""
    parameters = list(module.parameters())
    gradients = torch.autograd.grad(loss, parameters)
    norm = float(torch.stack([gradient.norm() for gradient in gradients]).norm())
    scale = min(1.0, clip_norm / norm) if clip_norm else 1.0
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.sub_(RATES[name] * scale * gradient)


@pytest.mark.parametrize("clip_norm", [None, 0.01])
def test_each_player_steps_by_its_own_gradients_and_its_own_rate(clip_norm):
    model, by_hand = Gan(), Gan()
    learner = learner_of(model, Adversarial(), training(clip_norm=clip_norm))
    for step in (1, 2, 3):
        ratios = learner.update([batch(step)], step, watched=True)
        assert sorted(ratios) == ["discriminator_loss", "generator_loss"]
        x = torch.from_numpy(batch(step).inputs["x"])
        step_by_hand(by_hand.discriminator, by_hand.discriminator(by_hand.generator(x)).square().sum() / 4, "discriminator", clip_norm)
        step_by_hand(by_hand.generator, by_hand.discriminator(by_hand.generator(x)).sum() / 4, "generator", clip_norm)
        for one, other in zip(model.parameters(), by_hand.parameters(), strict=True):
            torch.testing.assert_close(one, other)
        assert all(parameter.grad is None for parameter in model.parameters()), "nothing is left for the next step"


def test_figures_name_the_rate_of_each_player():
    learner = learner_of(Gan(), Adversarial(), training())
    learner.update([batch(1)], 1, watched=True)
    figures = learner.figures()
    assert {name: value for name, value in figures.items() if "rate" in name and "update" not in name} == {
        f"learning_rate/{name}": rate for name, rate in RATES.items()}


class Fused(Network):
    """Reads tokens and the text itself: an LSTM beside a rule that looks for an exclamation mark."""

    def __init__(self) -> None:
        super().__init__(recurrent("lstm"))
        self.network = Case("lstm", recurrent("lstm")).build()
        self.weight = nn.Parameter(torch.zeros(N_CLASSES))

    def forward(self, texts, tokens, lengths):
        fired = torch.tensor([[float("!" in text)] for text in texts])
        return self.network(tokens, lengths) + fired * self.weight


def test_a_model_may_read_tokens_and_the_text_itself():
    encoding = Encoding(SizesData(type="sizes", n_classes=N_CLASSES), tuple("abcd"), (1, 1, 1, 1))
    task = Classification(ClassificationConfig(type="classification"), encoding)
    texts = ["no", "yes!", "no no", "yes! yes!"]
    encoded = Ragged(np.full(6, 9, dtype=np.int32), np.array([0, 1, 2, 4, 6]))
    split = LabelledSplit("train", Table({"text": texts}, "here"), texts, list("abab"), np.array([0, 1, 0, 1]), encoded)
    batch_of_both = split.batch(np.arange(4), frozenset({"text", "tokens"}))
    model = Fused()
    learner = learner_of(model, task, training(optimizer={"type": "adam", "learning_rate": 0.1}))
    for step in range(1, 30):
        learner.update([batch_of_both], step, watched=False)
    assert task.predict(model, batch_of_both).predicted.tolist() == [0, 1, 0, 1], "the tokens alone are all the same"


@pytest.mark.parametrize("config", [cnn(), recurrent("lstm", bidirectional=True), transformer(), transformer(positions="rotary")],
                         ids=lambda config: config.type)
def test_two_outputs_over_the_same_states_learn_together(config):
    """A class for each text and a tag for each token, as in intent detection with slot filling."""
    case = Case("both", config, {"intent": CLASSES, "slots": TAGS})
    model, texts = case.build(), some_texts(6, 5)
    inputs = tensors_for(case, texts)
    classes = torch.arange(len(texts)) % N_CLASSES
    tags = torch.where(inputs["tokens"] > 0, inputs["tokens"] % N_CLASSES, -1).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(200):
        outputs = model(**inputs)
        loss = functional.cross_entropy(outputs["intent"], classes)
        loss = loss + functional.cross_entropy(outputs["slots"].flatten(0, 1), tags.flatten(), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    arrays = model.outputs(**{name: tensor.numpy() for name, tensor in inputs.items()})
    assert (arrays["intent"].argmax(1) == classes.numpy()).all()
    assert (arrays["slots"].argmax(2) == tags.numpy())[tags.numpy() >= 0].mean() > 0.95
