"""Steps per second of a light bag classifier in the tool's loop and in two widely used trainers, on the same module and batches.

Each trainer is left at its defaults. All use the same optimiser and clipping; the tool also counts loss and accuracy in every step,
the others the loss alone. Setting up is not timed: the clock starts after the first steps and stops with the last.
"""

import copy
import importlib.util
import os
import sys
import time
import warnings
from collections.abc import Callable
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import torch
import typer
from nlp.configs.load import load_recipe
from nlp.datasets.arrays import IntArray
from nlp.training.loop.gradient import to_tensors
from nlp.training.loop.optimizers import build_optimizer
from ours import Ours, opened
from pairs import Pairs, seconds, show
from step_loop import EPOCHS, LIGHT_BAG
from torch import Tensor, nn
from torch.nn import functional

WARM_UP = 20
"""Steps before the clock starts."""
CPU = torch.device("cpu")


class Rows(torch.utils.data.Dataset[Any]):
    """Ready batches by number, each made when it is needed, as the tool makes them."""

    def __init__(self, ours: Ours, rows: list[IntArray]) -> None:
        self.split, self.rows = ours.data.splits["train"], rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        inputs, labels = to_tensors(self.split.batch(self.rows[place], {"bag"}), CPU)
        return {"tokens": inputs["tokens"], "starts": inputs["starts"], "labels": labels}


class Clock:
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def tick(self) -> None:
        self.ends.append(time.perf_counter())

    @property
    def per_step(self) -> float:
        """Seconds a step, the first ones left out."""
        return (self.ends[-1] - self.ends[WARM_UP - 1]) / (len(self.ends) - WARM_UP)


def lightning_seconds(ours: Ours, rows: list[IntArray], folder: str) -> float:
    """Seconds a step in Lightning's Trainer."""
    import lightning

    clock, training = Clock(), ours.recipe.training
    assert training is not None

    class Bag(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = copy.deepcopy(ours.learner.model)

        def training_step(self, batch: dict[str, Tensor], _place: int) -> Tensor:
            loss = functional.cross_entropy(self.model(tokens=batch["tokens"], starts=batch["starts"]), batch["labels"])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return build_optimizer(training.optimizer, self)

        def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
            clock.tick()

    trainer = lightning.Trainer(default_root_dir=folder, accelerator="cpu", max_epochs=1, gradient_clip_val=training.clip_norm)
    trainer.fit(Bag(), torch.utils.data.DataLoader(Rows(ours, rows), batch_size=None))
    return clock.per_step


def hugging_face_seconds(ours: Ours, rows: list[IntArray], folder: str) -> float:
    """Seconds a step in Hugging Face's Trainer."""
    import transformers

    clock, training = Clock(), ours.recipe.training
    assert training is not None

    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = copy.deepcopy(ours.learner.model)

        def forward(self, tokens: Tensor, starts: Tensor, labels: Tensor) -> dict[str, Tensor]:
            logits = self.model(tokens=tokens, starts=starts)
            return {"loss": functional.cross_entropy(logits, labels), "logits": logits}

    class Ticks(transformers.TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.tick()

    arguments = transformers.TrainingArguments(folder, num_train_epochs=1, per_device_train_batch_size=1, use_cpu=True,
                                               max_grad_norm=training.clip_norm or 0.0)
    model = Bag()
    trainer = transformers.Trainer(model, arguments, train_dataset=Rows(ours, rows), data_collator=lambda items: items[0],
                                   callbacks=[Ticks()], optimizers=(build_optimizer(training.optimizer, model), None))
    trainer.train()
    return clock.per_step


PEERS: dict[str, tuple[str, Callable[[Ours, list[IntArray], str], float]]] = {
    "lightning": ("lightning", lightning_seconds),
    "hugging-face": ("transformers accelerate", hugging_face_seconds),
}


def compare(peer: str, dataset: str = "trec", pairs: int = 9, steps: int = 500) -> dict[str, Any]:
    """The ratio is steps per second of the tool over those of a peer."""
    recipe, train = load_recipe(f"{dataset}/deep-mlp", [f"training.epochs={EPOCHS}", *LIGHT_BAG]), PEERS[peer][1]
    mine, theirs = [], []
    with opened(recipe) as ours, TemporaryDirectory() as folder:
        ours.run(WARM_UP)
        for _ in range(pairs):
            rows = ours.rows(WARM_UP + steps)
            mine.append(seconds(lambda: ours.run(steps)) / steps)
            theirs.append(train(ours, rows, folder))
    per_step = {"ours_ms": 1000 * median(mine), "peer_ms": 1000 * median(theirs)}
    return {"case": f"{dataset} bag, {peer}", **Pairs(mine, theirs).figures(), **per_step}


def missing(peer: str) -> str | None:
    """How to install a peer, where a package of it is not there."""
    packages = PEERS[peer][0]
    absent = [name for name in packages.split() if importlib.util.find_spec(name) is None]
    return f"{peer} is not installed here: pip install {packages}" if absent else None


def main(
    peer: Annotated[list[str] | None, typer.Option(help="lightning or hugging-face; may be repeated.")] = None,
    dataset: Annotated[str, typer.Option(help="A folder of configs/.")] = "trec",
    pairs: Annotated[int, typer.Option(min=1, help="Stretches of each.")] = 9,
    steps: Annotated[int, typer.Option(min=1, help="Steps in a stretch.")] = 500,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the tool with other trainers."""
    warnings.simplefilter("ignore")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    absent = {one: how for one in peer or PEERS if (how := missing(one))}
    for how in absent.values():
        print(how, file=sys.stderr)
    show((compare(one, dataset, pairs, steps) for one in peer or PEERS if one not in absent), json)


if __name__ == "__main__":
    typer.run(main)
