"""Data-parallel training: one run in several processes that share each step."""

import os
import subprocess
import sys
from collections.abc import Sequence

from ..errors import TrainingError
from .finish import Results
from .jobs import Job, discarded_unless_started
from .sources.start import build_recipe_data, start_of


def train_in_processes(jobs: Sequence[Job], processes: int) -> list[Results]:
    """Train one job after the other, each data-parallel in several processes on this machine, through torchrun."""
    threads = os.environ.get("OMP_NUM_THREADS", "1")  # set, or torchrun would print that it chose 1
    with discarded_unless_started(jobs):
        for recipe in (job.recipe for job in jobs):  # fills the cache for the processes, and reports errors once
            build_recipe_data(recipe, start_of(recipe))
        codes = [0 if job.directory.status() == "finished" else _train(job, processes, threads) for job in jobs]
    if failed := [job.directory.address for job, code in zip(jobs, codes, strict=True) if code]:
        raise TrainingError(f"These runs did not finish: {', '.join(failed)}. Their messages are above; "
                            "`nlp train --resume RUN` resumes one.")
    return [Results.read(job.directory) for job in jobs]


def _train(job: Job, processes: int, threads: str) -> int:
    """Run `nlp train --resume` in processes that import no module from the working folder (PYTHONSAFEPATH); returns the exit code."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "--module", "nlp.cli.main"]
    command = [sys.executable, *torchrun, "train", "--resume", str(job.directory.path), "--device", job.device, "--json"]
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": threads}
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode
