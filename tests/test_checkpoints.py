"""Checkpoints: complete or absent, whatever kills the process; weights that fit or are refused in plain words."""

import errno
import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from nlp.errors import DeviceError, RunError, TrainingError
from nlp.training.folder.checkpoints import checkpoint_path, has_checkpoint, save_checkpoint
from nlp.training.folder.files import read_json
from nlp.training.folder.run_directory import create_run
from nlp.training.folder.tensors import assert_finite, load_into, load_tensors, save_tensors
from torch import nn


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    return create_run("names/lstm", "x")


def content(step: int):
    def write(folder: Path) -> None:
        (folder / "state.json").write_text(f'{{"step": {step}}}')
        (folder / "weights").mkdir()
        (folder / "weights" / "a.bin").write_bytes(bytes([step % 256]) * 1000)

    return write


def save(run, step: int, *, best: bool = False, keep: int = 2) -> Path:
    return save_checkpoint(run, step, content(step), best=best, keep=keep)


def names(run) -> set[str]:
    return {path.name for path in run.checkpoints.iterdir()}


# Saving


def test_best_and_last_name_their_checkpoints(run):
    assert not has_checkpoint(run)
    save(run, 10, best=True)
    path = save(run, 20)
    assert has_checkpoint(run)
    assert checkpoint_path(run) == path == run.checkpoints / "step-20"
    assert checkpoint_path(run, "best") == checkpoint_path(run, 10) == run.checkpoints / "step-10"
    assert (run.checkpoints / "last").read_text() == "step-20\n"
    assert read_json(path / "state.json") == {"step": 20}
    assert set(read_json(path / "manifest.json")["files"]) == {"state.json", "weights/a.bin"}


def test_the_latest_stay_and_the_best_is_never_rotated_away(run):
    for step in range(1, 8):
        save(run, step, best=step == 2)
    assert names(run) == {"step-2", "step-6", "step-7", "best", "last"}
    save(run, 8, best=True, keep=1)
    assert names(run) == {"step-8", "best", "last"}


def test_a_checkpoint_is_never_changed(run):
    path = save(run, 10)
    before = (path / "state.json").stat().st_mtime_ns
    save_checkpoint(run, 10, lambda _: pytest.fail("the state of step 10 is saved"), best=True, keep=2)
    assert (path / "state.json").stat().st_mtime_ns == before
    assert checkpoint_path(run, "best") == path


def test_one_that_no_pointer_names_is_replaced(run):
    """A process was killed between the folder and its pointer; the run goes the same way again."""
    save(run, 10)
    save_checkpoint(run, 20, lambda folder: (folder / "old").touch() or None, best=False, keep=2)
    (run.checkpoints / "last").write_text("step-10\n")
    assert not (save(run, 20) / "old").exists()
    assert checkpoint_path(run).name == "step-20"


def test_later_steps_of_an_abandoned_way_go(run):
    for step in (10, 20, 30):
        save(run, step, keep=5)
    (run.checkpoints / "last").write_text("step-10\n")
    save(run, 15, keep=1)
    assert names(run) == {"step-15", "last"}


def test_an_error_while_writing_leaves_nothing_behind(run):
    save(run, 10, best=True)

    def broken(folder: Path) -> None:
        (folder / "half").touch()
        raise TrainingError("not finite")

    with pytest.raises(TrainingError):
        save_checkpoint(run, 20, broken, best=True, keep=1)
    assert names(run) == {"step-10", "best", "last"}


@pytest.mark.parametrize("call", ["fsync", "write"])
def test_a_full_disk_is_one_paragraph_and_the_last_checkpoint_stays(run, monkeypatch, call):
    path = save(run, 10, best=True)

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    write = content(20) if call == "fsync" else full
    with pytest.raises(DeviceError, match=r"disk is full: .*step-20") as caught:
        save_checkpoint(run, 20, write, best=True, keep=1)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert checkpoint_path(run) == checkpoint_path(run, "best") == path
    assert names(run) == {"step-10", "best", "last"}


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs more rights")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="a tmpfs is Linux's")
def test_a_really_full_disk(small_disk, monkeypatch):
    monkeypatch.setenv("NLP_RUNS", str(small_disk))
    run = create_run("names/lstm", "x")
    weights = {"a": torch.ones(100_000)}
    save_checkpoint(run, 1, lambda folder: save_tensors(folder / "model.safetensors", weights), best=True, keep=2)
    too_many = {"a": torch.ones(300_000)}
    for step in range(2, 5):
        with pytest.raises(DeviceError, match="disk is full"):
            save_checkpoint(run, step, lambda folder: save_tensors(folder / "model.safetensors", too_many), best=True, keep=2)
    assert torch.equal(load_tensors(checkpoint_path(run) / "model.safetensors")["a"], weights["a"])
    assert names(run) == {"step-1", "best", "last"}


# Leftovers and kills


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(run):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    alive = os.getppid()
    run.checkpoints.mkdir()
    for pid in (dead.pid, alive):
        (run.checkpoints / f".step-5.tmp-{pid}").mkdir()
    (run.checkpoints / f".step-5.tmp-{dead.pid}.old").mkdir()
    (run.checkpoints / f".tmp-{dead.pid}-3").touch()
    save(run, 10)
    assert names(run) == {"step-10", "last", f".step-5.tmp-{alive}"}


SAVE_FOR_EVER = """
import sys
from pathlib import Path
from nlp.training.folder.checkpoints import checkpoint_path, has_checkpoint, save_checkpoint
from nlp.training.folder.run_directory import RunDirectory

run = RunDirectory(Path(sys.argv[1]), Path(sys.argv[1]).parent)
step = int(checkpoint_path(run).name[5:]) if has_checkpoint(run) else 0

def write(folder):
    for name in ("a", "b"):
        (folder / name).write_bytes(step.to_bytes(8, "big") * 20_000)

print("ready", flush=True)
while True:
    step += 1
    save_checkpoint(run, step, write, best=step % 3 == 0, keep=2)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_process_killed_at_any_moment_leaves_complete_checkpoints(run):
    chance, reached = random.Random(0), [0]
    for _ in range(20):
        process = subprocess.Popen([sys.executable, "-P", "-c", SAVE_FOR_EVER, str(run.path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for which in ("last", "best") if has_checkpoint(run) and (run.checkpoints / "best").exists() else ():
            path = checkpoint_path(run, which)
            assert {(path / name).read_bytes() for name in ("a", "b")} == {int(path.name[5:]).to_bytes(8, "big") * 20_000}
        reached.append(int(checkpoint_path(run).name[5:]) if has_checkpoint(run) else 0)
    assert reached == sorted(reached)
    assert reached[-1] > 20
    save(run, reached[-1] + 1)
    assert not [name for name in names(run) if name.startswith(".")]


# Damage


def test_without_a_checkpoint_a_run_reports_it(run):
    with pytest.raises(RunError, match="no complete checkpoint"):
        checkpoint_path(run)
    save(run, 10)
    with pytest.raises(RunError, match="no checkpoint of step 20; existing steps: 10"):
        checkpoint_path(run, 20)


@pytest.mark.parametrize("pointer", [None, "step-99\n", "", "../../elsewhere", "\udcff"])
def test_a_lost_pointer_falls_back_to_the_newest_complete_checkpoint(run, caplog, pointer):
    for step in (10, 20, 30):
        save(run, step, keep=3)
    (run.checkpoints / "step-30" / "state.json").unlink()
    (run.checkpoints / "last").unlink()
    if pointer is not None:
        (run.checkpoints / "last").write_text(pointer, errors="surrogateescape")
    assert checkpoint_path(run).name == "step-20"
    assert "using step-20, the newest complete one" in caplog.text


@pytest.mark.parametrize(("damage", "words"), [
    (lambda path: (path / "weights" / "a.bin").write_bytes(b"x" * 500), "a.bin is damaged: it has 500 bytes instead of 1,000"),
    (lambda path: (path / "weights" / "a.bin").write_bytes(b"x" * 1000), "a.bin is damaged: its content has changed"),
    (lambda path: (path / "state.json").unlink(), "state.json is missing"),
    (lambda path: (path / "manifest.json").unlink(), "manifest.json is missing"),
    (lambda path: (path / "manifest.json").write_text("[]"), "manifest.json is damaged"),
    (lambda path: (path / "manifest.json").write_text('{"fi'), "manifest.json is damaged"),
    (lambda path: (path / "manifest.json").write_text('{"files": {"state.json": 3}}'), "manifest.json is damaged"),
])
def test_damage_is_reported_in_one_paragraph_with_a_way_out(run, damage, words):
    save(run, 10)
    save(run, 20)
    damage(run.checkpoints / "step-20")
    with pytest.raises(RunError, match=re.escape(words)) as caught:
        checkpoint_path(run)
    assert "\n" not in str(caught.value)
    assert "step-10 is complete: remove step-20" in str(caught.value)
    (run.checkpoints / "step-20").rename(run.path / "removed")
    assert checkpoint_path(run).name == "step-10"
    (run.path / "removed").rename(run.checkpoints / "step-20")
    (run.checkpoints / "step-10" / "state.json").write_text("")
    with pytest.raises(RunError, match="No other checkpoint"):
        checkpoint_path(run)


# Tensors


class Tied(nn.Module):
    def __init__(self, vocabulary: int = 7, size: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, size)
        self.output = nn.Linear(size, vocabulary)
        self.output.weight = self.embedding.weight


def test_tied_weights_are_saved_once_and_loaded_into_both(tmp_path):
    path, model, other = tmp_path / "model.safetensors", Tied(), Tied()
    save_tensors(path, model.state_dict())
    assert path.stat().st_size < 2 * 7 * 4 * 4 + 300
    load_into(other, load_tensors(path))
    assert other.output.weight is other.embedding.weight
    assert torch.equal(other.embedding.weight, model.embedding.weight)
    assert torch.equal(other.output.bias, model.output.bias)


def test_any_tensor_comes_back_equal_and_equal_tensors_give_equal_bytes(tmp_path):
    complete = torch.arange(24.0).reshape(4, 6)
    tensors = {
        "view": complete[1:3], "turned": complete.t(), "same": complete, "again": complete, "bf16": complete.bfloat16(),
        "empty": torch.empty(0, 3), "none": torch.empty(0, 3), "scalar": torch.tensor(3.5),
        "int": torch.arange(5), "bool": torch.tensor([True, False]),
    }
    for name in ("a", "b"):
        save_tensors(tmp_path / name, tensors)
    loaded = load_tensors(tmp_path / "a")
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor), name
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_weights_may_be_read_by_whoever_may_read_the_folder(tmp_path):
    tmp_path.chmod(0o755)
    save_tensors(tmp_path / "a", {"a": torch.ones(3)})
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_loaded_tensors_do_not_depend_on_the_file(tmp_path):
    path = tmp_path / "a"
    save_tensors(path, {"a": torch.ones(100_000)})
    loaded = load_tensors(path)["a"]
    with path.open("r+b") as file:
        file.truncate(0)
    assert loaded.sum() == 100_000


class Bomb:
    def __reduce__(self):
        return os._exit, (66,)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5, "torch"])
def test_a_pickle_is_refused_and_its_code_never_runs(tmp_path, protocol):
    path = tmp_path / "model.safetensors"
    torch.save({"a": Bomb()}, path) if protocol == "torch" else path.write_bytes(pickle.dumps({"a": Bomb()}, protocol))
    with pytest.raises(RunError, match=r"is a pickle.*never loads pickles, since they can run code"):
        load_tensors(path)


@pytest.mark.parametrize("length", [0, 3, 8, 60, 2000])
def test_a_file_cut_short_is_named(tmp_path, length):
    path = tmp_path / "model.safetensors"
    save_tensors(path, {"a": torch.ones(1000), "b": torch.ones(10)})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(RunError, match=r"model\.safetensors is damaged or truncated"):
        load_tensors(path)
    with pytest.raises(RunError, match="is missing"):
        load_tensors(tmp_path / "other")


def test_a_small_safetensors_file_is_not_taken_for_a_pickle(tmp_path):
    """The header's length comes first, and some lengths start as a pickle does."""
    path = tmp_path / "a"
    for extra in range(900):
        reported = {"x": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "__metadata__": {"fill": "." * extra}}
        header = json.dumps(reported).encode()
        if len(header) == 0x0280:
            path.write_bytes(len(header).to_bytes(8, "little") + header + b"\x07")
    assert path.read_bytes()[:2] == b"\x80\x02"
    assert load_tensors(path)["x"].tolist() == [7]


def test_weights_that_are_not_finite_are_not_saved():
    assert_finite({"fine": torch.ones(3), "whole": torch.arange(3)})
    for bad in (float("nan"), float("inf")):
        with pytest.raises(TrainingError, match=r"1 of 3 numbers in layer\.weight are not finite"):
            assert_finite({"fine": torch.ones(3), "layer.weight": torch.tensor([1.0, bad, 2.0])})


def test_a_vocabulary_that_does_not_match_is_reported_in_plain_words(tmp_path):
    path = tmp_path / "a"
    save_tensors(path, Tied(vocabulary=5000).state_dict())
    with pytest.raises(RunError, match=r"vocabulary does not match: .*embedding.weight were trained with 5,000 tokens.* has 7\."):
        load_into(Tied(), load_tensors(path))


def test_other_weights_are_refused_with_names_and_shapes():
    model, weights = Tied(), Tied().state_dict()
    before = model.embedding.weight.clone()
    with pytest.raises(RunError, match=r"missing: output\.bias\. Use the recipe"):
        load_into(model, {name: value for name, value in weights.items() if name != "output.bias"})
    with pytest.raises(RunError, match="unexpected: a, b, c and 1 more"):
        load_into(model, weights | {name: torch.ones(1) for name in "abcd"})
    with pytest.raises(RunError, match=r"output\.bias have shape \(9,\), this model's have \(7,\)"):
        load_into(model, weights | {"output.bias": torch.ones(9)})
    with pytest.raises(RunError, match=r"embedding\.weight have shape \(7, 5\), this model's have \(7, 4\)"):
        load_into(model, weights | {"embedding.weight": torch.ones(7, 5)})
    assert torch.equal(model.embedding.weight, before)
