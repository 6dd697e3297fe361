"""Runs of every family that are killed at random moments, some of them again while they are resumed, end as if nothing had happened."""

import random
import sys
import time
from pathlib import Path

import pytest
from command import results, timeless
from forked import run as run_command
from forked import start
from tiny_runs import RECIPES, write_data, write_recipe

KILLS = 5
"""Of each family: 100 in all."""


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("kills")
    write_data(folder)
    finish(folder, ["runs"], "cache")  # loads the libraries, so that the first run is timed without that
    return folder


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and forks")
@pytest.mark.parametrize("family", RECIPES)
def test_killed_at_any_moment_a_run_ends_with_the_same_bytes(family, work):
    write_recipe(work, family)
    train = ["train", "--config", f"{family}.yaml", "--threads", "1", "--name"]
    started, chance = time.monotonic(), random.Random(family)
    finish(work, [*train, "undisturbed"], "undisturbed")
    seconds, undisturbed = time.monotonic() - started, work / "runs" / family / "undisturbed"
    for number in range(KILLS):
        run, moments = undisturbed.with_name(f"killed-{number}"), []
        while not moments or chance.random() < 0.3:
            moments.append(chance.uniform(0, seconds))
            resumed = (run / "config.yaml").exists()
            kill(work, ["train", "--resume", run] if resumed else [*train, run.name], f"cache-{number}", moments[-1])
            if not (run / "config.yaml").exists() and run.exists():
                run = run.with_name(f"{run.name}-again")
        resumed = (run / "config.yaml").exists()
        finish(work, ["train", "--resume", run] if resumed else [*train, run.name], f"cache-{number}")
        assert_equal(run, undisturbed, f"killed after {moments} of {seconds:.3f} seconds")


def finish(work: Path, arguments: list[str | Path], cache: str) -> None:
    ended = run_command(arguments, work, work / "printed", 120, NLP_CACHE=str(work / cache), OMP_NUM_THREADS="1")
    assert ended.code == 0, ended.printed


def kill(work: Path, arguments: list[str | Path], cache: str, moment: float) -> None:
    process = start(arguments, work, work / "printed", NLP_CACHE=str(work / cache), OMP_NUM_THREADS="1")
    process.join(moment)
    process.kill()
    process.join()


def models(run: Path) -> dict[str, bytes]:
    """The bytes of the models that the pointers name, and of what resuming needs beside them."""
    pointers = [run / "checkpoints" / which for which in ("last", "best") if (run / "checkpoints" / which).exists()]
    folders = {pointer.name: pointer.with_name(pointer.read_text(encoding="utf-8").strip()) for pointer in pointers}
    return {f"{which}/{path.name}": path.read_bytes() for which, folder in folders.items() for path in folder.iterdir()
            if path.suffix != ".json"}


def assert_equal(run: Path, undisturbed: Path, printed: str) -> None:
    assert models(run) == models(undisturbed), printed
    assert bool(models(run)) == (undisturbed.parent.name != "rules")
    for split in ("train", "validation", "test"):
        assert results(run)[split] == results(undisturbed)[split], printed
        assert [(run / f"predictions/{each}.jsonl").read_bytes() for each in ("validation", "test")] == [
            (undisturbed / f"predictions/{each}.jsonl").read_bytes() for each in ("validation", "test")], printed
    assert timeless(run) == timeless(undisturbed), printed
    assert not list(run.rglob(".tmp-*")), printed
