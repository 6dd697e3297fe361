"""`nlp train`, `eval` and `predict` end to end, in real processes, on real surnames."""

import json
import re
import shutil
import signal
import subprocess
from unicodedata import normalize

import pytest
from command import (
    MODELS,
    NETWORKS,
    TRAINING,
    interrupted,
    metrics,
    nlp,
    nlp_process,
    results,
    timeless,
    weights,
    write_names,
    write_recipe,
)
from nlp.analysis.statistics.proportions import wilson_interval

LEARNED = [model for model in MODELS if model != "rules"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("work")
    write_names(path)
    for model in MODELS:
        write_recipe(path, model)
    return path


@pytest.fixture(scope="module")
def trained(folder):
    """One run of each generation; each beginner, rules, solver and network, in a real process."""
    for model in MODELS:
        run = nlp_process if model in ("rules", "naive_bayes", "lstm") else nlp
        run("train", "--config", f"{model}.yaml", "--name", "first", cwd=folder)
    return {model: folder / "runs" / model / "first" for model in MODELS}


def test_every_generation_writes_the_same_files(trained):
    for model, run in trained.items():
        names = {path.name for path in run.iterdir()}
        wanted = {"config.yaml", "original.yaml", "environment.json", "metrics.jsonl", "results.json", "data.json", "predictions"}
        assert wanted <= names, (model, names)
        assert {path.name for path in (run / "predictions").iterdir()} == {
            f"{split}.{kind}" for split in ("validation", "test")
            for kind in ("jsonl", "safetensors", *(["report.json"] if model == "rules" else []))}
        assert json.loads((run / "environment.json").read_text())["versions"]["torch"].startswith("2.")


def test_every_generation_logs_loss_and_accuracy_for_train_and_validation(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for model, run in trained.items():
        for split in ("train", "validation"):
            lines = [line for line in metrics(run) if line["split"] == split and "accuracy" in line]
            events = EventAccumulator(str(run / split))
            events.Reload()
            for tag in ("loss", "accuracy"):
                logged = [(event.step, event.value) for event in events.Scalars(tag)]
                assert logged == [(line["step"], pytest.approx(line[tag], rel=1e-5)) for line in lines], (model, split, tag)
                assert logged


def test_networks_log_rate_norms_ratios_throughput_and_memory(trained):
    for model in NETWORKS:
        line = next(line for line in metrics(trained[model]) if line["split"] == "train")
        assert line["learning_rate"] == 0.01
        assert line["throughput/tokens_per_second"] > 0
        assert line["memory/peak_bytes"] > 1e6
        assert any(tag.startswith("gradient_norm/") for tag in line)
        assert any(tag.startswith("update_ratio/") for tag in line)


def test_learned_models_beat_the_majority(trained):
    for model in LEARNED:
        figures = results(trained[model])
        assert figures["test"]["accuracy"] > 0.5, model
        assert set(figures) >= {"train", "validation", "test", "cost", "seed"}


def test_eval_reports_the_same_as_training_with_intervals_and_baselines(trained, folder):
    for model, run in trained.items():
        reported = json.loads(nlp("eval", f"{model}/first", "--json", cwd=folder).stdout)
        for name, value in results(run)["test"].items():
            assert reported["metrics"][name]["value"] == pytest.approx(value, rel=1e-5), (model, name)
            low, high = reported["metrics"][name]["interval"]
            assert low <= value <= high
        accuracy = reported["metrics"]["accuracy"]
        assert accuracy["interval"] == pytest.approx(wilson_interval(round(accuracy["value"] * 72), 72)), "a perfect model's is no point"
        assert reported["baselines"]["majority"] == pytest.approx(1 / 3)
        assert sum(map(sum, reported["confusion"])) == reported["examples"] == 72


def test_eval_scores_another_file_and_needs_no_training_data(trained, folder, tmp_path):
    (tmp_path / "other.csv").write_text("name,language\nKowalski,Polish\nGarcia,Spanish\nBianchi,Klingon\n", encoding="utf-8")
    moved = tmp_path / "moved"
    subprocess.run(["cp", "-r", str(trained["naive_bayes"]), str(moved)], check=True)
    done = nlp("eval", moved, "--data", tmp_path / "other.csv", "--json", cwd=tmp_path)
    reported = json.loads(done.stdout)
    assert reported["examples"] == 3
    assert reported["metrics"]["accuracy"]["value"] <= 2 / 3  # a label that training never saw counts as wrong
    text = nlp("eval", moved, "--data", tmp_path / "other.csv", cwd=tmp_path)
    assert "Klingon" in text.stdout + text.stderr


def test_predict_explains_its_answer(trained, folder):
    reported = json.loads(nlp("predict", "rules/first", "Kowalski", "--json", cwd=folder).stdout)
    assert reported["prediction"] == "Polish"
    assert reported["why"]["rule"] == 1
    assert reported["why"]["matched"] == "ski"
    printed = nlp("predict", "rules/first", "Kowalski", "Rossi", cwd=folder).stdout
    assert "because of rule 1 for Polish, which found 'ski'" in printed and "because of no rule: this is the default" in printed
    reported = json.loads(nlp("predict", "naive_bayes/first", "Kowalski", "--json", cwd=folder).stdout)
    assert any("ski" in ngram for ngram in reported["why"])
    for model in NETWORKS:
        lines = nlp("predict", f"{model}/first", "Kowalski", "", "日本", "--json", cwd=folder).stdout.splitlines()
        for line in map(json.loads, lines):
            assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_predict_reads_texts_in_the_form_that_training_did(trained, folder):
    both = [nlp("predict", "naive_bayes/first", normalize(form, "Dvořák Núñez"), "--json", cwd=folder).stdout for form in ("NFC", "NFD")]
    assert both[0] == both[1]


def test_predict_reads_a_stream_and_a_file(trained, folder):
    (folder / "texts.txt").write_text("Kowalski\nGarcia\n", encoding="utf-8")
    from_file = nlp("predict", "lstm/first", "--input", "texts.txt", cwd=folder).stdout
    piped = nlp_process("predict", "lstm/first", cwd=folder, text="Kowalski\nGarcia\n").stdout
    assert from_file == piped
    assert len(piped.splitlines()) == 2


@pytest.mark.parametrize("model", LEARNED)
def test_equal_seeds_give_equal_bytes(model, trained, folder):
    again = folder / "runs" / model / "again"
    nlp("train", "--config", f"{model}.yaml", "--name", "again", cwd=folder)
    assert results(again)["test"] == results(trained[model])["test"]
    if model in NETWORKS:
        assert weights(again) == weights(trained[model])
        nlp("train", "--config", f"{model}.yaml", "--name", "other", "--set", "seeds=[2]", cwd=folder)
        assert weights(folder / "runs" / model / "other") != weights(again)


LONG = TRAINING.replace("epochs: 3", "epochs: 12, checkpoints: {every_steps: 7}, ema: 0.9, accumulate: 2, early_stopping: {patience: 50}")


@pytest.mark.parametrize(("number", "exit_code"), [
    (signal.SIGINT, 130), *(pytest.param(number, 75, marks=pytest.mark.slow) for number in (signal.SIGTERM, signal.SIGUSR1))])
def test_a_signal_finishes_the_step_and_prints_how_to_resume(number, exit_code, folder):
    write_recipe(folder, "lstm", training=LONG, name="long")
    name = f"stopped-{number}"
    code, printed = interrupted(folder, "long.yaml", name, number, 0.05)
    assert code == exit_code, printed
    assert f"nlp train --resume {folder / 'runs' / 'long' / name}" in printed
    nlp("train", "--resume", f"long/{name}", cwd=folder)
    nlp("train", "--config", "long.yaml", "--name", f"whole-{number}", cwd=folder)
    stopped, full = folder / "runs" / "long" / name, folder / "runs" / "long" / f"whole-{number}"
    assert weights(stopped) == weights(full)
    assert weights(stopped, "best") == weights(full, "best")
    assert results(stopped)["test"] == results(full)["test"]
    assert timeless(stopped) == timeless(full)


OTHERS = [pytest.param(model, marks=pytest.mark.slow) for model in ("mlp", "transformer")]


@pytest.mark.parametrize("model", ["lstm", *OTHERS])
def test_a_killed_run_resumes_to_the_same_bytes(model, folder):
    write_recipe(folder, model, training=LONG, name=f"kill-{model}")
    nlp("train", "--config", f"kill-{model}.yaml", "--name", "whole", cwd=folder)
    code, _ = interrupted(folder, f"kill-{model}.yaml", "killed", signal.SIGKILL, 0.1)
    assert code == -signal.SIGKILL
    nlp_process("train", "--resume", f"kill-{model}/killed", cwd=folder)
    for which in ("last", "best"):
        assert weights(folder / "runs" / f"kill-{model}" / "killed", which) == weights(folder / "runs" / f"kill-{model}" / "whole", which)


class Killed(BaseException):
    """Nothing in the program catches it, so the disk stays as it is."""


@pytest.mark.parametrize("model", ["naive_bayes", "mlp"])
def test_killed_between_the_first_checkpoint_and_its_pointers_a_run_ends_with_them(model, folder, monkeypatch):
    """The network learns nothing, so its first evaluation is its best, and only its pointer keeps it from being rotated away."""
    still = TRAINING.replace("clip_norm: 1.0", "checkpoints: {keep: 1}").replace("0.01", "1e-30, weight_decay: 0")
    recipe, runs = write_recipe(folder, model, training=still, name=f"unnamed-{model}"), folder / "runs" / f"unnamed-{model}"
    nlp("train", "--config", recipe, "--name", "whole", cwd=folder)

    def kill(*_):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("nlp.training.folder.checkpoints._point", kill)
        nlp("train", "--config", recipe, "--name", "killed", cwd=folder)
    assert not (runs / "killed/checkpoints/last").exists()
    nlp("train", "--resume", runs / "killed", cwd=folder)
    for which in ("last", "best"):
        whole, killed = ((runs / name / "checkpoints" / which).read_text() for name in ("whole", "killed"))
        assert killed == whole
    assert results(runs / "killed")["test"] == results(runs / "whole")["test"]
    assert (model == "mlp") == ((runs / "whole/checkpoints/best").read_text() != (runs / "whole/checkpoints/last").read_text())


def test_a_classical_run_whose_results_are_lost_is_resumed_from_its_model(trained, folder):
    """As after a kill between the checkpoint and the results."""
    run = trained["naive_bayes"]
    copy = run.with_name("no-results")
    shutil.copytree(run, copy)
    (copy / "results.json").unlink()
    nlp("train", "--resume", "naive_bayes/no-results", cwd=folder)
    assert results(copy)["test"] == results(run)["test"]
    assert results(copy)["cost"]["steps"] == 1


@pytest.mark.slow
def test_seeds_report_mean_and_spread_alone_and_side_by_side(folder):
    done = nlp("train", "--config", "mlp.yaml", "--name", "serial", "--set", "seeds=[1, 2]", "--threads", "1", cwd=folder)
    assert "±" in done.stdout
    nlp("train", "--config", "mlp.yaml", "--name", "parallel", "--set", "seeds=[1, 2]", "--parallel-runs", "2", cwd=folder)
    for seed in (1, 2):
        serial, parallel = (folder / "runs" / "mlp" / f"{name}-seed-{seed}" for name in ("serial", "parallel"))
        assert weights(serial) == weights(parallel)


@pytest.mark.slow
def test_bad_data_is_reported_once_by_several_processes_too(folder):
    for option in ("--processes", "--parallel-runs"):
        done = nlp_process("train", "--config", "mlp.yaml", option, "2", "--set", "data.train=none.csv", "--set", "seeds=[1, 2]",
                           cwd=folder, code=2)
        assert done.stderr.count("Error: ") == 1 and "none.csv" in done.stderr
    assert "use only one" in nlp("train", "--config", "mlp.yaml", "--processes", "2", "--parallel-runs", "2", cwd=folder, code=2).stderr


def test_two_processes_take_the_same_steps_as_one(folder):
    one = TRAINING.replace("epochs: 3", "epochs: 2, bucket_by_length: true")
    write_recipe(folder, "lstm", training=one, name="plain")
    options = ("--set", "model.dropout=0.0")
    nlp("train", "--config", "plain.yaml", "--name", "one", *options, cwd=folder)
    nlp("train", "--config", "plain.yaml", "--name", "two", "--processes", "2", *options, cwd=folder)
    one, two = (folder / "runs" / "plain" / name for name in ("one", "two"))
    assert results(two)["test"] == {name: pytest.approx(value, abs=1e-3) for name, value in results(one)["test"].items()}
    for mine, theirs in zip(metrics(one), metrics(two), strict=True):
        if "loss" in mine:
            assert theirs["loss"] == pytest.approx(mine["loss"], abs=1e-3)


@pytest.mark.parametrize(("model", "settings", "learns"), [
    ("lstm", ["training.epochs=1"], r"training +17 steps in 1 epoch\n"),
    ("lstm", ["training.epochs=null", "training.budget={seconds: 0.1}"], r"training +for 0.1 seconds of steps\n"),
    ("naive_bayes", [], r"training +one fit"), ("rules", [], ""),
])
def test_a_run_begins_with_what_it_will_do(model, settings, learns, folder):
    options = [part for setting in settings for part in ("--set", setting)]
    name = f"said-{len(settings)}"
    printed = nlp("train", "--config", f"{model}.yaml", "--name", name, *options, cwd=folder).stderr
    assert re.search(r"^data +train \d+, validation \d+, test \d+ examples; 3 classes", printed)
    assert re.search(rf"\nmodel +{model}.*: .*\ndevice +cpu, 1 thread\n{learns}", printed)
    assert f"run         {folder / 'runs' / model / name}\n" in printed


def test_a_dry_run_reports_what_is_needed_and_writes_nothing(folder):
    before = sorted((folder / "runs").rglob("*"))
    printed = nlp("train", "--config", "lstm.yaml", "--dry-run", cwd=folder).stdout
    assert "ms per step" in printed and "seconds" in printed and "parameters" in printed
    assert sorted((folder / "runs").rglob("*")) == before


def test_a_loss_that_is_not_finite_stops_with_place_texts_and_advice(folder):
    training = TRAINING.replace("0.01", "3.0e+38").replace("clip_norm: 1.0, ", "").replace("adamw", "sgd")
    write_recipe(folder, "lstm", training=training, name="explodes")
    done = nlp("train", "--config", "explodes.yaml", "--name", "boom", cwd=folder, code=1)
    assert "Step " in done.stderr and "learning_rate" in done.stderr and "bad-batch-step-" in done.stderr
    assert "Traceback" not in done.stderr
    saved = next((folder / "runs" / "explodes" / "boom").glob("bad-batch-step-*.json"))
    assert json.loads(saved.read_text(encoding="utf-8"))[0]["text"]


def test_what_a_solver_notices_is_reported_at_the_end(folder):
    recipe = write_recipe(folder, "naive_bayes", name="unfinished")
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("naive_bayes, alpha: 0.1", "logistic_regression, max_iterations: 1"),
                      encoding="utf-8")
    assert re.search(r"^Notice: .*max_iterations", nlp("train", "--config", "unfinished.yaml", cwd=folder).stderr, re.MULTILINE)
