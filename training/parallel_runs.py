"""Runs in processes of their own: several seeds at the same time, or one run in several processes."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..configs.schema.recipe import Recipe
from ..datasets.build import build_data
from ..errors import TrainingError
from .finish import Results
from .folder.run_directory import RunDirectory
from .log.display import announce


def run_side_by_side(recipe: Recipe, directories: Sequence[RunDirectory], device: str, at_once: int) -> list[Results]:
    """Train in each prepared folder, at most `at_once` together, each on one thread."""
    _encode_once(recipe)

    def train(directory: RunDirectory) -> int:
        return _train(["-m", "nlp.cli.main"], directory, device, {"OMP_NUM_THREADS": "1"})

    with ThreadPoolExecutor(at_once) as pool:
        return _results(directories, list(pool.map(train, directories)))


def run_in_processes(recipe: Recipe, directories: Sequence[RunDirectory], device: str, processes: int) -> list[Results]:
    """Train in each prepared folder in turn, data-parallel in so many processes on this machine, through torchrun."""
    _encode_once(recipe)
    threads = os.environ.get("OMP_NUM_THREADS", "1")  # said, or torchrun would say that it took 1
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "--module", "nlp.cli.main"]
    return _results(directories, [_train(torchrun, directory, device, {"OMP_NUM_THREADS": threads}) for directory in directories])


def _encode_once(recipe: Recipe) -> None:
    """The processes then find the data in the cache, and what is wrong with it is said here, once."""
    build_data(recipe.data, recipe.tokenizer, recipe.task, tell=announce)


def _train(how: Sequence[str], directory: RunDirectory, device: str, variables: Mapping[str, str]) -> int:
    """`nlp train --resume` in a process that takes no module from the working folder (PYTHONSAFEPATH); its exit code."""
    command = [sys.executable, *how, "train", "--resume", str(directory.path), "--device", device, "--json"]
    environment = {**os.environ, "PYTHONSAFEPATH": "1", **variables}
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode


def _results(directories: Sequence[RunDirectory], codes: Sequence[int]) -> list[Results]:
    failed = [directory.address for directory, code in zip(directories, codes, strict=True) if code]
    if failed:
        raise TrainingError(f"These runs did not finish: {', '.join(failed)}. What they said stands above; "
                            "`nlp train --resume RUN` goes on with one.")
    return [Results.read(directory) for directory in directories]
