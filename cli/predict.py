"""`nlp predict`: what a run says of texts, and why."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import complete_run

if TYPE_CHECKING:
    from ..analysis.generation import Sampling
    from ..training.finished import FinishedRun

CHUNK = 64
SHOWN = 200
"""Characters of a text that are printed beside its class."""


def predict(
    run: Annotated[str, typer.Argument(help="A run: its path, RECIPE (the latest) or RECIPE/NAME.", autocompletion=complete_run)],
    texts: Annotated[list[str] | None, typer.Argument(help="Texts; without any, lines are read from standard input.")] = None,
    input_: Annotated[str | None, typer.Option("--input", help="A file with one text a line.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    length: Annotated[int, typer.Option(min=1, help="Language models: most tokens to go on with.")] = 200,
    temperature: Annotated[float, typer.Option(min=0, help="Language models: 0 is the most probable token, 1 draws as learned.")] = 1.0,
    top_k: Annotated[int | None, typer.Option(min=1, help="Language models: draw from so many of the most probable tokens.")] = None,
    top_p: Annotated[float, typer.Option(min=0, max=1, help="Language models: draw from tokens that have this share together.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Language models: of the draws.")] = 0,
) -> None:
    """Say the class or the tags of each text, and what they were told by; a language model goes on with the text."""
    from ..training.finished import open_finished
    from ..training.run_directory import find_run

    opened = open_finished(find_run(run), device)
    if opened.task.head.kind == "vocabulary":
        from ..analysis.generation import Sampling

        for text in _texts(texts, input_):
            _go_on(opened, text, length, Sampling(temperature, top_k, top_p, seed), json)
        return
    for told in predictions(opened, _texts(texts, input_)):
        _print(told, json)


def _texts(texts: list[str] | None, path: str | None) -> Iterator[str]:
    """The texts of the command line, of a file, or of standard input as they come."""
    if texts and path is not None:
        from ..errors import ConfigError

        raise ConfigError("Give texts on the command line or a file with --input, not both.")
    if texts:
        yield from texts
    elif path is not None:
        from ..errors import DataError

        try:
            yield from Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{path!r} cannot be read: {reason}. --input takes a UTF-8 file with one text a line.") from None
    else:
        yield from (line.rstrip("\n") for line in sys.stdin)


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
    from ..analysis.why import explained

    waiting = iter(texts)
    size = 1 if sys.stdin.isatty() else CHUNK
    while chunk := list(islice(waiting, size)):
        yield from explained(run, chunk)


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
