"""`nlp runs`, `nlp tensorboard` and `nlp doctor`."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import namedtuple

import pytest
import typer
import yaml
from command import heeds_ctrl_c
from nlp.cli import doctor as doctor_module
from nlp.cli.doctor import Finding, doctor, embedded_data, folders, packages, probe, recipes, satisfies
from nlp.cli.runs import duration, runs
from nlp.cli.tensorboard import log_folders, tensorboard
from nlp.datasets.named import shipped
from nlp.errors import RunError
from nlp.training.folder.files import write_atomically, write_json
from nlp.training.folder.run_directory import RunDirectory, create_run
from nlp.training.log.tracking import Tracker
from nlp.training.run_summary import summary
from typer.testing import CliRunner

app = typer.Typer(pretty_exceptions_enable=False)
for verb in (runs, tensorboard, doctor):
    app.command()(verb)


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def made(recipe: str, name: str, model: str, minute: int) -> RunDirectory:
    run = create_run(recipe, name)
    write_json(run.environment, {"started": f"2026-01-01T10:{minute:02}:00+00:00"})
    write_atomically(run.config, f"model: {{type: {model}}}\nseeds: [3]\n")
    return run


def finished(run: RunDirectory) -> RunDirectory:
    reached = {"train": 0.9, "validation": 0.8, "test": 0.7}
    metrics = {split: {"accuracy": accuracy, "loss": 0.5} for split, accuracy in reached.items()}
    write_json(run.results, {**metrics, "cost": {"train_seconds": 61.2, "steps": 1200, "parameters": 5560}, "seed": 3})
    return run


def under_way(run: RunDirectory) -> RunDirectory:
    with Tracker(run) as tracker:
        tracker.scalars("train", 50, {"loss": 0.5})
        tracker.scalars("validation", 50, {"loss": float("nan"), "accuracy": 0.25})
        tracker.scalars("train", 100, {"loss": 0.4})
    return run


# nlp runs


def test_runs_are_listed_with_what_they_reached():
    finished(made("names/lstm", "first", "lstm", 1))
    under_way(made("names/rules", "second", "rules", 2))
    reported = json.loads(call("runs", "--json"))
    assert [(run["run"], run["status"], run["model"], run["seed"], run["steps"]) for run in reported] == [
        ("names/rules/second", "interrupted", "rules", 3, 100), ("names/lstm/first", "finished", "lstm", 3, 1200)]
    assert reported[0]["validation"] == {"loss": "nan", "accuracy": 0.25}
    assert reported[1]["validation"]["accuracy"] == 0.8
    assert reported[1]["test"]["accuracy"] == 0.7
    assert (reported[1]["parameters"], reported[1]["train_seconds"]) == (5560, 61.2)
    assert reported[1]["bytes"] == sum(path.stat().st_size for path in (os.scandir(reported[1]["path"])))
    rows = [line.split() for line in call("runs").splitlines()[1:]]  # below the title
    assert rows[1][:7] == ["names/rules/second", "interrupted", "rules", "3", "100", "accuracy", "0.2500"]
    assert rows[2][:11] == ["names/lstm/first", "finished", "lstm", "3", "1,200", "accuracy", "0.8000", "0.7000", "0.5000", "5,560", "1:01"]


@pytest.mark.parametrize(("task", "tokenizer", "metric"), [
    ({"type": "classification"}, "words", "accuracy"), ({"type": "tagging"}, "words", "accuracy"),
    ({"type": "tagging", "scheme": "IOB2"}, "words", "f1"), ({"type": "language_modeling"}, "words", "perplexity"),
    ({"type": "language_modeling"}, "characters", "bits_per_character"), ({"type": "sequence_to_sequence"}, "words", "bleu"),
    ({"type": "sequence_to_sequence", "scored_as": "pronunciation"}, "words", "word_error_rate"),
    ({"type": "no longer"}, "words", "accuracy"), (None, "words", "accuracy"), ([], [], "accuracy"),
])
def test_each_task_is_judged_by_its_own_metric(task, tokenizer, metric):
    run = made("mine/one", "first", "lstm", 1)
    sections = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    run.config.write_text(yaml.safe_dump(sections | {"task": task, "tokenizer": {"type": tokenizer}}), encoding="utf-8")
    figures = {"train": {metric: 1.0}, "validation": {metric: 0.25}, "test": {metric: 0.75}}
    write_json(run.results, {**figures, "cost": {"train_seconds": 1.0, "steps": 1}, "seed": 3})
    (reported,) = json.loads(call("runs", "--json"))
    assert reported["metric"] == metric
    assert call("runs").splitlines()[2].split()[5:8] == [metric, "0.2500", "0.7500"]


@pytest.mark.parametrize(("command", "data", "changed"), [
    ("nlp train --config x", {}, ""), ("nlp train --set model.d_model=8 --config x --set=training.epochs=2 --set 'seeds=[3]'", {},
                                       "model.d_model=8, training.epochs=2"),
    ("nlp train --share 0.1,1", {"train_share": 0.1}, "data.train_share=0.1"),
    ("nlp train 'open quote", {"train_rows": 9}, "data.train_rows=9"),
    (7, {"train_share": 1.0, "train_rows": None}, ""), ("nlp train --set", 3, ""),
])
def test_what_a_command_changed_is_listed(command, data, changed):
    run = made("mine/one", "first", "lstm", 1)
    sections = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    run.config.write_text(yaml.safe_dump(sections | {"data": data}), encoding="utf-8")
    write_json(run.environment, {"command": command})
    (reported,) = json.loads(call("runs", "--json"))
    assert reported["changed"] == changed
    assert ("changed" in call("runs")) == bool(changed)


def test_runs_of_one_recipe_or_dataset():
    for minute, recipe in enumerate(("names/lstm", "names/lstm-deep", "trec/lstm")):
        made(recipe, "x", "lstm", minute)
    assert [run["run"] for run in json.loads(call("runs", "names/lstm", "--json"))] == ["names/lstm/x"]
    assert {run["run"] for run in json.loads(call("runs", "names", "--json"))} == {"names/lstm/x", "names/lstm-deep/x"}
    assert "There are no runs of names/gru" in call("runs", "names/gru")


def test_no_runs_yet():
    assert "nlp train --config names/lstm" in call("runs")
    assert json.loads(call("runs", "--json")) == []


@pytest.mark.parametrize("damage", [
    lambda run: run.config.write_bytes(b"model: [\xff"),
    lambda run: run.config.write_text("just a text"),
    lambda run: run.results.write_text("{"),
    lambda run: run.metrics.write_text('{"step": 1, "split": "tr'),
    lambda run: run.environment.unlink(),
])
def test_a_damaged_run_is_listed_all_the_same(damage):
    run = under_way(finished(made("names/lstm", "x", "lstm", 1)))
    damage(run)
    assert summary(run)["run"] == "names/lstm/x"
    assert "names/lstm/x" in call("runs")


@pytest.mark.parametrize(("seconds", "reported"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (60, "1:00"), (3599, "59:59"), (7300, "2:01:40")])
def test_durations(seconds, reported):
    assert duration(seconds) == reported


# nlp tensorboard


def test_which_folders_tensorboard_reads(root):
    first, second = made("names/lstm", "a", "lstm", 1), made("names/rules", "b", "rules", 2)
    assert log_folders([]) == ["--logdir", str(root)]
    assert log_folders(["names/lstm"]) == ["--logdir", str(first.path)]
    both = f"names/lstm/a:{first.path},names/rules/b:{second.path}"
    assert log_folders(["names/lstm/a", "names/rules"]) == ["--logdir_spec", both]
    with pytest.raises(RunError, match="no run"):
        log_folders(["names/gru"])


def served(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    code = "import typer\nfrom nlp.cli.tensorboard import tensorboard\ntyper.run(tensorboard)"
    command = [sys.executable, "-P", "-c", code, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heeds_ctrl_c)
    assert process.stdout is not None
    return process, process.stdout.readline()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is POSIX")
def test_tensorboard_shows_the_runs_until_it_is_interrupted():
    under_way(made("names/lstm", "a", "lstm", 1))
    process, line = served("--port", "0")
    address = line.split()[3]
    for _ in range(100):
        with urllib.request.urlopen(f"{address}data/runs") as answer:
            found = json.load(answer)
        if len(found) == 2:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=30)
    assert sorted(found) == ["names/lstm/a/train", "names/lstm/a/validation"]
    assert (process.returncode, printed.strip(), errors) == (0, "", "")


@pytest.mark.parametrize("host", ["localhost", "203.0.113.1"])
def test_an_address_that_cannot_be_had_is_reported(host):
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        process, line = served("--port", str(taken.getsockname()[1]), "--host", host)
        errors = process.communicate(timeout=30)[1]
    assert line == ""
    assert "TensorBoard cannot start" in errors


# nlp doctor


@pytest.mark.parametrize(("version", "wanted", "right"), [
    ("2.13.0+cpu", "<2.14,>=2.11", True), ("2.14.0", "<2.14,>=2.11", False), ("2.9.1", ">=2.11", False),
    ("3.0", ">=2.11,<3", False), ("2.11", ">=2.11.0", True), ("2.11.0", ">=2.11", True), ("1.2", "==1.2.0", True),
    ("1.2.3", "!=1.2.3", False), ("1.2", "", True), ("2.0", ">2.0", False), ("2.1rc1", "> 2.0, <= 2.1", True),
    ("10.0", ">=9", True),
])
def test_versions_in_a_range(version, wanted, right):
    assert satisfies(version, wanted) is right


def test_the_doctor_finds_nothing_wrong_here():
    findings = {finding["what"]: finding for finding in json.loads(call("doctor", "--json"))}
    assert {"python", "torch", "pyyaml", "devices", "data folder", "runs folder", "dataset names", "recipes"} <= set(findings)
    assert {finding["state"] for finding in findings.values()} <= {"ok", "notice"}
    assert "cpu" in findings["devices"]["found"]


def test_a_module_that_crashes_or_hangs_is_reported_apart_from_the_others(tmp_path, monkeypatch):
    for name, code in (("fine", ""), ("broken", "raise ValueError('x')"), ("crashes", "import os; os._exit(3)"),
                       ("hangs", "import time; time.sleep(60)")):
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(doctor_module, "PROBE_SECONDS", 3)
    assert probe(["fine", "broken", "crashes", "json"]) == {"fine": "", "broken": "ValueError: x"}
    assert probe(["fine", "hangs", "json"]) == {"fine": ""}


def test_packages_that_are_missing_too_old_or_broken_get_a_remedy(monkeypatch):
    wanted = ["numpy>=99", "no-such-package-here>=1", "rich>=1"]
    monkeypatch.setattr("nlp.training.folder.environment.requirements", lambda: wanted)
    monkeypatch.setattr(doctor_module, "probe", lambda modules: {"numpy": "", "rich": "ImportError: libz"})
    found = {finding.what: finding for finding in packages()}
    assert [found[name].state for name in ("numpy", "no-such-package-here", "rich", "devices")] == ["broken"] * 4
    assert found["numpy"].remedy == "Run: pip install 'numpy>=99'"
    assert "not installed" in found["no-such-package-here"].found
    assert "libz" in found["rich"].found


def test_folders_that_are_full_or_read_only_are_broken(root, tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_DATA", str(tmp_path))
    assert [finding.state for finding in folders()] == ["ok", "ok", "ok"]
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(1000))
        assert [finding.state for finding in folders()] == ["broken", "broken", "broken"]
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    data, run, cache = folders()
    assert (data.state, run.state, cache.state) == ("notice", "broken", "notice")
    assert f"Make {root.parent} writable for you, or set NLP_RUNS" in run.remedy
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "file" / "runs"))
    (tmp_path / "file").touch()
    assert list(folders())[1].state == "broken"


def test_without_a_home_folder_the_variables_are_named(monkeypatch):
    monkeypatch.delenv("NLP_DATA", raising=False)
    monkeypatch.setattr("nlp.datasets.files.cache_folder", lambda: None)
    monkeypatch.setattr("nlp.datasets.encoded.cache.cache_root", lambda: None)
    data, _, cache = folders()
    assert (data.state, cache.state) == ("notice", "notice")
    assert data.remedy == "Set NLP_DATA to a writable folder."


def test_a_recipe_that_is_not_valid_is_named(tmp_path, monkeypatch):
    (tmp_path / "bad.yaml").write_text("modle: {}\n", encoding="utf-8")
    monkeypatch.setattr("nlp.configs.load.recipe_names", lambda: [str(tmp_path / "bad.yaml")])
    (finding,) = recipes()
    assert finding.state == "broken"
    assert "modle" in finding.found


def test_a_check_that_fails_does_not_hide_the_others(monkeypatch):
    def crash() -> None:
        raise OSError("unplugged")

    monkeypatch.setattr("nlp.datasets.read.read_dataset", lambda *_: crash())
    monkeypatch.setattr(doctor_module, "packages", lambda: iter(()))
    monkeypatch.setattr(doctor_module, "recipes", lambda: iter([Finding("recipes", "ok", "fine")]))
    printed = call("doctor", code=1)
    assert "broken  embedded data: OSError: unplugged" in printed
    assert "ok      recipes: fine" in printed
    assert "1 of 5 checks failed" in printed


def test_each_embedded_dataset_is_checked():
    findings = {finding.what: (finding.state, finding.found.partition(" ")[0]) for finding in embedded_data()}
    assert findings == {"dataset names": ("ok", "15,540"), "dataset dates": ("ok", "24,000"), "dataset pydocs": ("ok", "79")}


def test_a_damaged_embedded_dataset_is_broken(tmp_path, monkeypatch):
    shutil.copytree(shipped.SHIPPED, tmp_path / "files")
    (tmp_path / "files" / "names.tsv").write_text("Kowalski\tPolish\n", encoding="utf-8")
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "files")
    states = {finding.what: finding.state for finding in embedded_data()}
    assert states == {"dataset names": "broken", "dataset dates": "ok", "dataset pydocs": "ok"}
