"""How much faster a transformer generates text when it caches keys and values.

The weights are those of a run that has only started: they change the text, not the time.
"""

from typing import Annotated, Any

import numpy as np
import typer
from nlp.configs.load import load_recipe
from nlp.configs.schema.tokenizer import BOS
from nlp.models.generation import choose
from nlp.models.head import Sampling
from ours import opened
from pairs import in_turns, show


def drawn(model: Any, length: int, kept: bool) -> list[int]:
    """`length` tokens after [BOS], without an early end; `kept`: each costs one position, otherwise all positions before it again."""
    sampling, text, past = Sampling(), [BOS], None
    generator = np.random.default_rng(sampling.seed)
    for _ in range(length):
        scores, past = model.next_scores(text[-1:], past) if kept else model.next_scores(text, None)
        text.append(choose(scores, sampling, generator))
    return text[1:]


def compare(config: str, pairs: int = 9, length: int = 256, threads: int | None = None) -> dict[str, Any]:
    """The same draws in turns. The ratio is tokens per second with keys and values kept over those without."""
    recipe = load_recipe(config, [f"task.block_size={length}", f"model.max_positions={length}"])
    with opened(recipe, threads) as run:
        model = run.learner.model
        times = in_turns(lambda: drawn(model, length, kept=True), lambda: drawn(model, length, kept=False), pairs)
    return {"case": f"{config}, {length} tokens", **times.figures()}


def main(
    config: Annotated[list[str] | None, typer.Option(help="Recipe of a decoder-only transformer; may be repeated.")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Texts drawn each way.")] = 9,
    length: Annotated[int, typer.Option(min=2, help="Tokens of a text, and positions of the model.")] = 256,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; by default those that the tool would take.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare drawing with and without kept keys and values."""
    show((compare(each, pairs, length, threads) for each in config or ["tinyshakespeare/transformer"]), json)


if __name__ == "__main__":
    typer.run(main)
