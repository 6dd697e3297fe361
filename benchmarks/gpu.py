"""How fast a GPU trains, against the same steps by hand: about five minutes in all. On a CPU it only tries the script.

The model is nanoGPT's for Shakespeare's characters, `tinyshakespeare/transformer-10m`; both loops train the same module in bfloat16.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import torch
import typer
from nlp.configs.load import load_recipe
from nlp.configs.schema.tokenizer import BOS
from nlp.datasets.encoded.texts.token_stream import TokenStream
from nlp.training.devices import Setting, choose_device
from nlp.training.folder.run_directory import RunDirectory
from nlp.training.run import run_recipe
from ours import Ours, opened
from pairs import in_turns, show
from torch import Tensor
from torch.nn import functional

LANGUAGE_MODEL, CLASSIFIER = "tinyshakespeare/transformer-10m", "names/lstm"
GRAPHS = ("training.cuda_graphs=true", "training.compile=true")


class PlainLoop:
    """The steps by hand: a random batch of blocks, forward, loss, backward, clip, step. `recorded`: compiled, and in one CUDA graph."""

    def __init__(self, ours: Ours, recorded: bool) -> None:
        split, training = ours.data.splits["train"], ours.recipe.training
        assert isinstance(split, TokenStream) and training is not None and isinstance(training.batch_size, int)
        self.model, self.device = ours.learner.model, ours.learner.model.device
        self.text = torch.from_numpy(np.concatenate([[BOS], split.ids]).astype(np.int64)).to(self.device)
        self.place, self.batch_size, self.clip_norm = torch.arange(split.block_size + 1, device=self.device), training.batch_size, 1.0
        self.forward = torch.compile(self.model) if recorded else self.model
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, fused=True, capturable=recorded)
        self.blocks = self.draw()
        self.replay = self.recorded() if recorded else None

    def draw(self) -> Tensor:
        """(batch, block + 1)"""
        starts = torch.randint(len(self.text) - len(self.place), (self.batch_size, 1), device=self.device)
        return self.text[starts + self.place]

    def step(self) -> None:
        """Forward, loss, backward, clip, step."""
        tokens, lengths = self.blocks[:, :-1], self.place[-1:].expand(self.batch_size)
        with torch.autocast(self.device.type, torch.bfloat16) if self.device.type == "cuda" else nullcontext():
            logits = self.forward(tokens=tokens, lengths=lengths)
        functional.cross_entropy(logits.float().flatten(0, 1), self.blocks[:, 1:].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def recorded(self) -> Callable[[], None]:
        """The step as one CUDA graph."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step()
        return graph.replay

    def run(self, steps: int) -> None:
        """So many steps, and a wait for the last."""
        for _ in range(steps):
            self.blocks.copy_(self.draw())
            (self.replay or self.step)()
        wait(self.device.type)


def wait(device: str) -> None:
    """Until the device has done all that it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def compare(device: str, recorded: bool, pairs: int, steps: int, settings: Sequence[str]) -> dict[str, Any]:
    """Stretches of the tool's loop and of the loop by hand, in turns."""
    recipe = load_recipe(LANGUAGE_MODEL, ("training.precision=bf16", *(GRAPHS if recorded else ()), *settings))
    with opened(recipe, device=device) as ours, opened(recipe, device=device) as other:
        plain = PlainLoop(other, recorded)

        def run_ours() -> None:
            ours.run(steps)
            wait(device)

        times = in_turns(run_ours, lambda: plain.run(steps), pairs)
    name = "compiled and recorded" if recorded else "eager"
    return {"case": f"{name}: by hand / ours", **times.figures(), "ours_ms": 1000 * min(times.one) / steps,
            "by_hand_ms": 1000 * min(times.other) / steps}


def classifier(device: str, pairs: int, steps: int) -> dict[str, Any]:
    """An LSTM over names, whose step is short: on the device with recorded steps, and on the CPU."""
    recipe = load_recipe(CLASSIFIER, ["training.cuda_graphs=true"])
    with opened(recipe, device=device) as ours, opened(recipe, device="cpu") as cpu:
        def run_ours() -> None:
            ours.run(steps)
            wait(device)

        times = in_turns(run_ours, lambda: cpu.run(steps), pairs)
    return {"case": f"{CLASSIFIER}: CPU / {device}", **times.figures()}


def quality(device: str, settings: Sequence[str]) -> dict[str, Any]:
    """One complete run with recorded steps: its validation loss, and how long it took."""
    recipe = load_recipe(LANGUAGE_MODEL, ["training.precision=bf16", "training.cuda_graphs=true", *settings])
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder) / LANGUAGE_MODEL / "run", Path(folder))
        directory.path.mkdir(parents=True)
        results = run_recipe(recipe, Setting(1, device), directory)
    assert results is not None
    return {"case": f"{LANGUAGE_MODEL}, complete", "validation_loss": results.metrics["validation"]["loss"],
            "seconds": time.perf_counter() - started}


def all_cases(device: str, pairs: int, steps: int, settings: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What can be measured on the device, the short cases first."""
    yield compare(device, False, pairs, steps, settings)
    yield classifier(device, pairs, steps)
    if device == "cuda":
        yield compare(device, True, pairs, steps, settings)
    yield quality(device, settings)


def main(
    device: Annotated[str, typer.Option(help="cuda, or cpu to try the script.")] = "cuda",
    pairs: Annotated[int, typer.Option(min=1, help="Stretches of each loop.")] = 5,
    steps: Annotated[int, typer.Option(min=1, help="Steps in a stretch.")] = 200,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a key of the language model's recipe.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare training on a GPU with loops by hand, and with the CPU."""
    show(all_cases(choose_device(load_recipe(LANGUAGE_MODEL), device), pairs, steps, set_ or ()), json)


if __name__ == "__main__":
    typer.run(main)
