"""`nlp predict`: the predictions of a run for texts, with explanations."""

import sys
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UserError
from .console import complete_run, print_error, print_json

if TYPE_CHECKING:
    from ..tasks.task import Answer, PredictOptions, StreamedAnswer
    from ..training.open_run import OpenedRun

CHUNK = 64
"""Number of texts predicted together."""
SEARCHING = ("samples", "beam-size", "n-best", "attention")
"""Options for sequence-to-sequence runs."""
RANKING = ("candidates", "top")
"""Options for runs of ranking."""


def predict(
    run: Annotated[str, typer.Argument(help="A run: its path, RECIPE (the latest) or RECIPE/NAME.", autocompletion=complete_run)],
    texts: Annotated[list[str] | None, typer.Argument(help="Texts; by default the lines of standard input. For pairs, one text after the "
                                                              "other, or on a line with a tab between them.")] = None,
    input_: Annotated[str | None, typer.Option("--input", help="Input file: .csv, .tsv, .jsonl, .conll(u), .parquet or .xlsx, also "
                                                               "gzipped; any other file has one text per line.")] = None,
    text: Annotated[str | None, typer.Option(help="Text column of the --input file; by default as in the recipe.")] = None,
    other: Annotated[str | None, typer.Option(help="Column of the second text in the --input file, for runs on pairs of texts.")] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", help="Write the input table with predictions and probabilities added to "
                                                                      "this file.")] = None,
    explain: Annotated[str | None, typer.Option(metavar="METHOD", help="Explain each class: auto, rules, weights, integrated_gradients, "
                                                                       "gradient_input, leave_one_out, attention or "
                                                                       "attention_rollout.")] = None,
    html: Annotated[Path | None, typer.Option(help="With --explain: also write an HTML page with coloured words.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    length: Annotated[int | None, typer.Option(min=1, help="Maximum number of generated tokens.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="Sampling temperature; 0 is greedy.")] = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="Sample from the k most probable tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1, help="Sample from the smallest set of tokens that together have this "
                                                                   "probability.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Random seed for sampling.")] = 0,
    samples: Annotated[int | None, typer.Option(min=1, max=10_000, help="Number of outputs to sample per source, with log-probabilities, "
                                                                        "or of texts, if the run generates them from noise.")] = None,
    beam_size: Annotated[int | None, typer.Option(min=1, max=1000, help="Sequence to sequence: beam size.")] = None,
    n_best: Annotated[int | None, typer.Option(min=1, help="Sequence to sequence: outputs per source, with scores; word vectors: "
                                                           "neighbours.")] = None,
    attention: Annotated[str | None, typer.Option(help="Sequence to sequence: plot the attention for the first text to this .png "
                                                       "or .svg file.")] = None,
    candidates: Annotated[str | None, typer.Option(help="Ranking: file of candidates to rank for each text, one per line or in a table "
                                                        "column.")] = None,
    top: Annotated[int | None, typer.Option(min=1, max=1_000_000, help="Ranking: candidates to print per text; 5 by default.")] = None,
    interpolate: Annotated[int | None, typer.Option(min=1, max=1000, help="Autoencoders: number of texts to decode between two.")] = None,
    codes: Annotated[Path | None, typer.Option(help="Autoencoders: write the code of each text to this .npy or .jsonl file.")] = None,
) -> None:
    """Predict the class, tags or tree of each text, continue it, or translate it."""
    from ..analysis.explanations.own_reasons import own_reasons
    from ..configs.schema.data import SizesData
    from ..errors import ConfigError
    from ..tasks.task import PredictOptions
    from ..training.folder.run_directory import find_run
    from ..training.open_run import open_run
    from .codes import ByCodes, answer_by_codes
    from .explained import explainer_for, print_explained, write_explanations
    from .prediction_files import find_candidates, find_target, find_texts, no_texts, write_predictions

    opened = open_run(find_run(run), device)
    assert not isinstance(opened.recipe.data, SizesData), "a run was trained on texts"
    if html is not None and explain is None:
        raise ConfigError("--html writes explanations as a page. Add --explain auto, or leave it out.")
    sections = opened.recipe.data, opened.task.preparation
    source = find_texts(*sections, texts, input_, (text, other)) if opened.task.reads_texts else no_texts(run, texts, input_)
    candidate_texts = None if candidates is None else find_candidates(opened.recipe.data, opened.recipe.task, candidates)
    options = PredictOptions(length, temperature, top_k, top_p, beam_size, n_best, attention, seed, samples, candidate_texts, top)
    _check_options(opened, options)
    if answer_by_codes(opened, source, ByCodes(interpolate, codes, None if texts or input_ else samples), options, json):
        return
    target = None if output is None else find_target(source, output, json, opened.task.written)
    reasons = partial(own_reasons, opened) if explain is None else explainer_for(opened, explain, output, html)
    chunks = _chunks(iter(source.texts))
    if attention is not None:
        chunks = _draw_first(opened, chunks, options, attention)
    unanswered, answers = 0, []
    for row, answer in enumerate(opened.task.answers(opened.model, opened.encoding, chunks, options, reasons)):
        if explain is not None:
            print_explained(opened, answer, json)
        elif target is None:
            _print(answer, json)
        if target is not None or html is not None:
            answers.append(answer)
        if answer.problem is not None:
            unanswered += 1
            print_error(f"{source.where(row)}: {answer.problem}.")
    if target is not None:
        write_predictions(source, [answer.to_json() for answer in answers], target, opened.task.written)
    if html is not None:
        write_explanations(opened, answers, html)
    if unanswered:
        raise typer.Exit(UserError.exit_code)


def _check_options(run: "OpenedRun", options: "PredictOptions") -> None:
    """Refuse options that this kind of run does not use, and those that exclude each other."""
    from ..errors import ConfigError

    if unused := run.unused(options):
        option = unused[0].replace("_", "-")
        kind = "map one text to another" if option in SEARCHING else "rank candidates" if option in RANKING else "generate text"
        raise ConfigError(f"--{option} is for runs that {kind}; {run.directory.address} does not. Leave it out.")
    run.task.check_options(run.model, options)


def _draw_first(run: "OpenedRun", chunks: Iterator[list[str]], options: "PredictOptions", path: str) -> Iterator[list[str]]:
    """Yield the same chunks, after drawing the attention for the first text."""
    from ..analysis.attention import attention_picture
    from ..analysis.matrix_svg import matrix_file
    from ..errors import DataError

    for number, chunk in enumerate(chunks):
        if number == 0:
            drawn = attention_picture(run, chunk[0], options)
            try:
                Path(path).write_bytes(matrix_file(drawn, "svg" if path.lower().endswith(".svg") else "png"))
            except OSError as error:
                raise DataError(f"{path!r} cannot be written: {error.strerror}. --attention takes the name of a .png or .svg file in an "
                                "existing folder.") from None
        yield chunk


def _chunks(texts: Iterator[str]) -> Iterator[list[str]]:
    """Chunks of texts to predict together; text typed at a terminal is answered line by line.

    Texts before one that cannot be read are answered before its error is raised.
    """
    size = 1 if sys.stdin.isatty() else CHUNK
    while True:
        chunk, error = list[str](), None
        try:
            chunk.extend(islice(texts, size))  # keeps what came before an error
        except UserError as caught:
            error = caught
        if chunk:
            yield chunk
        if error is not None:
            raise error
        if not chunk:
            return


def _print(answer: "Answer | StreamedAnswer", as_json: bool) -> None:
    if as_json:
        print_json(answer.to_json(), indent=None)
        return
    for piece in answer.printed():
        print(piece, end="", flush=True)
