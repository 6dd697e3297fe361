"""Many runs: which ones, where each is found again, what survives kills and failures, and what schedulers are given."""

import json
import multiprocessing
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import NLP, TRAINING, heeds_ctrl_c, nlp, nlp_process, results, timeless, weights, write_names, write_recipe
from made_runs import classified, made_run
from nlp.cli.console import explain
from nlp.cli.study import numbers, pick, print_study, shares, task_number
from nlp.configs.load import load_recipe
from nlp.configs.schema.recipe import Recipe
from nlp.errors import ConfigError, RunError
from nlp.training.devices import Setting
from nlp.training.finish import Results
from nlp.training.folder.run_directory import RunDirectory
from nlp.training.folder.run_lock import RunLock
from nlp.training.jobs import discarded_unless_started, job_in
from nlp.training.run import Run, build_run, train_jobs
from nlp.training.study.address import method_address
from nlp.training.study.engine import Going, Study
from nlp.training.study.expected_time import ExpectedTimes
from nlp.training.study.plan import PlannedRun, matching, plan_study
from nlp.training.study.worker import Finished, Line, Options, RelayedDisplay, start

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_names(tmp_path)
    for model in ("rules", "naive_bayes", "mlp"):
        write_recipe(tmp_path, model)
    return tmp_path


def runs_of(folder: Path) -> dict[str, Path]:
    return {str(path.parent.relative_to(folder / "runs")): path.parent for path in sorted(folder.glob("runs/*/*/config.yaml"))}


# Options


@pytest.mark.parametrize(("text", "found"), [("3", [1, 2, 3]), ("1", [1]), ("[3]", [3]), ("3,", [3]), ("8, 2", [8, 2]), ("[0,5]", [0, 5]),
                                             (None, [])])
def test_a_number_is_a_count_and_a_list_is_a_list(text, found):
    assert numbers(text, "--seeds", 1) == found


@pytest.mark.parametrize("text", ["", "0", "-1", "a", "[]", "1,1", "1.5", "99999999", "[-1]", f"[{2**32}]"])
def test_what_is_neither_is_refused(text):
    with pytest.raises(ConfigError, match="neither a number of runs"):
        numbers(text, "--seeds", 1)


def test_splits_are_counted_from_the_first_seed():
    assert numbers("2", "--splits", 0) == [0, 1]


def test_shares():
    assert (shares("0.5,1", "--share"), shares(None, "--share")) == ([0.5, 1.0], [])
    for text in ("0", "1.5", "x", "", "nan"):
        with pytest.raises(ConfigError, match=r"--shares .* is not a share"):
            shares(text, "--shares")


def test_the_task_is_the_one_given_or_that_of_the_array(monkeypatch):
    for name in ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"):
        monkeypatch.delenv(name, raising=False)
    assert task_number(None, 5) is None
    for name in ("JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.setenv(name, "3" if name.startswith("S") else "2")
        assert task_number(None, 5) == (3 if name.startswith("S") else 2)
    assert task_number(0, 5) == 0
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "²")
    assert task_number(None, 5) == 2, "no number"
    assert task_number(None, 1) is None, "the command of a single run inside an array"
    assert pick(["a", "b"], 1) == "b"
    with pytest.raises(ConfigError, match=r"no run 2: this study has 2, from 0 to 1 .*--array=0-1\."):
        pick(["a", "b"], 2)


# The plan


def test_recipes_parts_splits_and_seeds_in_their_order(folder):
    runs = plan_study(["rules.yaml", "mlp.yaml"], seeds=[1, 2], splits=[0, 3], sizes=[0.5, 20])
    assert len(runs) == len({run.directory for run in runs}) == 2 * 2 * 2 * 2
    assert [run.name for run in runs[:8]] == [
        "rules, 50 % of the data, seed 1", "rules, 50 % of the data, seed 2", "rules, 50 % of the data, split 3, seed 1",
        "rules, 50 % of the data, split 3, seed 2", "rules, 20 examples, seed 1", "rules, 20 examples, seed 2",
        "rules, 20 examples, split 3, seed 1", "rules, 20 examples, split 3, seed 2"]
    assert [run.recipe.seeds for run in runs[:2]] == [[1], [2]]
    assert (runs[4].recipe.data.train_rows, runs[4].recipe.data.train_share) == (20, 1.0)
    assert not (folder / "runs").exists()


def test_seeds_are_the_recipes_own_where_none_are_given(folder):
    assert [run.seed for run in plan_study(["mlp.yaml"], ["seeds=[4, 9]"])] == [4, 9]


def test_the_address_is_what_the_run_is(folder):
    address = method_address(load_recipe("mlp.yaml"))
    assert re.fullmatch("[0-9a-f]{8}", address)
    assert method_address(load_recipe("mlp.yaml", ["seeds=[7]", "description=other"])) == address
    assert method_address(load_recipe("mlp.yaml", ["data.train_share=1.0"])) == address, "a default that is stated"
    (folder / "elsewhere").mkdir()
    for path in (*folder.glob("*.csv"), folder / "mlp.yaml"):
        (folder / "elsewhere" / path.name).write_bytes(path.read_bytes())
    assert method_address(load_recipe("elsewhere/mlp.yaml")) == address
    for setting in ("model.dropout=0.3", "data.train_share=0.5", "data.split_seed=1", "training.epochs=4"):
        assert method_address(load_recipe("mlp.yaml", [setting])) != address
    with (folder / "train.csv").open("a", encoding="utf-8") as file:
        file.write("Novak,Polish\n")
    assert method_address(load_recipe("mlp.yaml")) != address


def test_parallel_files_and_rules_in_a_file_count_by_their_content(tmp_path):
    (tmp_path / "rules.yaml").write_text("[{label: a, keywords: [x]}]", encoding="utf-8")
    for ending in ("source", "target"):
        (tmp_path / f"pairs.{ending}").write_text("a\n", encoding="utf-8")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("data: {type: files, train: pairs, format: parallel}\ntask: {type: classification}\n"
                      "model: {type: rules, default: a, rules_file: rules.yaml}\n", encoding="utf-8")
    seen = {method_address(load_recipe(str(recipe)))}
    for changed in ("pairs.target", "rules.yaml"):
        (tmp_path / changed).write_text("[{label: b, keywords: [x]}]", encoding="utf-8")
        seen.add(method_address(load_recipe(str(recipe))))
    assert len(seen) == 3


def test_published_weights_count_by_the_content_of_their_folder(tmp_path):
    weights, recipe = tmp_path / "weights", tmp_path / "recipe.yaml"
    weights.mkdir()
    (tmp_path / "train.csv").write_text("text,label\na,b\n", encoding="utf-8")
    recipe.write_text("data: {type: files, train: train.csv}\ntask: {type: classification}\nmodel: {type: pretrained, path: weights}\n"
                      "training: {epochs: 1, optimizer: {type: adamw, learning_rate: 0.1}}\n", encoding="utf-8")
    seen = []
    for changed in ("README.md", "config.json", "model.safetensors"):
        (weights / changed).write_text("{}", encoding="utf-8")
        seen.append(method_address(load_recipe(str(recipe))))
    assert len(set(seen)) == 3
    (weights / "README.md").write_text("other words", encoding="utf-8")
    weights.rename(tmp_path / "elsewhere")
    assert method_address(load_recipe(str(recipe), [f"model.path={tmp_path / 'elsewhere'}"])) == seen[-1]
    assert method_address(load_recipe(str(recipe), ["model.path=all-minilm-l6-v2"])) not in seen


def test_patterns_stand_for_recipes_with_data_or_for_files(folder):
    assert matching(["names/l*", "names/lstm", "names/[r]ules"]) == [
        "names/linear-svm", "names/logistic-regression", "names/lstm", "names/rules"]
    assert matching(["*.yaml"]) == ["mlp.yaml", "naive_bayes.yaml", "rules.yaml"]
    for pattern in ("counting/*", "nothing/*", "*.yml"):
        with pytest.raises(ConfigError, match="No recipe with data matches"):
            matching([pattern])


def test_a_pattern_leaves_out_what_starts_from_a_run_that_is_not_there(folder, capsys):
    with pytest.raises(ConfigError, match="No recipe with data matches"):
        matching(["names/*trained*"])
    assert "Left out: names/pretrained-then-finetuned, which start from a run or word vectors that do not exist" in capsys.readouterr().err
    assert matching(["names/pretrained-then-finetuned"]) == ["names/pretrained-then-finetuned"], "by its name it is reported when it starts"


def test_data_with_a_validation_split_of_its_own_has_no_others(folder):
    assert len(plan_study(["names/rules", "sst2/cnn"], splits=[0, 1, 2])) == 2
    assert len(plan_study(["trec/cnn"], splits=[0, 1, 2])) == 3
    assert len(plan_study(["names/rules"], splits=[0, 1, 2], sizes=[0.5, 1.0])) == 3 + 1, "other parts of its training examples"


def test_a_name_belongs_to_one_recipe(folder):
    nlp("train", "--config", "rules.yaml", "--seeds", "2", "--name", "mine", cwd=folder)
    assert set(runs_of(folder)) == {"rules/mine-seed-1", "rules/mine-seed-2"}
    done = nlp("train", "--config", "rules.yaml", "--seeds", "2", "--name", "mine", "--set", "model.default=Polish", cwd=folder, code=2)
    assert "is a run of another recipe" in done.stderr
    done = nlp("train", "--config", "rules.yaml", "--share", "0.5,1", "--name", "other", cwd=folder, code=2)
    assert "--name is for runs that differ only in their seeds" in done.stderr
    for name in ("../mine", "a/b"):
        with pytest.raises(RunError, match="cannot be a run's name"):
            plan_study(["rules.yaml"], seeds=[1, 2], name=name)


# Training


def test_rows_of_runs_side_by_side_say_whose_they_are():
    sent = []
    for seed in ("1", "2"):
        RelayedDisplay(10, 0, seed, sent.append).evaluation(5, {"accuracy": 0.5}, is_best=True)
    lines = [event.text for event in sent if isinstance(event, Line)]
    assert [line[:8] for line in lines] == ["        ", "seed 1  ", "        ", "seed 2  "]
    assert lines[0] == lines[2], "so that the heading is shown once"


def test_splits_are_one_method_with_the_mean_over_them(folder):
    done = nlp("train", "--config", "rules.yaml", "--config", "naive_bayes.yaml", "--splits", "2", cwd=folder)
    assert "mean ± standard deviation over seeds and splits" in done.stdout
    assert re.search(r"^rules +2 .*±.*\nnaive_bayes +2 .*±", done.stdout, re.MULTILINE)
    alone = nlp("train", "--config", "naive_bayes.yaml", "--splits", "2", cwd=folder).stdout
    assert "seed 1 on splits 0, 1; mean ± standard deviation" in alone
    for run in runs_of(folder).values():
        if run.parent.name == "naive_bayes":
            assert f"{run.parent.name}/{run.name.partition('-')[0]}-seed-*" in alone


def test_a_study_trains_each_run_once_and_as_it_would_be_alone(folder):
    command = ["train", "--config", "rules.yaml", "--config", "naive_bayes.yaml", "--config", "mlp.yaml", "--seeds", "2",
               "--parallel-runs", "2"]
    done = subprocess.run([str(NLP), *command, "--threads", "1"], cwd=folder, capture_output=True, encoding="utf-8", check=True)
    assert [line.split("  ")[0] for line in done.stderr.splitlines() if "validation accuracy" in line] == [f"{n}/6" for n in range(1, 7)]
    assert re.search(r"^rules +2 .*\nnaive_bayes +2 .*\nmlp +2 .*±", done.stdout, re.MULTILINE)
    assert "Next: nlp compare rules naive_bayes mlp" in done.stdout
    runs = runs_of(folder)
    assert len(runs) == 6
    for run in runs.values():
        recipe = run.parent.name
        seed = results(run)["seed"]
        nlp("train", "--config", f"{recipe}.yaml", "--set", f"seeds=[{seed}]", "--name", f"alone-{seed}", cwd=folder)
        alone = run.parent / f"alone-{seed}"
        assert results(alone)["test"] == results(run)["test"]
        assert timeless(alone) == timeless(run)
        if recipe == "mlp":
            assert weights(alone) == weights(run)
    memory = {run.parent.name: results(run)["cost"]["peak_bytes"] for run in runs.values()}
    assert memory["rules"] < memory["mlp"] / 2, "what networks need is not loaded for rules"
    written = {run: (run / "results.json").stat().st_mtime_ns for run in runs.values()}
    again = nlp(*command, cwd=folder)
    assert again.stdout == done.stdout
    assert again.stderr == ""
    assert written == {run: (run / "results.json").stat().st_mtime_ns for run in runs.values()}
    read = json.loads(nlp(*command, "--json", cwd=folder).stdout)
    assert [Path(each["run"]).name[-6:] for each in read] == ["seed-1", "seed-2"] * 3


def test_the_expected_time_is_that_of_earlier_runs_on_all_of_the_data(folder):
    made_run(folder, "mlp", classified([0], [0]), name="whole", cost={"train_seconds": 80.0})
    part = made_run(folder, "mlp", classified([0], [0]), name="part", cost={"train_seconds": 1.0}, started="2026-02-01T10:00:00")
    (part / "config.yaml").write_text("data:\n  train_rows: 9\nmodel:\n  type: mlp\nseeds: [1]\n", encoding="utf-8")
    whole, half = plan_study(["mlp.yaml"], sizes=[1.0, 0.5])
    times = ExpectedTimes([whole, half])
    assert (times.of(whole), times.of(half)) == (80.0, 40.0)


@pytest.mark.slow
def test_several_recipes_that_are_trained_data_parallel_are_not_averaged(folder, monkeypatch, capsys):
    write_recipe(folder, "lstm")
    command = ["train", "--config", "mlp.yaml", "--config", "lstm.yaml", "--seeds", "2"]
    study = nlp(*command, cwd=folder)
    done = nlp(*command, "--processes", "2", cwd=folder)
    assert done.stdout == study.stdout
    assert "nothing to resume" not in done.stderr, "what is finished starts no processes"
    monkeypatch.setenv("RANK", "1")
    runs = plan_study(["mlp.yaml", "lstm.yaml"])
    capsys.readouterr()
    print_study(runs, [Results.read(run.directory) for run in runs], as_json=False)
    assert capsys.readouterr().out == "", "only the first process prints"


def test_a_run_that_another_process_finishes_meanwhile_is_read(folder, monkeypatch):
    nlp("train", "--config", "rules.yaml", "--seeds", "1,", cwd=folder)
    run, = plan_study(["rules.yaml"])
    written = run.directory.results.read_bytes() + b"\n"
    run.directory.results.unlink()

    def slowly(recipe: Recipe, setting: Setting, directory: RunDirectory) -> Run:
        run.directory.results.write_bytes(written)
        return build_run(recipe, setting, directory)

    monkeypatch.setattr("nlp.training.run.build_run", slowly)
    trained = train_jobs([job_in(run.directory, run.recipe, run.config, "cpu", 1)])
    assert [each.directory for each in trained.results] == [run.directory]
    assert run.directory.results.read_bytes() == written


def test_the_folder_of_a_run_that_another_process_has_taken_is_not_removed(folder):
    run, = plan_study(["rules.yaml"])
    job = job_in(run.directory, run.recipe, run.config, "cpu", 1)
    assert job.is_new
    with RunLock(run.directory.path / ".lock", "it"), pytest.raises(KeyboardInterrupt), discarded_unless_started([job]):
        raise KeyboardInterrupt
    assert run.directory.config.exists()
    with pytest.raises(KeyboardInterrupt), discarded_unless_started([job]):
        raise KeyboardInterrupt
    assert not run.directory.path.exists()


def test_a_finished_run_that_another_process_looks_at_is_read_later(folder):
    nlp("train", "--config", "rules.yaml", "--seeds", "1,", cwd=folder)
    run, = plan_study(["rules.yaml"])
    study = Study([run], Options("cpu", 1, 1, explain))
    study.results.clear()
    ended = multiprocessing.get_context("spawn").Process(target=int)
    ended.start()
    study.going = {pipe: Going(run, ended, pipe, outcome=Finished()) for pipe in multiprocessing.Pipe()[:1]}
    with RunLock(run.directory.path / ".lock", "it"):
        study._end(*study.going.values())
    assert (study.to_come, study.failures) == ([run], {})
    assert len(study.train().results) == 1


def test_a_signal_while_a_process_is_being_started_reaches_it(folder, monkeypatch):
    write_recipe(folder, "mlp", TRAINING.replace("epochs: 3", "epochs: 100000"), "long")

    def interrupted_start(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return start(*arguments)

    monkeypatch.setattr("nlp.training.study.engine.start", interrupted_start)
    outcome = Study(plan_study(["long.yaml"]), Options("cpu", 1, 1, explain)).train()
    assert (outcome.stopped_by, list(outcome.results), outcome.failures) == (signal.SIGINT, [], {})


def test_a_recipe_that_fails_does_not_end_the_others(folder):
    write_recipe(folder, "mlp", TRAINING.replace("learning_rate: 0.01", "learning_rate: 1e30").replace("clip_norm: 1.0, ", ""), "bad")
    lost = (folder / "rules.yaml").read_text(encoding="utf-8").replace("train.csv", "none.csv")
    (folder / "lost.yaml").write_text(lost, encoding="utf-8")
    done = nlp("train", "--config", "bad.yaml", "--config", "lost.yaml", "--config", "rules.yaml", "--seeds", "2", cwd=folder, code=1)
    assert "seeds 1, 2; mean ± standard deviation" in done.stdout, "of the rules"
    assert re.search(r"Error: lost, seed 1, lost, seed 2: .*none\.csv", done.stderr)
    assert re.search(r"Error: bad, seed 1: .*not a finite number", done.stderr)
    assert {path.split("/")[0] for path in runs_of(folder)} == {"bad", "rules"}
    only = nlp("train", "--config", "lost.yaml", "--seeds", "2", cwd=folder, code=2)
    assert only.stderr.count("Error: ") == 1


@pytest.mark.slow
def test_a_process_that_is_killed_is_a_failed_run(folder):
    write_recipe(folder, "mlp", TRAINING.replace("epochs: 3", "epochs: 3000"), "long")
    command = [str(NLP), "train", "--config", "long.yaml", "--config", "rules.yaml", "--seeds", "1,", "--threads", "1"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    lock = wait_for(folder, "runs/long/*/checkpoints/last").parent.parent / ".lock"
    os.kill(int(re.findall(r"process (\d+)", lock.read_text(encoding="utf-8"))[0]), signal.SIGKILL)
    printed = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Error: long, seed 1: its process was ended by SIGKILL; the system may have run out of memory\n" in printed[1]
    assert "seed 1" in printed[0], "of the rules"


def wait_for(folder: Path, pattern: str) -> Path:
    while not (found := list(folder.glob(pattern))):
        time.sleep(0.01)
    return found[0]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_saves_all_runs_and_the_same_command_goes_on(number, code, folder):
    write_recipe(folder, "mlp", TRAINING.replace("epochs: 3", "epochs: 30"), "long")
    command = ["train", "--config", "long.yaml", "--seeds", "2", "--parallel-runs", "2", "--threads", "1"]
    process = subprocess.Popen([str(NLP), *command], cwd=folder, stderr=subprocess.PIPE, encoding="utf-8", preexec_fn=heeds_ctrl_c)
    for seed in (1, 2):
        wait_for(folder, f"runs/long/*-seed-{seed}/checkpoints/last")
    process.send_signal(number)
    printed = process.communicate(timeout=120)[1]
    assert process.returncode == code
    assert f"Resume with: nlp {shlex.join(command)}\n" in printed
    assert len(list(folder.glob("runs/long/*/results.json"))) < 2
    nlp(*command, cwd=folder)
    nlp("train", "--config", "long.yaml", "--seeds", "2", "--name", "whole", cwd=folder)
    for seed in (1, 2):
        cut = next(folder.glob(f"runs/long/*[0-9a-f]-seed-{seed}"))
        assert weights(cut) == weights(folder / f"runs/long/whole-seed-{seed}")


def killed_at_random(folder: Path, kills: int, seeds: int) -> None:
    """A study ends as if it had never been killed, and its processes end with it."""
    write_recipe(folder, "mlp", TRAINING.replace("epochs: 3", "epochs: 8"), "mlp")
    command = ["train", *(part for model in ("rules", "naive_bayes", "mlp") for part in ("--config", f"{model}.yaml")), "--seeds",
               str(seeds), "--parallel-runs", "2", "--threads", "1"]
    variables = {**os.environ, "NLP_RUNS": str(folder / "whole")}
    started = time.monotonic()
    subprocess.run([str(NLP), *command], cwd=folder, env=variables, capture_output=True, check=True)
    seconds, chance = time.monotonic() - started, random.Random(kills)
    for _ in range(kills):
        process = subprocess.Popen([str(NLP), *command], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.3, 0.7) * seconds)
        process.kill()
        process.wait()
    nlp(*command, cwd=folder)
    whole = {path.relative_to(folder / "whole") for path in (folder / "whole").glob("*/*/results.json")}
    assert whole == {path.relative_to(folder / "runs") for path in (folder / "runs").glob("*/*/results.json")}
    for path in whole:
        one, other = (folder / root / path.parent for root in ("whole", "runs"))
        assert [results(one)[split] for split in ("train", "validation", "test")] == [
            results(other)[split] for split in ("train", "validation", "test")]
        assert timeless(one) == timeless(other)
        if path.parts[0] == "mlp":
            assert weights(one) == weights(other)


@pytest.mark.slow
def test_a_killed_study_goes_on(folder):
    killed_at_random(folder, kills=1, seeds=2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_study_killed_ten_times_goes_on(folder):
    killed_at_random(folder, kills=10, seeds=3)


# Schedulers


def test_the_commands_of_a_list_train_the_runs_of_the_study(folder):
    command = ["train", "--config", "rules.yaml", "--config", "naive_bayes.yaml", "--seeds", "1,4", "--share", "0.5,1", "--set",
               "description=a b"]
    lines = nlp(*command, "--list", cwd=folder).stdout.splitlines()
    assert len(lines) == 8
    assert lines[0] == "nlp train --config rules.yaml --set 'description=a b' --share 0.5 --seeds '[1]' --threads 1"
    assert not (folder / "runs").exists()
    for line in lines:
        nlp(*shlex.split(line)[1:], cwd=folder)
    trained = runs_of(folder)
    assert len(trained) == 8
    assert nlp(*command, cwd=folder).stderr == "", "all of them are there"
    assert runs_of(folder) == trained


@pytest.mark.parametrize(("settings", "options"), [
    (["data.train_rows=9"], []), (["data.train_rows=9", "data.split_seed=5"], ["--share", "0.123456789,1e-9,1", "--splits", "[0,5]"]),
    (["data.train_share=0.5", "data.split_seed=5"], ["--share", "1", "--splits", "2"]), ([], ["--name", "mine"])])
def test_the_commands_of_a_list_mean_the_same_runs(settings, options, folder):
    written = {"data": yaml.safe_load((folder / "rules.yaml").read_text(encoding="utf-8"))["data"]}
    for key, value in (setting.removeprefix("data.").split("=") for setting in settings):
        written["data"][key] = yaml.safe_load(value)
    (folder / "part.yaml").write_text(yaml.safe_dump({"extends": "rules.yaml"} | written), encoding="utf-8")
    lines = nlp("train", "--config", "part.yaml", "--seeds", "2", *options, "--list", cwd=folder).stdout.splitlines()
    given = dict(zip(options[::2], options[1::2], strict=True))
    for line, run in zip(lines, planned(given, [1, 2]), strict=True):
        words = shlex.split(line)[2:]
        words = words[:words.index("--threads")] if "--threads" in words else words
        told = dict(zip(words[::2], words[1::2], strict=True))
        assert [each.directory for each in planned(told, numbers(told["--seeds"], "--seeds", 1))] == [run.directory]


def planned(given: dict[str, str], seeds: list[int]) -> list[PlannedRun]:
    splits, sizes = numbers(given.get("--splits"), "--splits", 0), shares(given.get("--share"), "--share")
    return plan_study(["part.yaml"], (), seeds, splits, sizes, given.get("--name"))


def test_a_task_trains_its_run_alone(folder):
    command = ["train", "--config", "rules.yaml", "--config", "naive_bayes.yaml", "--seeds", "2"]
    nlp(*command, "--task", "3", cwd=folder)
    assert [path[:11] + path[-7:] for path in runs_of(folder)] == ["naive_bayes-seed-2"]
    nlp_process(*command, cwd=folder, SLURM_ARRAY_TASK_ID="0")
    assert [path[:5] + path[-7:] for path in runs_of(folder)] == ["naive-seed-2", "rules-seed-1"]
    assert "no run 4" in nlp(*command, "--task", "4", cwd=folder, code=2).stderr


SBATCH = """#!/bin/bash
# Runs each task of the array's script as Slurm would: the signal comes to the batch shell, and a requeued task starts again.
script=$1
last=$(sed -n 's/^#SBATCH --array=0-//p' "$script")
for task in $(seq 0 "$last"); do
    echo requeue > "$TMPDIR/requeue"
    while [ -e "$TMPDIR/requeue" ]; do
        rm -f "$TMPDIR/requeue"
        SLURM_ARRAY_TASK_ID=$task SLURM_JOB_ID=$task bash "$script" & shell=$!
        if [ ! -e "$TMPDIR/signalled" ]; then
            until ls runs/long/*/checkpoints/last > /dev/null 2>&1; do sleep 0.02; done
            touch "$TMPDIR/signalled"
            kill -USR1 $shell
        fi
        wait $shell
        echo "task $task ended with $?"
    done
done
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a script for bash")
def test_the_slurm_script_of_the_docs(folder):
    page = (ROOT / "docs/studies.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```sh\n(#!/bin/bash\n.*?)```", page, re.DOTALL)
    assert len([line for line in script.splitlines() if line]) <= 15
    write_recipe(folder, "mlp", TRAINING.replace("epochs: 3", "epochs: 150"), "long")
    script = script.replace("'names/*'", "long.yaml").replace("--seeds 5", "--seeds 2").replace("0-74", "0-1")
    binaries = folder / "bin"
    binaries.mkdir()
    for name, text in (("sbatch", SBATCH), ("scontrol", "#!/bin/bash\n[ $1 = requeue ] && touch $TMPDIR/requeue\n")):
        (binaries / name).write_text(text, encoding="utf-8")
        (binaries / name).chmod(0o755)
    (folder / "names.sbatch").write_text(script, encoding="utf-8")
    path = os.pathsep.join([str(binaries), str(NLP.parent), os.environ["PATH"]])
    done = subprocess.run(["sbatch", "names.sbatch"], cwd=folder, capture_output=True, encoding="utf-8", timeout=240, check=False,
                          env={**os.environ, "PATH": path, "TMPDIR": str(folder)})
    assert re.findall(r"task (\d) ended with (\d+)", done.stdout) == [("0", "75"), ("0", "0"), ("1", "0")], done.stderr
    assert sorted(results(run)["seed"] for run in runs_of(folder).values()) == [1, 2]


def test_events_of_a_killed_study_go_nowhere():
    from multiprocessing import Pipe

    from nlp.training.study.worker import Finished, sending

    receiver, sender = Pipe(duplex=False)
    receiver.close()
    sending(sender)(Finished())
