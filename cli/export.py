"""`nlp export`: write the word vectors of a run to a file that other programs read."""

from pathlib import Path
from typing import Annotated

import typer

from .console import complete_run


def export(
    run: Annotated[str, typer.Argument(help="A run of word vectors: its path, RECIPE (the latest) or RECIPE/NAME.",
                                       autocompletion=complete_run)],
    output: Annotated[str, typer.Option("--output", "-o", help="File to write: .bin for word2vec's binary format, otherwise its text "
                                                               "format.")],
) -> None:
    """Write the vectors of all words in word2vec's format, which `model.vectors` and many programs read."""
    from ..datasets.word_vectors import write_word_vectors
    from ..errors import ConfigError
    from ..tasks.word_vectors import WordVectors
    from ..training.folder.run_directory import find_run
    from ..training.open_run import open_run

    opened = open_run(find_run(run), "cpu")
    if not isinstance(opened.task, WordVectors):
        raise ConfigError(f"{opened.directory.address} has no word vectors to export: its task is {opened.task.type}. Name a run whose "
                          "task is word_vectors, such as one of brown/skip-gram.")
    words, vectors = opened.task.words, opened.task.vectors(opened.model)
    write_word_vectors(Path(output), words, vectors)
    print(f"Wrote {len(words):,} word vectors of size {vectors.shape[1]} to {output}")
