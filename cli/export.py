"""`nlp export`: write a trained network as ONNX, or word vectors in word2vec's formats, for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import complete_run, print_json

if TYPE_CHECKING:
    from ..training.open_run import OpenedRun


def export(
    run: Annotated[str, typer.Argument(help="A run: its path, RECIPE (the latest) or RECIPE/NAME.", autocompletion=complete_run)],
    output: Annotated[str, typer.Option("--output", "-o", help="File to write: .onnx for a network; for word vectors .bin for word2vec's "
                                                               "binary format, otherwise its text format.")],
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a trained network as ONNX with its labels and tokenizer beside it, or the vectors of all words in word2vec's format.

    An ONNX file is compared with the run's own network on examples of its data before it is written.
    """
    from ..training.folder.run_directory import find_run
    from ..training.open_run import open_run

    opened, path = open_run(find_run(run), "cpu"), Path(output)
    (_export_network if path.suffix.lower() == ".onnx" else _export_vectors)(opened, path, json)


def _export_network(run: "OpenedRun", path: Path, json: bool) -> None:
    from ..training.export.onnx_export import export_network

    files, (difference, largest, rows, split) = export_network(run, path)
    if json:
        print_json({"files": [str(file) for file in files], "split": split, "examples": rows, "difference": difference, "largest": largest})
        return
    print(f"Wrote {path} and beside it {', '.join(file.name for file in files[1:])}")
    print(f"Compared with the run on {rows} {split} examples in onnxruntime: scores of up to {largest:.3g} differ by at most "
          f"{difference:.1e}")


def _export_vectors(run: "OpenedRun", path: Path, json: bool) -> None:
    from ..datasets.word_vectors import write_word_vectors
    from ..errors import ConfigError
    from ..tasks.word_vectors import WordVectors

    if not isinstance(run.task, WordVectors):
        raise ConfigError(f"{run.directory.address} has no word vectors to export: its task is {run.task.type}. Name a run whose "
                          "task is word_vectors, such as one of brown/skip-gram; for a network that predicts, name an --output that ends "
                          "in .onnx.")
    words, vectors = run.task.words, run.task.vectors(run.model)
    write_word_vectors(path, words, vectors)
    if json:
        print_json({"files": [str(path)], "words": len(words), "size": vectors.shape[1]})
        return
    print(f"Wrote {len(words):,} word vectors of size {vectors.shape[1]} to {path}")
