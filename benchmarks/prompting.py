"""How many more texts a second a prompted language model classifies than by scoring each text with each label apart, in full.

The other way reads, for each text and each label, instruction, examples, text and label words from the first token on. It is given batches
of similar length too, so the difference is that of reading what is shared once.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import torch
import typer
from nlp.configs.load import load_recipe
from nlp.configs.schema.models.prompting import PromptConfig
from nlp.datasets.encoded.batching import evenly_spaced
from nlp.models.prompting.language_model import as_rows
from nlp.models.prompting.prompted import Prompted
from nlp.training.devices import Setting, thread_count
from nlp.training.run import build_run
from pairs import in_turns, show


@torch.inference_mode()
def apart(model: Prompted, texts: Sequence[str], rows: int) -> Any:
    """(texts, labels) scores, each by a row of its own; `rows` in a batch."""
    scorer = model.scorer
    prompts = [(prompt, ids) for prompt in scorer.ids(texts) for ids in scorer.label_ids]
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number][0]) + len(prompts[number][1]))
    scores = torch.empty(len(prompts))
    for start in range(0, len(order), rows):
        places = order[start : start + rows]
        for place, score in zip(places, _scored(model, [prompts[place] for place in places]), strict=True):
            scores[place] = score
    return scores.view(len(texts), -1).numpy()


def _scored(model: Prompted, pairs: Sequence[tuple[list[int], list[int]]]) -> list[torch.Tensor]:
    longest = max(len(ids) for _, ids in pairs)
    tokens = as_rows([prompt + ids for prompt, ids in pairs], torch.device("cpu"))
    first = torch.tensor([len(prompt) - 1 for prompt, _ in pairs])
    asked = (first[:, None] + torch.arange(longest)).clamp(max=tokens.shape[1] - 1)
    shares = model.model(tokens, asked).float().log_softmax(dim=2)
    found = [share[torch.arange(len(ids)), torch.tensor(ids)] for share, (_, ids) in zip(shares, pairs, strict=True)]
    return [each.mean() if model.config.score == "mean" else each.sum() for each in found]


def compare(config: str, pairs: int = 3, texts: int = 32, shots: int = 0, threads: int | None = None) -> dict[str, Any]:
    """The same texts in turns. The ratio is texts per second of the tool over those of scoring each pair apart."""
    recipe = load_recipe(config, [f"model.shots={shots}"])
    assert isinstance(recipe.model, PromptConfig)
    run = build_run(recipe, Setting(1, threads=thread_count(recipe, threads)))
    train, validation = run.data.splits["train"], run.data.splits["validation"]
    everything = train.batch(np.arange(len(train)), recipe.model.inputs)
    run.model.fit(**everything.inputs, targets=everything.targets, seed=1)
    run.model.remembered = None  # or the second time would cost nothing
    chosen = [validation.example(int(row))["text"] for row in evenly_spaced(len(validation), texts)]
    difference = float(np.abs(run.model.scorer.in_batches(chosen, keep=True).numpy() - apart(run.model, chosen, rows=64)).max())
    times = in_turns(lambda: run.model.scorer.in_batches(chosen, keep=True), lambda: apart(run.model, chosen, rows=64), pairs)
    per_second = {"texts_per_second": texts / float(np.median(times.one)), "difference": difference}
    return {"case": f"{config}, {shots} shots", **times.figures(), **per_second}


def main(
    config: Annotated[list[str] | None, typer.Option(help="Recipe of a prompt; may be repeated.")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Times that each way is taken.")] = 3,
    texts: Annotated[int, typer.Option(min=1, help="Texts of the validation split.")] = 32,
    shots: Annotated[list[int] | None, typer.Option(min=0, help="Examples in the prompt; may be repeated.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; by default those that the tool would take.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the tool's scores of label words with those of each text and label by itself."""
    cases = ((each, number) for each in config or ["sst2/llm-zero-shot"] for number in shots or [0, 4])
    show((compare(each, pairs, texts, number, threads) for each, number in cases), json)


if __name__ == "__main__":
    typer.run(main)
