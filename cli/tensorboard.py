"""`nlp tensorboard`: the curves of the latest runs, of all runs, or of some, in the browser."""

from typing import TYPE_CHECKING, Annotated

import typer

from .console import complete_run, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

    from ..training.folder.run_directory import RunDirectory
    from ..training.log.board import Board

REFRESH_SECONDS = 5
DEFAULTS = """
(() => {
  const key = "_tb_global_settings", settings = JSON.parse(localStorage.getItem(key) || "{}");
  if (!("ignoreOutliers" in settings)) localStorage.setItem(key, JSON.stringify({...settings, ignoreOutliers: false}));
  if (!location.search && !location.hash) history.replaceState(null, "", "?pinnedCards=" + encodeURIComponent(%s) + "#timeseries");
})();
"""
"""Script for TensorBoard's page: show outliers, and pin the charts of loss and main metric."""


def tensorboard(
    run: Annotated[list[str] | None, typer.Argument(help="Runs: paths, RECIPE (the latest) or RECIPE/NAME; by default the latest run of "
                                                         "each recipe of the dataset last used, at most ten.",
                                                    autocompletion=complete_run)] = None,
    all_: Annotated[bool, typer.Option("--all", help="Show all runs.")] = False,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port; by default 6006, or the next free one.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 gives other machines access.")] = "localhost",
) -> None:
    """Show the curves of runs in TensorBoard; Ctrl-C stops it."""
    import tempfile
    import time
    from pathlib import Path

    from ..errors import ConfigError
    from ..training.log.board import Board, main_metrics

    if run and all_:
        raise ConfigError("--all shows all runs; leave out --all or the names of runs.")
    with tempfile.TemporaryDirectory(prefix="nlp-tensorboard-") as folder:
        board = Board(Path(folder))
        add_runs(board, run or (), all_)
        where = ["--host", host, *(["--port", str(port)] if port is not None else [])]
        pinned = dict.fromkeys(["loss", *main_metrics([*board.runs.values()][:10])])
        print(f"TensorBoard is at {launch(['--logdir', folder, *where], page([*pinned]))} (Ctrl-C to stop)", flush=True)
        try:
            print_shown(board, bool(run), all_)
            while True:
                time.sleep(REFRESH_SECONDS)
                add_runs(board, run or (), all_)
        except KeyboardInterrupt:
            print()
        finally:
            board.close()


def add_runs(board: "Board", names: "Sequence[str]", all_: bool) -> None:
    """Add the requested runs to the board; later calls add runs that have started since."""
    from ..training.folder.run_directory import find_run, list_runs
    from ..training.log.board import dataset_of, latest_runs, short_name

    if names and not board.runs:
        found = [find_run(name) for name in names]
        for each in found:
            board.add(each, f"{each.recipe}/{each.name}" if len(found) > 1 else ".")
    elif not names:
        runs, shown = list_runs(), [*board.runs.values()]
        dataset = dataset_of((shown or runs)[0]) if runs else ""
        for each in runs if all_ else latest_runs(runs, dataset):
            board.add(each, f"{each.recipe}/{each.name}" if all_ else short_name(each))
    board.refresh()


def print_shown(board: "Board", by_name: bool, all_: bool) -> None:
    """Print which runs are shown, which are not, and how to show those."""
    import sys

    from ..training.folder.run_directory import list_runs, runs_root
    from ..training.log.board import MOST_RUNS, dataset_of

    if not board.runs:
        say(f"There are no runs in {runs_root()} yet; they are shown as soon as they start.")
    elif not by_name and not all_:
        dataset, width = dataset_of(next(iter(board.runs.values()))), max(map(len, board.runs))
        say(f"Showing the latest run of each recipe{f' of {dataset}' if dataset else ''}:")
        for name, run in board.runs.items():
            print(f"  {name:<{width}}  {run.address}")
        if others := left_out(list_runs(), board):
            say(f"Not shown: {'; '.join(others)}. `nlp tensorboard RUN...` shows chosen runs, `nlp tensorboard --all` shows all.")
    if len(board.runs) > MOST_RUNS:
        say(f"{len(board.runs)} runs are shown. Some versions of TensorBoard select none if there are more than {MOST_RUNS}: select some "
            "in the list on the left, or filter it by name and select all that match.")
    sys.stdout.flush()


def left_out(runs: "Sequence[RunDirectory]", board: "Board") -> list[str]:
    """Descriptions of the runs that are not on the board, with their number."""
    from ..training.log.board import dataset_of

    shown = {run.path for run in board.runs.values()}
    recipes, dataset = {run.recipe for run in board.runs.values()}, dataset_of(next(iter(board.runs.values())))
    rest = [run for run in runs if run.path not in shown]
    earlier = sum(run.recipe in recipes for run in rest)
    more = sorted({run.recipe for run in rest if dataset_of(run) == dataset} - recipes)
    named = ", ".join(more[:3]) + ", ..." * (len(more) > 3)
    datasets = sorted({dataset_of(run) or run.recipe for run in rest if dataset_of(run) != dataset})
    return [*([f"{earlier} other run{'s' * (earlier > 1)} of the same recipes"] if earlier else []),
            *([f"runs of {len(more)} more recipe{'s' * (len(more) > 1)} ({named})"] if more else []),
            *([f"runs of {', '.join(datasets)}"] if datasets else [])]


def page(pinned: "Sequence[str]") -> "Callable[[], IO[bytes]] | None":
    """TensorBoard's own page, read from its package, with our defaults and the charts of these tags pinned."""
    import io
    import json
    import warnings
    import zipfile

    from tensorboard.assets import get_default_assets_zip_provider

    if (original := get_default_assets_zip_provider()) is None:
        return None
    with original() as file:
        content = io.BytesIO(file.read())
    cards = json.dumps(json.dumps([{"plugin": "scalars", "tag": tag} for tag in pinned]))
    with zipfile.ZipFile(content, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a second index.html, which replaces the first
        index = archive.read("index.html").replace(b"<head>", b'<head><script src="defaults.js"></script>', 1)
        archive.writestr("index.html", index)
        archive.writestr("defaults.js", DEFAULTS % cards)
    return lambda: io.BytesIO(content.getvalue())


def launch(arguments: "Sequence[str]", assets: "Callable[[], IO[bytes]] | None") -> str:
    """Start TensorBoard's server in a thread, and return its address. Raises DeviceError if the port or host cannot be used."""
    import io
    import logging
    from contextlib import redirect_stderr

    from tensorboard import program

    from ..errors import DeviceError

    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    server, output = program.TensorBoard(assets_zip_provider=assets), io.StringIO()
    server.configure(argv=["tensorboard", *arguments])
    try:
        with redirect_stderr(output):  # TensorBoard advertises its fast loader there
            return server.launch()
    except (program.TensorBoardServerException, SystemExit) as error:  # it exits if the address is not of this machine
        why = getattr(error, "msg", output.getvalue().strip().rpartition("\n")[2])
        raise DeviceError(f"TensorBoard cannot start: {why}. Give another --port (0 takes any free one) or --host.") from error
