"""The bag-of-embeddings classifier against fastText's own C++, on the same tokens, one thread each.

The tool trains `mlp` with averaged embeddings and no hidden layer, which is fastText's model. fastText gets the tokens that the tool
sees, words outside the vocabulary left out, and reads them from its file again in every epoch, as it always does. What it needs
for starting is taken away: the time of one epoch is the difference between a long and a short training, divided.

The two are not trained in the same way: fastText updates after each text, with plain gradient descent on the rows that the text names.
"""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from nlp.configs.load import load_recipe
from nlp.datasets.encoded.split import Data
from nlp.datasets.encoded.texts.labelled_texts import LabelledSplit
from ours import Ours, opened
from pairs import Pairs, seconds, show

HOW_TO_GET = "fastText is not installed here: pip install fasttext-wheel (or fasttext, which compiles)"
UNKNOWN = 1


def compare(dataset: str, size: int = 32, pairs: int = 5, epochs: int = 3, settings: tuple[str, ...] = ()) -> dict[str, Any]:
    """The ratio is tokens per second of the tool over those of fastText."""
    bag = (f"model.d_embedding={size}", "model.hidden_sizes=[]", "model.dropout=0", "training.epochs=1000", "training.clip_norm=null")
    recipe = load_recipe(f"{dataset}/deep-mlp", [*bag, *settings])
    with TemporaryDirectory() as folder, opened(recipe, threads=1) as ours:
        path = Path(folder) / "train.txt"
        known = write_for_fasttext(ours.data, path)
        run_epochs(ours, 1)
        mine, theirs = [], []
        for _ in range(pairs):
            mine.append(seconds(lambda: run_epochs(ours, epochs)) / epochs)
            theirs.append(epoch_seconds(fasttext_training(path, size), epochs))
    split = ours.data.splits["train"]
    assert isinstance(split, LabelledSplit) and split.encoded is not None
    n_tokens = len(split.encoded.ids)
    # fastText does less work where words are left out, so tokens are counted for each as it sees them.
    times = Pairs([each / n_tokens for each in mine], [each / known for each in theirs])
    rates = {"ours_million_tokens_s": 1e-6 / median(times.one), "fasttext_million_tokens_s": 1e-6 / median(times.other)}
    return {"case": f"{dataset} dim {size}", **times.figures(), **rates}


def run_epochs(ours: Ours, epochs: int) -> None:
    """Take the steps of some epochs."""
    ours.run(epochs * ours.plan.order.n_batches(0))


def write_for_fasttext(data: Data, path: Path) -> int:
    """One text a line, its class first; tokens are written by number, so that fastText cuts where the tool does."""
    split, known = data.splits["train"], 0
    assert isinstance(split, LabelledSplit) and split.encoded is not None
    with path.open("w", encoding="utf-8") as file:
        for row, label in enumerate(split.labels):
            ids = split.encoded.ids[split.encoded.offsets[row] : split.encoded.offsets[row + 1]]
            ids = ids[ids != UNKNOWN]
            known += len(ids)
            file.write(f"__label__{label} " + " ".join(map(str, ids)) + "\n")
    return known


def fasttext_training(path: Path, size: int) -> Callable[[int], Any]:
    """fastText's training as a function of the number of epochs."""
    import fasttext

    return lambda epochs: fasttext.train_supervised(str(path), dim=size, epoch=epochs, thread=1, minCount=1, wordNgrams=1, verbose=0)


def epoch_seconds(training: Callable[[int], Any], epochs: int) -> float:
    """Seconds an epoch, without what is done once."""
    return (seconds(lambda: training(1 + epochs)) - seconds(lambda: training(1))) / epochs


def main(
    dataset: Annotated[list[str] | None, typer.Option(help="A folder of configs/; may be repeated.")] = None,
    size: Annotated[int, typer.Option(min=1, help="Size of the embeddings.")] = 32,
    pairs: Annotated[int, typer.Option(min=1, help="Times that each is timed.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of one timing.")] = 3,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a key of the recipe, such as training.batch_size=128.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the tool with fastText."""
    try:
        import fasttext  # noqa: F401
    except ImportError:
        print(HOW_TO_GET)
        raise typer.Exit(1) from None
    show((compare(one, size, pairs, epochs, tuple(set_ or ())) for one in dataset or ["20newsgroups", "nsmc"]), json)


if __name__ == "__main__":
    typer.run(main)
