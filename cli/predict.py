"""`nlp predict`: what a run says of texts, and why."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import complete_run

if TYPE_CHECKING:
    from ..models.head import Sampling
    from ..training.open_run import FinishedRun

CHUNK = 64
LENGTH = 200
"""Tokens that a language model goes on with."""
DRAWING = ("length", "temperature", "top_k", "top_p")
SEARCHING = ("beam_size", "n_best", "attention")
SHOWN = 200
"""Characters of a text that are printed beside its class."""


def predict(
    run: Annotated[str, typer.Argument(help="A run: its path, RECIPE (the latest) or RECIPE/NAME.", autocompletion=complete_run)],
    texts: Annotated[list[str] | None, typer.Argument(help="Texts; without any, lines are read from standard input.")] = None,
    input_: Annotated[str | None, typer.Option("--input", help="A file with one text a line.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    length: Annotated[int | None, typer.Option(min=1, help="Text that is written: most tokens.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="Draw it: 1 as learned, 0 the most probable token.")] = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="Draw from so many of the most probable tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1, help="Draw from the most probable that have this share together.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the draws.")] = 0,
    beam_size: Annotated[int | None, typer.Option(min=1, max=1000, help="Encoder-decoders: hypotheses that the search keeps.")] = None,
    n_best: Annotated[int | None, typer.Option(min=1, help="Encoder-decoders: texts to tell for each source, with scores.")] = None,
    attention: Annotated[str | None, typer.Option(help="Encoder-decoders: draw what the first text's words look at as a PNG.")] = None,
) -> None:
    """Say the class or the tags of each text, and what they were told by; or write what follows it, or what it is to become."""
    from ..training.folder.run_directory import find_run
    from ..training.open_run import open_finished

    opened, waiting = open_finished(find_run(run), device), _texts(texts, input_)
    _refuse_unused(opened, length=length, temperature=temperature, top_k=top_k, top_p=top_p, beam_size=beam_size, n_best=n_best,
                   attention=attention)
    kind = opened.task.head.kind
    if kind not in ("vocabulary", "sequence"):
        for told in predictions(opened, waiting):
            _print(told, json)
        return
    from ..models.head import Sampling

    drawn = (temperature, top_k, top_p) != (None, None, None)
    sampling = Sampling(1.0 if temperature is None else temperature, top_k, 1.0 if top_p is None else top_p, seed)
    if kind == "vocabulary":
        for text in waiting:
            _go_on(opened, text, length or LENGTH, sampling, json)
        return
    from ..analysis.translation import asked_search

    search = asked_search(opened, beam_size, n_best or 1, length, sampling if drawn else None, attention is not None)
    _write(opened, waiting, search, attention, json)


def _write(run: "FinishedRun", texts: Iterator[str], search: Any, attention: str | None, as_json: bool) -> None:
    """What the texts become, a line for each; with its score where there are several."""
    import json

    from ..analysis.translation import translated

    for chunk in _chunks(texts):
        if attention is not None:
            _draw(run, chunk[0], search, attention)
            attention = None
        for told in translated(run, chunk, search):
            if as_json:
                print(json.dumps(told, ensure_ascii=False), flush=True)
            elif "others" not in told:
                print(told["prediction"], flush=True)
            else:
                for each in (told, *told["others"]):
                    print(f"{each['score']:.3f}  {each['prediction']}", flush=True)


def _refuse_unused(run: "FinishedRun", **given: Any) -> None:
    """Options that this kind of run has no use for."""
    from ..errors import ConfigError

    used = {"vocabulary": DRAWING, "sequence": (*DRAWING, *SEARCHING)}.get(run.task.head.kind, ())
    if unused := [name for name, value in given.items() if value is not None and name not in used]:
        option = unused[0].replace("_", "-")
        raise ConfigError(f"--{option} is for runs that write text{' of another' if unused[0] in SEARCHING else ''}; "
                          f"{run.directory.address} does not. Leave it out.")


def _draw(run: "FinishedRun", text: str, search: Any, path: str) -> None:
    """What the words that are written look at, as a PNG file."""
    from ..analysis.translation import looked_at
    from ..errors import DataError
    from ..training.log.pictures import alignment_png

    if not text.strip():
        raise DataError("The first text is empty, and --attention draws what is looked at in the first one. Put another text first.")
    source, target, weights = looked_at(run, text, search)
    try:
        Path(path).write_bytes(alignment_png(weights, source, target))
    except OSError as error:
        raise DataError(f"{path!r} cannot be written: {error.strerror}. --attention takes the name of a PNG file in a folder that is "
                        "there.") from None


def _texts(texts: list[str] | None, path: str | None) -> Iterator[str]:
    """The texts of the command line, of a file, or of standard input as they come."""
    if texts and path is not None:
        from ..errors import ConfigError

        raise ConfigError("Give texts on the command line or a file with --input, not both.")
    if texts:
        yield from texts
    elif path is not None:
        yield from _lines(path)
    else:
        yield from (line.rstrip("\n") for line in sys.stdin)


def _lines(path: str) -> list[str]:
    """The lines of a file, cut as those of parallel files are: a text may hold other characters that break lines."""
    from ..datasets.formats.file_format import decode
    from ..datasets.formats.lines import split_lines
    from ..errors import DataError

    try:
        return split_lines(decode(Path(path).read_bytes(), path))
    except OSError as error:
        raise DataError(f"{path!r} cannot be read: {error.strerror}. --input takes a UTF-8 file with one text a line.") from None


def _go_on(run: "FinishedRun", prompt: str, length: int, sampling: "Sampling", as_json: bool) -> None:
    """Print the text as it comes, the prompt first."""
    import json

    from ..analysis.generation import generate

    pieces = generate(run, prompt, length, sampling)
    if as_json:
        print(json.dumps({"text": prompt, "prediction": "".join(pieces)}, ensure_ascii=False), flush=True)
        return
    print(prompt, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


def predictions(run: "FinishedRun", texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """One answer for each text. A stream from a terminal is answered line by line, everything else in chunks."""
    from ..analysis.explain import explained

    for chunk in _chunks(texts):
        yield from explained(run, chunk)


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    waiting = iter(texts)
    size = 1 if sys.stdin.isatty() else CHUNK
    while chunk := list(islice(waiting, size)):
        yield chunk


def _print(told: dict[str, Any], as_json: bool) -> None:
    import json

    if as_json:
        print(json.dumps(told, ensure_ascii=False), flush=True)
        return
    probability = f"  {told['probability']:.3f}" if "probability" in told else ""
    print(f"{told['prediction']}{probability}  {_one_line(told['text'])}", flush=True)
    if told.get("why"):
        print(f"    because of {_reason(told['why'])}", flush=True)


def _one_line(text: str) -> str:
    """The beginning of a text; `--json` has all of it."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]} ..."


def _reason(why: dict[str, Any]) -> str:
    """The rules that fired with what they found, or the features that weighed most."""
    if "rule" not in why:
        return ", ".join(f"{name!r} {amount:+.2f}" for name, amount in why.items())
    if why["rule"] is None:
        return "no rule: this is the default"
    return "; ".join(f"rule {fired['rule']} for {fired['label']}, which found {fired['matched']!r}" for fired in why.get("fired", [why]))
