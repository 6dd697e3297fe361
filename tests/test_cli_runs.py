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
from nlp.cli.doctor import Finding, doctor, embedded_data, folders, other_packages_named_nlp, packages, probe, recipes, satisfies
from nlp.cli.runs import duration, runs
from nlp.cli.tensorboard import add_runs, print_shown, tensorboard
from nlp.datasets.named import shipped
from nlp.errors import ConfigError, RunError
from nlp.training.folder.files import write_atomically, write_json
from nlp.training.folder.run_directory import RunDirectory, create_run
from nlp.training.log.board import Board
from nlp.training.log.tensorboard_events import EventFile, scalar
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
    heading = "span_f1" if metric == "f1" else metric
    assert call("runs").splitlines()[2].split()[5:8] == [heading, "0.2500", "0.7500"]


@pytest.mark.parametrize(("command", "data", "changed"), [
    ("nlp train --config x", {}, ""), ("nlp train --set model.d_model=8 --config x --set=training.epochs=2 --set 'seeds=[3]'", {},
                                       "model.d_model=8, training.epochs=2"),
    ("nlp train --share 0.1,1", {"train_share": 0.1}, "data.train_share=0.1"),
    ("nlp train 'open quote", {"train_rows": 9}, "data.train_rows=9"),
    (7, {"train_share": 1.0, "train_rows": None}, ""), ("nlp train --set", 3, ""),
    ("nlp sweep --set 'data.name={choices: [a, b]}' --set 'data.train_share={from: 0.1, to: 1}' --set 'data.columns={from: a, to: b}'",
     {"name": "b", "columns": {"from": "a", "to": "b"}}, "data.name=b, data.train_share={from: 0.1, to: 1}, data.columns={from: a, to: b}"),
    ("nlp train --set model.alpha=0.3 --set model.alpha=0.7", {}, "model.alpha=0.7"),
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


RULES = """
data: {type: named, name: names}
task: {type: classification}
model: {type: rules, default: Italian, rules: [{label: Polish, pattern: 'ski$'}]}
"""


def trained(run: RunDirectory, steps: int, *, old: bool = False) -> RunDirectory:
    """A finished run with its log: of 0 or 1 steps, as rules and classical models have, or of more; `old` has four sub-runs."""
    reached = {"accuracy": 0.75, "loss": 0.5}
    with Tracker(run) as tracker:
        for step in range(10, steps + 1, 10) if steps > 1 else [steps]:
            tracker.scalars("train", step, reached)
            tracker.scalars("validation", step, reached)
        tracker.scalars("test", steps, {"accuracy": 0.7, "loss": 0.6})
    if old:
        for name in ("test", "hparams"):
            EventFile(run.path / name).close()
        for path in run.path.glob("validation/*"):
            path.unlink()
        events = EventFile(run.path / "validation")
        events.add(steps, scalar("accuracy", 0.75))
        events.close()
        write_atomically(run.config, RULES)
    return finished(run)


@pytest.fixture
def board_of():
    boards = []

    def make(folder, *names: str, all_: bool = False) -> Board:
        boards.append(Board(folder))
        add_runs(boards[-1], names, all_)
        return boards[-1]

    yield make
    for board in boards:
        board.close()


def points(folder, tag: str) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    multiplexer = EventMultiplexer(size_guidance={"scalars": 0})
    multiplexer.AddRunsFromDirectory(str(folder.parent))
    multiplexer.Reload()
    return [(event.step, round(event.value, 3)) for event in multiplexer.Scalars(folder.name, tag)]


def test_the_latest_run_of_each_recipe_of_the_dataset_last_used_is_shown(tmp_path, board_of, capsys):
    for minute, (recipe, name) in enumerate([("names/lstm", "a"), ("names/lstm", "b"), ("names/cnn", "c-seed-2"), ("trec/lstm", "d"),
                                             ("names/gru", "e")]):
        under_way(made(recipe, name, "lstm", minute))
    board = board_of(tmp_path)
    assert [(name, run.address) for name, run in board.runs.items()] == [
        ("gru", "names/gru/e"), ("cnn, seed 2", "names/cnn/c-seed-2"), ("lstm", "names/lstm/b")]
    print_shown(board, by_name=False, all_=False)
    printed = capsys.readouterr().out
    assert "each recipe of names" in printed and "cnn, seed 2  names/cnn/c-seed-2" in printed
    assert "Not shown: 1 other run of the same recipes; runs of trec." in printed and "--all" in printed


def test_points_of_a_learning_curve_are_not_shown_for_their_recipe(tmp_path, board_of):
    made("names/lstm", "whole", "lstm", 0)
    part = made("names/lstm", "part", "lstm", 1)
    write_atomically(part.config, "data:\n  train_rows: 100\nmodel:\n  type: lstm\nseeds: [3]\n")
    assert [run.name for run in board_of(tmp_path).runs.values()] == ["whole"]


def test_at_most_ten_recipes_are_shown(tmp_path, board_of, capsys):
    for number in range(12):
        made(f"names/r{number}", "x", "lstm", number)
    board = board_of(tmp_path)
    assert [*board.runs] == [f"r{number}" for number in range(11, 1, -1)]
    print_shown(board, by_name=False, all_=False)
    assert "runs of 2 more recipes (names/r0, names/r1)" in capsys.readouterr().out
    assert len(board_of(tmp_path, all_=True).runs) == 12


def test_runs_that_are_named_are_shown_by_their_whole_names(tmp_path, board_of):
    under_way(made("names/lstm", "a", "lstm", 1)), made("names/rules", "b", "rules", 2)
    assert [*board_of(tmp_path, "names/lstm/a", "names/rules").runs] == ["names/lstm/a", "names/rules/b"]
    alone = board_of(tmp_path / "alone", "names/lstm")
    assert {path.parent.name for path in alone.folder.glob("*/events*")} == {"train", "validation"}
    with pytest.raises(RunError, match="no run"):
        board_of(tmp_path, "names/gru")
    with pytest.raises(ConfigError, match="--all shows all"):
        tensorboard(["names/lstm"], all_=True, port=None, host="localhost")


def test_a_run_that_starts_later_is_shown_beside_the_earlier_one(tmp_path, board_of):
    under_way(made("names/lstm", "a", "lstm", 1))
    board = board_of(tmp_path)
    under_way(made("names/lstm", "b", "lstm", 2))
    under_way(made("trec/lstm", "c", "lstm", 3))
    add_runs(board, (), all_=False)
    add_runs(board, (), all_=False)
    assert [*board.runs] == ["lstm", "lstm, b"]
    assert [*(tmp_path / "lstm, b").glob("train/events*")]


def test_models_without_steps_are_lines_as_long_as_the_curves_of_others(tmp_path, board_of):
    trained(made("names/rules", "a", "rules", 1), 0)
    trained(made("names/knn", "b", "knn", 2), 1)
    board = board_of(tmp_path)
    assert points(tmp_path / "rules" / "validation", "accuracy") == [(0, 0.75), (2, 0.75)], "no others are there yet"
    run = under_way(made("names/lstm", "c", "lstm", 3))
    add_runs(board, (), all_=False)
    assert points(tmp_path / "rules" / "validation", "accuracy") == [(0, 0.75), (2, 0.75), (100, 0.75)]
    assert points(tmp_path / "knn" / "train", "loss") == [(1, 0.5), (2, 0.5), (100, 0.5)]
    assert points(tmp_path / "knn" / "validation", "test/loss") == [(1, 0.6), (2, 0.6), (100, 0.6)]
    with Tracker(run, None) as tracker:
        tracker.scalars("train", 300, {"loss": 0.3})
    add_runs(board, (), all_=False)
    add_runs(board, (), all_=False)
    assert points(tmp_path / "knn" / "train", "loss")[-2:] == [(100, 0.5), (300, 0.5)]


def test_a_run_of_an_earlier_version_gets_its_test_figures_and_its_row_in_two_sub_runs(tmp_path, board_of):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trained(made("names/rules", "a", "rules", 1), 0, old=True)
    board_of(tmp_path)
    assert {path.name for path in (tmp_path / "rules").iterdir()} == {"train", "validation"}
    assert points(tmp_path / "rules" / "validation", "test/accuracy") == [(0, 0.7), (2, 0.7)]
    assert points(tmp_path / "rules" / "validation", "scored/accuracy") == [(0, 0.8)]
    read = EventAccumulator(str(tmp_path / "rules" / "validation")).Reload()
    assert {"_hparams_/session_start_info", "_hparams_/session_end_info"} <= set(read.Tags()["tensors"])


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
    assert process.stdout is not None
    address = line.split()[3]
    for _ in range(100):
        with urllib.request.urlopen(f"{address}data/runs") as answer:
            found = json.load(answer)
        if len(found) == 2:
            break
        time.sleep(0.1)
    with urllib.request.urlopen(address) as answer:
        assert b'<head><script src="defaults.js"></script>' in answer.read()
    with urllib.request.urlopen(f"{address}defaults.js") as answer:
        assert b"ignoreOutliers" in answer.read()
    shown = [process.stdout.readline() for _ in range(2)]
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=30)
    assert sorted(found) == ["lstm/train", "lstm/validation"]
    assert shown == ["Showing the latest run of each recipe of names:\n", "  lstm  names/lstm/a\n"]
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


def test_another_package_that_installs_a_folder_nlp_is_found(tmp_path, monkeypatch):
    (alone,) = other_packages_named_nlp()
    assert (alone.what, alone.state) == ("import nlp", "ok")
    info = tmp_path / "nlp-0.4.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nlp\nVersion: 0.4.0\n", encoding="utf-8")
    (info / "RECORD").write_text("nlp/__init__.py,,\nnlp/arrow_dataset.py,,\nnlp-0.4.0.dist-info/METADATA,,\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (finding,) = other_packages_named_nlp()
    assert (finding.what, finding.state) == ("import nlp", "broken")
    assert "the package nlp 0.4.0 is installed too" in finding.found
    assert finding.remedy.startswith("Run: pip uninstall nlp, which removes files of this package too")
    for check in ("packages", "folders", "embedded_data", "recipes"):
        monkeypatch.setattr(doctor_module, check, lambda: iter(()))
    assert "broken  import nlp: the package nlp 0.4.0" in call("doctor", code=1)


def test_folders_that_are_full_or_read_only_are_broken(root, tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_DATA", str(tmp_path))
    monkeypatch.setenv("NLP_WEIGHTS", str(tmp_path))
    assert [finding.state for finding in folders()] == ["ok"] * 4
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(1000))
        assert [finding.state for finding in folders()] == ["broken"] * 4
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    data, weights, run, cache = folders()
    assert (data.state, weights.state, run.state, cache.state) == ("notice", "notice", "broken", "notice")
    assert f"Make {root.parent} writable, or set NLP_RUNS" in run.remedy
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "file" / "runs"))
    (tmp_path / "file").touch()
    assert list(folders())[2].state == "broken"


def test_without_a_home_folder_the_variables_are_named(monkeypatch):
    monkeypatch.delenv("NLP_DATA", raising=False)
    monkeypatch.delenv("NLP_WEIGHTS", raising=False)
    monkeypatch.setattr("nlp.datasets.files.cache_folder", lambda: None)
    monkeypatch.setattr("nlp.models.pretrained.folder.cache_folder", lambda: None)
    monkeypatch.setattr("nlp.datasets.encoded.cache.cache_root", lambda: None)
    data, weights, _, cache = folders()
    assert (data.state, weights.state, cache.state) == ("notice", "notice", "notice")
    assert (data.remedy, weights.remedy) == ("Set NLP_DATA to a writable folder.", "Set NLP_WEIGHTS to a writable folder.")


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
    assert "1 of 7 checks failed" in printed


def test_each_embedded_dataset_is_checked():
    findings = {finding.what: (finding.state, finding.found.partition(" ")[0]) for finding in embedded_data()}
    assert findings == {"dataset names": ("ok", "15,540"), "dataset dates": ("ok", "24,000"), "dataset pydocs": ("ok", "79"),
                        "dataset digits": ("ok", "1,797")}


def test_a_damaged_embedded_dataset_is_broken(tmp_path, monkeypatch):
    shutil.copytree(shipped.SHIPPED, tmp_path / "files")
    (tmp_path / "files" / "names.tsv").write_text("Kowalski\tPolish\n", encoding="utf-8")
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "files")
    states = {finding.what: finding.state for finding in embedded_data()}
    assert states == {"dataset names": "broken", "dataset dates": "ok", "dataset pydocs": "ok", "dataset digits": "ok"}
