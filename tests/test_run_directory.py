"""Runs: their folders, how they are found again, who may write to them, and files that are complete or absent."""

import errno
import json
import os
import re
import socket
import subprocess
import sys
import textwrap
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.errors import DeviceError, RunError, TakenError
from nlp.training.folder import environment as environment_module
from nlp.training.folder.environment import environment, git_state, package_name, requirements
from nlp.training.folder.files import disk_errors, read_json, write_atomically, write_json
from nlp.training.folder.run_directory import RunDirectory, create_run, find_run, find_runs, list_runs, runs_root
from nlp.training.folder.run_lock import RunLock


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def made(recipe: str, name: str, started: str) -> RunDirectory:
    run = create_run(recipe, name)
    write_json(run.environment, {"started": started})
    write_atomically(run.config, "model: {type: rules}\n")
    return run


def python(code: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-P", "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env={**os.environ, **variables})


# Folders


def test_a_run_gets_the_time_for_a_name_and_a_number_where_that_is_taken(root):
    run = create_run("names/lstm")
    assert re.fullmatch(r"\d{8}-\d{6}", run.name)
    assert run.path == root / "names" / "lstm" / run.name
    assert (run.recipe, run.address) == ("names/lstm", f"names/lstm/{run.name}")
    assert [create_run("names/lstm", "x").name for _ in range(3)] == ["x", "x-2", "x-3"]


def test_processes_that_start_in_the_same_second_get_folders_of_their_own(root):
    code = "from nlp.training.folder.run_directory import create_run\nfor _ in range(20): print(create_run('names/lstm', 'same').name)"
    processes = [python(code) for _ in range(3)]
    names = [name for process in processes for name in process.communicate()[0].split()]
    assert len(names) == len(set(names)) == 60
    assert {path.name for path in (root / "names" / "lstm").iterdir()} == set(names)


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "a b", "-x", "x\n"])
def test_a_name_that_is_no_folder_name_is_refused(name):
    with pytest.raises(RunError, match="cannot be a run's name"):
        create_run("names/lstm", name)


def test_the_runs_folder_is_in_the_working_folder_unless_set(tmp_path, monkeypatch):
    monkeypatch.delenv("NLP_RUNS")
    monkeypatch.chdir(tmp_path)
    assert runs_root() == tmp_path / "runs"


@pytest.mark.parametrize(("number", "kind", "words"), [
    (errno.EROFS, RunError, "NLP_RUNS"), (errno.EACCES, RunError, "writable"), (errno.ENOSPC, DeviceError, "disk is full"),
])
def test_a_runs_folder_that_cannot_be_written_is_reported_in_one_paragraph(monkeypatch, number, kind, words):
    def refuse(*_args, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(kind, match=words) as caught:
        create_run("names/lstm", "x")
    assert "\n" not in str(caught.value)
    assert "names/lstm/x" in str(caught.value)


def test_a_file_in_the_way_is_reported(root):
    root.mkdir()
    (root / "names").write_text("a file")
    with pytest.raises(RunError, match="cannot be written"):
        create_run("names/lstm")


# Finding


def test_a_run_is_found_by_recipe_by_name_and_by_path(root, tmp_path, monkeypatch):
    older = made("names/lstm", "zebra", "2026-01-01T10:00:00+00:00")
    newer = made("names/lstm", "ant", "2026-01-02T10:00:00+00:00")
    other = made("names/rules", "one", "2026-01-03T10:00:00+00:00")
    create_run("names/lstm", "begun-but-without-a-recipe")
    assert find_run("names/lstm") == newer
    assert find_run("names/lstm/") == newer
    assert find_run("names/lstm/zebra") == older
    assert find_run(str(other.path)) == other
    monkeypatch.chdir(root)
    assert find_run("./names/lstm/zebra") == older
    monkeypatch.chdir(tmp_path)
    assert find_run("runs/names/lstm") == newer
    assert list_runs() == [other, newer, older]


@pytest.mark.parametrize(("part", "is_of_part"), [
    ("train_share: 1.0\n  train_rows: null", False), ("train_share: 1\n  train_rows: null", False), ("split_seed: 0", False),
    ("train_share: 0.1\n  train_rows: null", True), ("train_share: 1.0\n  train_rows: 100", True), ("train_share: 1.0e-09", True),
])
def test_of_a_recipe_the_latest_run_on_all_data_is_meant(part, is_of_part):
    whole = made("names/lstm", "whole", "2026-01-01T10:00:00+00:00")
    later = made("names/lstm", "later", "2026-01-02T10:00:00+00:00")
    for run in (whole, later):
        write_atomically(run.data, "{}")
    write_atomically(later.config, f"data:\n  type: named\n  {part}\nmodel:\n  type: lstm\n")
    assert later.is_of_part() == is_of_part
    meant = whole if is_of_part else later
    assert find_run("names/lstm") == meant
    assert find_runs("names/lstm") == [meant]
    assert find_run("names/lstm/later") == later


def test_a_moved_run_is_found_by_its_path_and_keeps_its_age(tmp_path):
    run = made("names/lstm", "first", "2026-01-01T10:00:00+00:00")
    started = run.started()
    moved = run.path.rename(tmp_path / "elsewhere")
    found = find_run(str(moved))
    assert found.path == moved
    assert found.address == str(moved)
    assert found.started() == started


def test_a_run_without_environment_is_as_old_as_its_recipe():
    run = create_run("names/lstm", "x")
    write_atomically(run.config, "{}")
    os.utime(run.config, (1000, 2000))
    assert run.started() == 2000
    run.environment.write_text('{"started": 5}')
    assert run.started() == 2000


def test_an_unknown_run_is_answered_with_the_nearest_and_the_latest():
    with pytest.raises(RunError, match=r"contains no runs yet.*nlp train --config"):
        find_run("names/lstm")
    made("names/lstm", "first", "2026-01-01T10:00:00+00:00")
    made("names/rules", "second", "2026-01-02T10:00:00+00:00")
    with pytest.raises(RunError, match=r"'names/lstn'.*Similar names: names/lstm.*Latest runs: names/rules/second, names/lstm/first"):
        find_run("names/lstn")
    with pytest.raises(RunError, match="no run 'names'"):
        find_run("names")
    for day in (3, 4):
        made("names/mlp", f"day-{day}", f"2026-01-0{day}T10:00:00+00:00")
    with pytest.raises(RunError, match=r"Latest runs: names/mlp/day-4, names/mlp/day-3, names/rules/second\. `nlp runs`"):
        find_run("names/lstn")


# Status and lock


def test_status_is_reported_from_the_files():
    run = made("names/lstm", "x", "2026-01-01T10:00:00+00:00")
    assert run.status() == "interrupted"
    with pytest.raises(ValueError, match="oh no"), run.hold():
        assert run.status() == "running"
        raise ValueError("oh no")
    assert run.status() == "failed"
    assert read_json(run.failure)["message"] == "oh no"
    with run.hold():
        assert not run.failure.exists()
        write_json(run.results, {})
    assert run.status() == "finished"


def test_an_interruption_is_no_failure():
    run = made("names/lstm", "x", "2026-01-01T10:00:00+00:00")
    with pytest.raises(KeyboardInterrupt), run.hold():
        raise KeyboardInterrupt
    assert run.status() == "interrupted"


HOLD = """
import sys, time
from nlp.training.folder.run_directory import find_run
with find_run(sys.argv[1] if len(sys.argv) > 1 else "names/lstm").hold():
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_process_at_a_time_and_a_killed_one_blocks_nobody():
    run = made("names/lstm", "x", "2026-01-01T10:00:00+00:00")
    other = python(HOLD)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    assert run.status() == "running"
    with pytest.raises(RunError, match=f"being trained by process {other.pid} on .*two processes would"), run.hold():
        pytest.fail("two processes hold the run")
    second = python(HOLD)
    assert "TakenError" in second.communicate(timeout=20)[1]
    other.kill()
    other.communicate()
    assert run.status() == "interrupted"
    with run.hold():
        assert run.status() == "running"


def test_a_run_that_was_finished_meanwhile_is_not_trained_again():
    run = made("names/lstm", "x", "2026-01-01T10:00:00+00:00")
    write_json(run.results, {})
    with pytest.raises(TakenError, match="names/lstm/x has been finished by another process"), run.hold():
        pytest.fail("it would be trained again")
    assert run.status() == "finished"


def test_the_lock_names_its_holder_and_nothing_else(root):
    lock = create_run("names/lstm", "a").path / ".lock"
    lock.write_text("process 123456789 on a machine with a long name, which is gone\n", encoding="utf-8")
    with RunLock(lock, "it"):
        assert lock.read_text(encoding="utf-8") == f"process {os.getpid()} on {socket.gethostname()}\n"


def test_asking_for_the_status_does_not_let_the_lock_go():
    run = made("names/lstm", "x", "2026-01-01T10:00:00+00:00")
    with run.hold():
        assert run.status() == "running"
        with pytest.raises(RunError, match="by this process"), run.hold():
            pytest.fail("the process holds the run twice")
        other = python(HOLD)
        assert f"process {os.getpid()}" in other.communicate(timeout=20)[1]
    assert run.status() == "interrupted"


def test_holding_removes_what_a_killed_process_left_half_written():
    run = made("names/lstm", "x", "2026-01-01T10:00:00+00:00")
    (run.path / ".tmp-123-4").write_text("half")
    with run.hold():
        assert not (run.path / ".tmp-123-4").exists()


# Files


def test_a_file_is_complete_or_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DeviceError, match=r"file\.json could not be written.*MB free") as caught:
        write_json(path, {"a": 2})
    assert "\n" not in str(caught.value)
    assert read_json(path) == {"a": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["file.json"]


def test_a_process_killed_while_writing_leaves_a_complete_file(tmp_path):
    path = tmp_path / "file.json"
    code = f"""
        from pathlib import Path
        from nlp.training.folder.files import write_json
        for number in range(10**9):
            write_json(Path({str(path)!r}), [number] * 5000)
            print(number, flush=True)
    """
    for _ in range(5):
        process = python(code)
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.communicate()
        assert len(set(read_json(path))) == 1


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(allow_nan=False)


def test_a_full_disk_says_how_much_room_there_is(tmp_path, monkeypatch):
    usage = namedtuple("Usage", "free")
    monkeypatch.setattr("nlp.training.folder.files.shutil.disk_usage", lambda _: usage(5_000_000_000_000))
    with pytest.raises(DeviceError, match=r"5,000,000\.0 MB"), disk_errors(tmp_path / "a" / "b"):
        raise OSError(errno.ENOSPC, "No space left on device")


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(), st.recursive(SCALARS, st.lists)))
def test_json_comes_back_as_it_was_written(tmp_path_factory, obj):
    path = tmp_path_factory.getbasetemp() / "round.json"
    write_json(path, obj)
    expected = json.loads(json.dumps(obj), parse_constant={"Infinity": "inf", "-Infinity": "-inf"}.__getitem__)
    assert json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail) == expected


def test_numbers_of_numpy_and_those_that_json_lacks_are_written(tmp_path):
    import numpy as np

    path = tmp_path / "file.json"
    write_json(path, {"nan": float("nan"), "inf": [np.float32("inf")], "int": np.int64(3), "array": np.arange(2), 1: Path("a")})
    assert read_json(path) == {"nan": "nan", "inf": ["inf"], "int": 3, "array": [0, 1], "1": "a"}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"a": 1'])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"file\.json is damaged"):
        read_json(path)
    with pytest.raises(RunError, match="is missing"):
        read_json(tmp_path / "other.json")


# Environment


def test_the_environment_names_versions_processor_and_command():
    reported = environment()
    assert set(reported) == {"started", "command", "versions", "platform", "processor", "cores", "omp_wait_policy", "git"}
    assert reported["versions"]["torch"].startswith("2.")
    assert reported["started"].endswith("+00:00")
    assert reported["cores"] >= 1
    assert reported["processor"]
    if sys.platform == "linux":
        assert f": {reported['processor']}\n" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    json.dumps(reported)


def test_requirements_are_this_package_s_own():
    assert {package_name(each) for each in requirements()} >= {"torch", "numpy", "pyyaml", "tensorboard"}
    assert "pytest" not in {package_name(each) for each in requirements()}
    assert package_name("torch<2.14,>=2.11") == "torch"
    assert package_name("tqdm[notebook] >=4; python_version > '3'") == "tqdm"


def test_git_state_reports_commit_and_changes(tmp_path):
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@y", "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert git_state(tmp_path) is None
    git("init", "-q")
    assert git_state(tmp_path) == {"commit": None, "dirty": False}
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "x")
    assert git_state(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "a").write_text("2")
    assert git_state(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": True}


def test_a_machine_without_git_has_no_git_state(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) is None
    assert environment_module.environment()["git"] is None


def test_no_heavy_import_before_it_is_needed():
    modules = "run_directory, run_lock, files, environment, checkpoints"
    code = f"import sys\nfrom nlp.training.folder import {modules}\nprint(*sys.modules)\n"
    process = python(code + "from nlp.training.folder import tensors\nfrom nlp.training.log import tracking\nprint(*sys.modules)")
    first, then = (set(line.split()) for line in process.communicate()[0].splitlines())
    assert "nlp.training.folder.checkpoints" in first and "nlp.training.folder.tensors" in then
    assert not first & {"pydantic"}
    assert not then & {"torch", "numpy", "tensorboard", "safetensors", "matplotlib"}
