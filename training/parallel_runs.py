"""Runs in processes of their own: several seeds at the same time, or one run in several processes."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..configs.schema.recipe import Recipe
from ..datasets.build import build_data
from ..errors import TrainingError
from ..tasks.build import preparation
from .finish import Results
from .folder.run_directory import RunDirectory
from .jobs import Job, discarded_unless_started
from .log.display import announce


def train_side_by_side(jobs: Sequence[Job], at_once: int) -> list[Results]:
    """Train the jobs, at most `at_once` at a time, each on one thread."""

    def train(job: Job) -> int:
        return _train(["-m", "nlp.cli.main"], job, {"OMP_NUM_THREADS": "1"})

    with discarded_unless_started(jobs), ThreadPoolExecutor(at_once) as pool:
        encode_once(jobs[0].recipe)
        return _results(jobs, list(pool.map(train, jobs)))


def train_in_processes(jobs: Sequence[Job], processes: int) -> list[Results]:
    """Train one job after the other, each data-parallel in several processes on this machine, through torchrun."""
    threads = os.environ.get("OMP_NUM_THREADS", "1")  # stated, or torchrun would print that it chose 1
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "--module", "nlp.cli.main"]
    with discarded_unless_started(jobs):
        encode_once(jobs[0].recipe)
        return _results(jobs, [_train(torchrun, job, {"OMP_NUM_THREADS": threads}) for job in jobs])


def encode_once(recipe: Recipe) -> None:
    """The processes then find the data in the cache, and errors in it are reported here, once."""
    build_data(recipe.data, recipe.tokenizer, preparation(recipe.task), report=announce)


def _train(how: Sequence[str], job: Job, variables: Mapping[str, str]) -> int:
    """`nlp train --resume` in a process that imports no module from the working folder (PYTHONSAFEPATH); its exit code."""
    command = [sys.executable, *how, "train", "--resume", str(job.directory.path), "--device", job.device, "--json"]
    environment = {**os.environ, "PYTHONSAFEPATH": "1", **variables}
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode


def _results(jobs: Sequence[Job], codes: Sequence[int]) -> list[Results]:
    directories: list[RunDirectory] = [job.directory for job in jobs]
    failed = [directory.address for directory, code in zip(directories, codes, strict=True) if code]
    if failed:
        raise TrainingError(f"These runs did not finish: {', '.join(failed)}. Their messages are above; "
                            "`nlp train --resume RUN` resumes one.")
    return [Results.read(directory) for directory in directories]
