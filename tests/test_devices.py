"""Where networks run: the cores that they may use, GPUs for several processes, memory that is kept."""

import math
import os
import platform
import subprocess
import sys

import pytest
import torch
from nlp.configs.load import load_recipe
from nlp.errors import DeviceError
from nlp.training.devices import choose_device, precision_notices, thread_count
from nlp.training.folder.environment import control_group_share, cores

FAULTS = """
import resource
import torch
from nlp.training.devices import keep_freed_memory
keep_freed_memory()
torch.set_num_threads(1)
for place in range(60):
    if place == 40:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(16 << 20).fill_(1.0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver() < ("glibc", "2.35"), reason="older ones take no threshold above 32 MB")
def test_a_large_tensor_takes_the_place_of_an_earlier_one():
    """Twenty times 64 MB are 327,680 pages of 4 KB that the system would have to fill with zeros."""
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, encoding="utf-8", check=True)
    assert int(done.stdout) < 3_000


@pytest.mark.parametrize(("files", "share"), [
    ({}, math.inf),
    ({"cpu.max": "max 100000"}, math.inf),
    ({"cpu.max": "150000 100000"}, 1.5),
    ({"cpu.max": "400000 100000", "user/job/cpu.max": "max 100000", "user/cpu.max": "50000 100000"}, 0.5),
    ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
    ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3.0),
    ({"cpu.max": "nothing"}, math.inf),
])
def test_cores_are_those_that_the_control_group_gets(tmp_path, monkeypatch, files, share):
    (tmp_path / "groups").write_text("9:cpu:/\n0::/user/job\n", encoding="utf-8")
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{content}\n", encoding="utf-8")
    assert control_group_share(tmp_path, tmp_path / "groups") == share
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr("nlp.training.folder.environment.control_group_share", lambda: share)
    if sys.platform == "linux":
        assert cores() == max(1, min(8, int(min(share, 99))))


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.setattr("nlp.training.devices.cores", lambda: 8)
    cnn, lstm, bag, rules, forest = (load_recipe(f"names/{name}") for name in ("cnn", "lstm", "mlp", "rules", "random-forest"))
    assert [thread_count(cnn, None, processes) for processes in (1, 3, 4, 16)] == [8, 2, 2, 1]
    assert [thread_count(each) for each in (bag, rules, lstm)] == [1, 1, 1]
    assert thread_count(forest) == 8
    assert thread_count(cnn, 5, 4) == thread_count(lstm, 5) == 5


@pytest.mark.parametrize("setting", ["model.bidirectional=true", "model.hidden_size=129"])
def test_recurrent_networks_whose_steps_are_longer_take_all_cores(setting, monkeypatch):
    monkeypatch.setattr("nlp.training.devices.cores", lambda: 8)
    assert thread_count(load_recipe("names/gru", [setting])) == 8


@pytest.mark.parametrize(("recipe", "precision", "device", "has_it", "told"), [
    ("names/lstm", "bf16", "cpu", False, True), ("names/lstm", "bf16", "cpu", True, False), ("names/lstm", "bf16", "cuda:0", False, False),
    ("names/lstm", "fp32", "cpu", False, False)])
def test_a_processor_without_bf16_says_so(recipe, precision, device, has_it, told, monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: has_it)
    notices = precision_notices(load_recipe(recipe, [f"training.precision={precision}"]), device)
    assert notices == ["training.precision is bf16, but this processor has no matrix products in bfloat16; training runs in fp32."] * told


def test_rules_have_no_precision():
    assert precision_notices(load_recipe("names/rules"), "cpu") == []


def test_each_process_needs_a_gpu_of_its_own(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    recipe = load_recipe("names/lstm")
    assert choose_device(recipe, "auto", 2) == "cuda"
    for asked in ("auto", "cuda"):
        with pytest.raises(DeviceError, match=r"3 processes need a GPU each, but this machine has 2. Use --processes 2, or --device cpu"):
            choose_device(recipe, asked, 3)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device(recipe, "auto") == "cuda"
    assert chosen == [1]
    assert choose_device(recipe, "cpu", 3) == "cpu"
