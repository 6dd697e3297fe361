"""The `nlp` command: its subcommands, and how every error becomes one paragraph and an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from .. import __version__
from ..errors import Preempted
from ..terminal import open_streams
from . import config, data, rules, tokenizer
from .check_gradients import check_gradients
from .compare import compare
from .console import explain, print_error
from .count_params import count_params
from .doctor import doctor
from .eval import eval_
from .explain_step import explain_step
from .export import export
from .learning_curve import learning_curve
from .plot import plot
from .predict import predict
from .reproduce import reproduce
from .runs import runs
from .sweep import sweep
from .tensorboard import tensorboard
from .train import train

INTERRUPTED, PREEMPTED, BROKEN_PIPE = 130, 75, 1
"""Exit codes if Ctrl-C or a scheduler stops the command (EX_TEMPFAIL: run it again), and if the reader of its output has gone."""

app = typer.Typer(
    name="nlp",
    help="Train, evaluate, inspect and compare every generation of NLP model from one YAML file.",
    epilog="Start with: nlp train --config names/lstm",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train", short_help="Train recipes and save the runs.")(train)
app.command("sweep", short_help="Search for the best hyperparameters.")(sweep)
app.command("eval", short_help="Score runs, with confidence intervals.")(eval_)
app.command("compare", short_help="Compare methods statistically.")(compare)
app.command("predict", short_help="Predict with a trained run.")(predict)
app.command("reproduce", short_help="Train a run again, and compare.")(reproduce)
app.command("export", short_help="Write a network or word vectors.")(export)
app.command("learning-curve", short_help="Estimate the gain from more data.")(learning_curve)
app.command("count-params", short_help="Count parameters, memory and FLOPs.")(count_params)
app.command("explain-step", short_help="Show one training step in detail.")(explain_step)
app.command("check-gradients", short_help="Check gradients numerically.")(check_gradients)
app.add_typer(config.app, name="config", short_help="List, show, check and write recipes.")
app.add_typer(data.app, name="data", short_help="List, download and check datasets.")
app.add_typer(rules.app, name="rules", short_help="Draft rules from training texts.")
app.add_typer(tokenizer.app, name="tokenizer", short_help="Train and inspect tokenizers.")
app.command("runs")(runs)
app.command("tensorboard", short_help="Show the curves of runs in TensorBoard.")(tensorboard)
app.command("plot", short_help="Plot curves and matrices to a file.")(plot)
app.command("doctor", short_help="Check the installation.")(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"nlp {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors; same as NLP_DEBUG=1.")] = False,
) -> None:
    """Options before the subcommand. `main` reads `--debug` itself, since it may also come after the subcommand."""


def main() -> None:
    """Run the command in the arguments, and exit with its code."""
    open_streams()
    _wait_without_spinning()
    arguments, debug = _split_debug(sys.argv[1:])
    code = run(arguments, debug or bool(os.environ.get("NLP_DEBUG")))
    if code in (INTERRUPTED, PREEMPTED):
        _exit_at_once(code)
    sys.exit(code)


def run(arguments: Sequence[str], debug: bool = False) -> int:
    """Run one command. Returns its exit code: 0, 2 for bad input, 1 for a bug, 130 or 75 when interrupted."""
    try:
        code = app(args=list(arguments), prog_name="nlp", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Preempted:
        return PREEMPTED
    except BrokenPipeError:
        _leave_pipe()
        return BROKEN_PIPE
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error)
            return 0
        return _report(error, debug)


def _wait_without_spinning() -> None:
    """Let OpenMP's threads sleep while they wait for each other; call it before importing torch or scikit-learn.

    By default they spin: two runs with two threads each on two cores then take tens of times as long as one.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # LLVM's and Intel's library


def _report(error: Exception, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    text, code = explain(error)
    with suppress(OSError):
        print_error(text)
    return code


def _split_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments without `--debug`, which may come anywhere before `--`, and whether it was given."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != "--debug"]
    return [*options, *arguments[end:]], len(options) < end


def _exit_at_once(code: int) -> NoReturn:
    """Exit without waiting for a library call that may still be running in a thread."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _leave_pipe() -> None:
    """Discard what is still in the buffer after the reader has gone, so that Python reports no error at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":  # for torchrun and parallel runs
    main()
