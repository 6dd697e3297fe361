"""How much faster training goes with matrix products in bfloat16 (`training.precision: bf16`) than in fp32, on this CPU."""

from typing import Annotated, Any

import typer
from nlp.configs.load import load_recipe
from ours import opened
from pairs import in_turns, show


def compare(config: str, pairs: int = 9, steps: int = 20, threads: int | None = None) -> dict[str, Any]:
    """The same steps in both precisions, in turns. The ratio is steps per second of bf16 over those of fp32."""
    low, full = (load_recipe(config, ["training.epochs=100", f"training.precision={name}"]) for name in ("bf16", "fp32"))
    with opened(low, threads) as bf16, opened(full, threads) as fp32:
        times = in_turns(lambda: bf16.run(steps), lambda: fp32.run(steps), pairs)
    return {"case": config, **times.figures()}


def main(
    config: Annotated[list[str] | None, typer.Option(help="Recipe; may be repeated.")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Stretches in each precision.")] = 9,
    steps: Annotated[int, typer.Option(min=1, help="Steps in a stretch.")] = 20,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; by default those that the tool would take.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare bf16 with fp32."""
    recipes = config or [f"{dataset}/{model}" for dataset in ("20newsgroups", "nsmc") for model in ("cnn", "transformer")]
    show((compare(recipe, pairs, steps, threads) for recipe in recipes), json)


if __name__ == "__main__":
    typer.run(main)
