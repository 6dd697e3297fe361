"""What a person may run into between two commands: data that changed, seeds that were stopped, options that do not fit."""

import json
import os
import shlex
import signal
import subprocess
import time

import pytest
from command import NLP, TRAINING, heeds_ctrl_c, nlp, nlp_process, results, weights, write_names, write_recipe

SEEDS = ("--set", "seeds=[1, 2]")


@pytest.fixture
def folder(tmp_path):
    write_names(tmp_path)
    return tmp_path


def test_a_recipe_may_stand_without_its_option(folder):
    write_recipe(folder, "naive_bayes")
    write_recipe(folder, "rules")
    nlp("train", "naive_bayes.yaml", "--name", "one", cwd=folder)
    assert (folder / "runs/naive_bayes/one/results.json").exists()
    listed = nlp("train", "naive_bayes.yaml", "--config", "rules.yaml", "--list", cwd=folder).stdout.splitlines()
    assert [line.split()[3] for line in listed] == ["naive_bayes.yaml", "rules.yaml"]
    assert "leave recipes out" in nlp("train", "rules.yaml", "--resume", "naive_bayes/one", cwd=folder, code=2).stderr
    for verb in (["count-params"], ["tokenizer", "train"], ["sweep"]):
        two = nlp(*verb, "rules.yaml", "--config", "naive_bayes.yaml", cwd=folder, code=2).stderr
        assert "two are given: rules.yaml and --config naive_bayes.yaml" in two
        assert "Name a recipe" in nlp(*verb, cwd=folder, code=2).stderr
    assert nlp("count-params", "counting/gpt2-small", cwd=folder).stdout.endswith("Total: 124,439,808 parameters\n")


def test_a_model_without_steps_is_not_spread_over_processes(folder):
    write_recipe(folder, "naive_bayes")
    done = nlp("train", "--config", "naive_bayes.yaml", "--processes", "2", cwd=folder, code=2)
    assert "naive_bayes has no steps to share" in done.stderr
    assert not (folder / "runs").exists() or not list((folder / "runs").iterdir())


def test_eval_reports_that_the_data_changed(folder):
    write_recipe(folder, "naive_bayes")
    nlp("train", "--config", "naive_bayes.yaml", "--name", "first", cwd=folder)
    assert "changed since the run was trained" not in nlp("eval", "naive_bayes/first", cwd=folder).stderr
    with (folder / "train.csv").open("a", encoding="utf-8") as file:
        file.write("Novak,Polish\n")
    done = nlp("eval", "naive_bayes/first", "--split", "validation", cwd=folder)
    assert "train.csv: changed since the run was trained" in done.stderr


def test_eval_scores_validation_where_there_is_no_test(folder):
    recipe = write_recipe(folder, "naive_bayes")
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("test: test.csv, ", ""), encoding="utf-8")
    nlp("train", "--config", "naive_bayes.yaml", "--name", "first", cwd=folder)
    assert json.loads(nlp("eval", "naive_bayes/first", "--json", cwd=folder).stdout)["split"] == "validation"


def test_a_label_that_training_never_saw_lowers_f1_and_is_in_the_matrix(folder):
    write_recipe(folder, "naive_bayes")
    nlp("train", "--config", "naive_bayes.yaml", "--name", "first", cwd=folder)
    (folder / "odd.csv").write_text("name,language\nKowalski,Polish\nSmith,English\n", encoding="utf-8")
    reported = json.loads(nlp("eval", "naive_bayes/first", "--data", "odd.csv", "--json", cwd=folder).stdout)
    assert reported["labels"][-1] == "English (not in training)"
    assert sum(reported["confusion"][-1]) == 1
    assert reported["metrics"]["f1"]["value"] <= 0.5


@pytest.mark.parametrize(("setting", "words"), [
    ("task.class_weights=balanced", "changes the loss of a network; model.type logistic_regression has none: set model.class_weight"),
    ("task.label_smoothing=0.1", "changes the loss of a network"),
])
def test_settings_that_only_networks_read_are_refused_elsewhere(folder, setting, words):
    done = nlp("config", "validate", "names/logistic-regression", "--set", setting, cwd=folder, code=2)
    assert words in done.stderr


@pytest.mark.slow
def test_seeds_that_were_stopped_go_on_with_the_same_command(folder):
    write_recipe(folder, "mlp", TRAINING.replace("epochs: 3", "epochs: 60"), "long")
    command = [str(NLP), "train", "--config", "long.yaml", "--name", "cut", *SEEDS, "--threads", "1"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, encoding="utf-8", preexec_fn=heeds_ctrl_c)
    while not (folder / "runs/long/cut-seed-1/checkpoints/last").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    printed = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert "Stopping all runs after their current steps" in printed
    assert f"Resume with: nlp {shlex.join(command[1:])}\n" in printed
    assert not (folder / "runs/long/cut-seed-2").exists()
    nlp("train", "--resume", "long/cut", cwd=folder)
    done = nlp(*command[1:], cwd=folder)
    assert "seeds 1, 2; mean ± standard deviation" in done.stdout
    nlp("train", "--config", "long.yaml", "--name", "whole", *SEEDS, cwd=folder)
    for seed in (1, 2):
        assert weights(folder / f"runs/long/cut-seed-{seed}") == weights(folder / f"runs/long/whole-seed-{seed}")
    again = nlp("train", "--resume", "long/cut", cwd=folder)
    assert "all runs long/cut-seed-* are finished" in again.stderr
    assert again.stdout.partition("Next:")[0] == done.stdout.partition("Next:")[0]


def test_a_run_that_was_stopped_before_it_began_leaves_nothing(folder):
    write_recipe(folder, "lstm")
    process = subprocess.Popen([str(NLP), "train", "--config", "lstm.yaml"], cwd=folder, stderr=subprocess.PIPE, encoding="utf-8",
                               preexec_fn=heeds_ctrl_c)
    while not list(folder.glob("runs/lstm/*/config.yaml")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    printed = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert printed.strip(), "a stop is reported"
    started = list(folder.glob("runs/lstm/*"))
    assert not started or (started[0] / "data.json").exists()


@pytest.mark.slow
def test_under_torchrun_one_process_speaks(folder):
    write_recipe(folder, "lstm")
    done = nlp_process("train", "--config", "lstm.yaml", "--name", "two", "--processes", "2", cwd=folder)
    assert done.stdout.count("Next:") == 1
    assert "OMP_NUM_THREADS" not in done.stderr
    torchrun = [str(NLP.with_name("torchrun")), "--standalone", "--nproc-per-node", "2", "--no-python", str(NLP), "train", "--config",
                "lstm.yaml", "--name", "same", "--threads", "1"]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    printed = subprocess.run(torchrun, cwd=folder, capture_output=True, encoding="utf-8", check=True, env=one_thread)
    assert printed.stdout.count("Next:") == 1
    assert results(folder / "runs/lstm/same")["test"] == results(folder / "runs/lstm/two")["test"]


def test_reasons_name_what_a_text_lacks(folder):
    recipe = write_recipe(folder, "naive_bayes", name="tree")
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("type: naive_bayes, alpha: 0.1", "type: decision_tree"), encoding="utf-8")
    nlp("train", "--config", "tree.yaml", "--name", "first", cwd=folder)
    why = json.loads(nlp("predict", "tree/first", "xx", "--json", cwd=folder).stdout)["why"]
    assert why and all(name.startswith("no ") for name in why)
