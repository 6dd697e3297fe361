"""One run in several processes: what they are started with, and what becomes of one that fails."""

import os
import subprocess
from pathlib import Path

import pytest
from command import write_names, write_recipe
from nlp.configs.load import load_recipe
from nlp.errors import DataError, TrainingError
from nlp.training.data_parallel import train_in_processes
from nlp.training.jobs import new_jobs


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    write_names(tmp_path)
    path = str(write_recipe(tmp_path, "mlp"))
    return new_jobs(load_recipe(path, ["seeds=[1, 2]"]), path, "two", "cpu", threads=3)


@pytest.fixture
def started(monkeypatch):
    """The processes that are started; each fails."""
    found = []

    def fail(command, **options):
        found.append((command, options))
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr("nlp.training.data_parallel.subprocess.run", fail)
    return found


def test_through_torchrun_one_run_after_the_other_and_those_that_fail_are_named(jobs, started, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with pytest.raises(TrainingError, match=r"did not finish: mlp/two-seed-1, mlp/two-seed-2\. Their messages are above"):
        train_in_processes(jobs, 2)
    for (command, options), job in zip(started, jobs, strict=True):
        assert command[1:7] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--module", "nlp.cli.main"]
        assert command[7:] == ["train", "--resume", str(job.directory.path), "--device", "cpu", "--json"]
        assert options["env"] == {**os.environ, "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "5"}
        assert options["stdout"] == subprocess.DEVNULL
        assert options["check"] is False


def test_bad_data_is_found_before_any_process_starts_and_leaves_no_run(jobs, started, capsys):
    Path(jobs[0].recipe.data.model_dump()["train"]).write_text("name,language\nx,\n", encoding="utf-8")
    with pytest.raises(DataError):
        train_in_processes(jobs, 2)
    assert started == []
    assert not any(job.directory.path.exists() for job in jobs)
    assert "Stopped" not in capsys.readouterr().err
