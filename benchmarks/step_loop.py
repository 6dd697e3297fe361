"""What the tool's loop costs over the best loop that a person would write by hand for that one model.

Both take the same steps on the same batches, in turns. A ratio of 1 means that the tool costs nothing, 0.95 that it takes 5 % longer.
The tool draws the order of its batches, writes its log and adds up its figures; for the bare loop the order is computed outside the
timed part.
"""

import itertools
import time
from collections.abc import Sequence
from statistics import median
from typing import Annotated, Any

import torch
import typer
from bare import BareLoop, TextLoop
from bare_language import LanguageLoop
from bare_tagging import TaggingLoop
from bare_translation import PairLoop
from nlp.configs.load import load_recipe
from nlp.configs.schema.recipe import Recipe
from nlp.datasets.encoded.split import Data
from ours import opened
from pairs import Clock, in_turns, show

RECIPES = {"mlp": "deep-mlp", "cnn": "cnn", "lstm": "bilstm", "transformer": "transformer", "bag": "deep-mlp"}
OWN_NAMES = ("tinyshakespeare", "pydocs", "multi30k", "dates")
"""Datasets whose recipes are called as the models are: of language models, whose LSTM reads in one direction, and of encoder-decoders."""
LOOPS: dict[str, type[BareLoop]] = {"classification": TextLoop, "tagging": TaggingLoop, "language_modeling": LanguageLoop,
                                    "sequence_to_sequence": PairLoop}
LIGHT_BAG = ("model.d_embedding=32", "model.hidden_sizes=[]", "training.batch_size=64")
"""Short texts and few weights: a step so short that whatever the loop adds shows."""
STEPS = {"mlp": 100, "cnn": 50, "lstm": 50, "transformer": 50, "gru": 20, "bag": 500}
EPOCHS = 100
"""More than any comparison takes."""


def compare(dataset: str, model: str, pairs: int = 9, steps: int | None = None, threads: int | None = None,
            settings: Sequence[str] = (), clock: Clock = time.perf_counter) -> dict[str, Any]:
    """Time stretches of `steps` steps, the tool's and the bare loop's; milliseconds are medians per step."""
    light = LIGHT_BAG if model == "bag" else ()
    undropped = () if model in ("mlp", "bag") else ("model.token_dropout=0",)  # a person's loop has none
    name = model if dataset in OWN_NAMES else RECIPES[model]
    recipe = load_recipe(f"{dataset}/{name}", [f"training.epochs={EPOCHS}", "training.steps=null", *light, *undropped, *settings])
    steps = steps or STEPS[model]
    with opened(recipe, threads) as ours:
        torch.manual_seed(1)
        bare = by_hand(recipe, ours.data, ours.plan.n_steps)
        assert n_weights(bare.model) == n_weights(ours.learner.model), "the two models are not of the same size"
        batches, firsts = ours.rows(steps * (pairs + 1)), itertools.count(1, steps)

        def run_bare() -> None:
            first = next(firsts)
            bare.run(batches[first - 1 : first - 1 + steps], first)

        times = in_turns(lambda: ours.run(steps), run_bare, pairs, clock)
    per_step = {"ours_ms": 1000 * median(times.one) / steps, "bare_ms": 1000 * median(times.other) / steps}
    overhead = median(1000 * (one - other) / steps for one, other in zip(times.one, times.other, strict=True))
    return {"case": f"{dataset} {model}", **times.figures(), **per_step, "overhead_ms": overhead}


def by_hand(recipe: Recipe, data: Data, n_steps: int) -> BareLoop:
    """The loop by hand for a recipe's task."""
    assert recipe.task is not None
    return LOOPS[recipe.task.type](recipe, data, n_steps)


def n_weights(module: torch.nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(weights.numel() for weights in module.parameters())


def main(
    model: Annotated[list[str] | None, typer.Option(help="mlp, cnn, lstm, gru, transformer or bag (a light one); may be repeated.")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="A folder of configs/; may be repeated.")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Stretches of each loop.")] = 9,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps in a stretch; by default 50 to 500 by model.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; by default those that the tool would take.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a key, such as training.precision=bf16.")] = None,
    processor_time: Annotated[bool, typer.Option(help="Count this process's time on the processor, where others run too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the tool's loop with bare loops."""
    clock = time.process_time if processor_time else time.perf_counter
    rows = (compare(one, which, pairs, steps, threads, set_ or (), clock)
            for one in dataset or ["20newsgroups", "nsmc"] for which in model or ["mlp", "cnn", "lstm", "transformer"])
    show(rows, json)


if __name__ == "__main__":
    typer.run(main)
