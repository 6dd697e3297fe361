"""Commands in processes of their own that are forked from one in which the libraries are loaded, so that each starts in a moment."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

LIBRARIES = [
    "torch._dynamo", "torch.utils.flop_counter", "safetensors.torch", "tokenizers", "sacrebleu", "yaml", "rich.table", "skops.io",
    "sklearn.feature_extraction.text", "sklearn.svm", "sklearn.ensemble", "sklearn.naive_bayes", "sklearn.neighbors",
    "nlp.cli.main", "nlp.training.run", "nlp.training.loop.gradient", "nlp.training.log.tensorboard_events", "nlp.analysis.evaluation",
    "nlp.tasks.classification", "nlp.tasks.tagging", "nlp.tasks.language_modeling", "nlp.tasks.sequence_to_sequence",
]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, negative for a signal, None where it had to be ended; and what it printed."""

    code: int | None
    printed: str
    interrupted: bool = False


def start(arguments: Sequence[str | Path], cwd: Path, output: Path, memory: int | None = None, errors: Path | None = None,
          given: Path = Path(os.devnull), **variables: str) -> BaseProcess:
    """Start `nlp ARGUMENTS`, with so many bytes of memory at most, and a file on standard input.

    What it prints goes to a file; to another one what it prints on standard error, if one is named.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    files, environment = (given, output, errors or output), {**os.environ, **variables}
    process = context.Process(target=_command, args=([*map(str, arguments)], cwd, files, memory, environment))
    process.start()
    return process


def run(arguments: Sequence[str | Path], cwd: Path, output: Path, seconds: float = 60, interrupted_after: float | None = None,
        memory: int | None = None, **variables: str) -> Ended:
    """Run `nlp ARGUMENTS`, for so many seconds at most; Ctrl-C may come before that."""
    process = start(arguments, cwd, output, memory, **variables)
    process.join(min(seconds, interrupted_after or seconds))
    interrupted = interrupted_after is not None and process.exitcode is None
    if interrupted and interrupted_after is not None and process.pid is not None:
        os.kill(process.pid, signal.SIGINT)
        process.join(seconds - interrupted_after)
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
    process.close()
    return Ended(code, output.read_text(encoding="utf-8", errors="replace"), interrupted)


def _command(arguments: list[str], cwd: Path, files: tuple[Path, Path, Path], memory: int | None, variables: dict[str, str]) -> None:
    if memory is not None:
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(cwd)
    os.fsync = lambda descriptor: None  # as in conftest.py
    _connect(*files)
    sys.argv = ["nlp", *arguments]
    from nlp.cli.main import main

    main()


def _connect(given: Path, output: Path, errors: Path) -> None:
    """Standard input, output and error are these files from now on."""
    to = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    also = to if errors == output else os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor, kind in ((os.open(given, os.O_RDONLY), 0), (to, 1), (also, 2)):
        os.dup2(descriptor, kind)
    sys.stdin, sys.stdout = os.fdopen(0, encoding="utf-8", closefd=False), os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
