"""`nlp tensorboard`: the curves of all runs, or of some, in the browser."""

from typing import TYPE_CHECKING, Annotated

import typer

from .console import complete_run

if TYPE_CHECKING:
    from collections.abc import Sequence


def tensorboard(
    run: Annotated[list[str] | None, typer.Argument(help="Runs: paths, RECIPE (the latest) or RECIPE/NAME; all by default.",
                                                    autocompletion=complete_run)] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port; by default 6006, or the next free one.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 gives other machines access.")] = "localhost",
) -> None:
    """Show the curves of runs in TensorBoard; Ctrl-C stops it."""
    import threading

    where = ["--host", host, *(["--port", str(port)] if port is not None else [])]
    print(f"TensorBoard is at {launch([*log_folders(run or ()), *where])} (Ctrl-C to stop)", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()


def log_folders(names: "Sequence[str]") -> list[str]:
    """TensorBoard's arguments for the given runs; without any, for all runs, also those still to come."""
    from ..training.folder.run_directory import find_run, runs_root

    if not names:
        return ["--logdir", str(runs_root())]
    found = [find_run(name) for name in names]
    if len(found) == 1:
        return ["--logdir", str(found[0].path)]
    return ["--logdir_spec", ",".join(f"{run.recipe}/{run.name}:{run.path}" for run in found)]


def launch(arguments: "Sequence[str]") -> str:
    """Start TensorBoard's server in a thread; its address. Raises DeviceError where the port is taken or the host is not ours."""
    import io
    import logging
    from contextlib import redirect_stderr

    from tensorboard import program

    from ..errors import DeviceError

    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    server, output = program.TensorBoard(), io.StringIO()
    server.configure(argv=["tensorboard", *arguments])
    try:
        with redirect_stderr(output):  # it advertises its fast loader there
            return server.launch()
    except (program.TensorBoardServerException, SystemExit) as error:  # for an address that is not ours it ends the program
        why = getattr(error, "msg", output.getvalue().strip().rpartition("\n")[2])
        raise DeviceError(f"TensorBoard cannot start: {why}. Give another --port (0 takes any free one) or --host.") from error
