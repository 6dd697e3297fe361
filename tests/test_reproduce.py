"""`nlp reproduce`: a finished run is trained again, and the figures and weights are compared."""

import io
import json
import math
import os
import shutil
import signal
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_runs
from command import failing_at, nlp, nlp_process, signalled_at
from forked import start
from nlp.analysis.reproduction.comparison import Reproduction, compare, environment_of, read_record
from nlp.analysis.reproduction.report import cause_sentence, data_sentence, distinct, doubts, predictions_sentence, verdict
from nlp.analysis.reproduction.weight_files import compare_weights
from nlp.configs.load import load_recipe
from nlp.errors import RunError
from nlp.storage import seal
from nlp.training.folder.files import checksum
from nlp.training.folder.run_directory import RunDirectory, find_run, find_runs, list_runs
from nlp.training.folder.tensors import load_tensors, save_tensors
from nlp.training.repeat import load_repeatable, repeated

FAMILIES = ("rules", "knn", "mlp")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of each kind of learner, as `<family>/a`; tests change only copies."""
    folder = tmp_path_factory.mktemp("reproduced")
    tiny_runs.write_data(folder)
    for family in FAMILIES:
        tiny_runs.write_recipe(folder, family)
        nlp("train", "--config", f"{family}.yaml", "--name", "a", cwd=folder)
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the runs, to be changed; the recipes still name the data of the original."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def edited(path: Path, change: Callable[[dict], object]) -> None:
    """Change a JSON file."""
    read = json.loads(path.read_text(encoding="utf-8"))
    change(read)
    path.write_text(json.dumps(read), encoding="utf-8")


def edited_log(run: Path, change: Callable[[list[dict]], object]) -> None:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    change(lines)
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def best(run: Path) -> Path:
    return run / "checkpoints" / (run / "checkpoints/best").read_text(encoding="utf-8").strip()


def compared(folder: Path, trained: Path, family: str) -> Reproduction:
    """The changed copy as the earlier run, the original as the second one: nothing is trained."""
    runs = (RunDirectory(each / "runs" / family / "a", each / "runs") for each in (folder, trained))
    return compare(*map(read_record, runs))


# The command


def test_rules_and_a_network_in_processes_of_their_own(tmp_path: Path) -> None:
    few = ("--set", "training.epochs=null", "--set", "training.steps=6", "--set", "training.log_every=2", "--set", "data.train_rows=500")
    for recipe, settings in (("names/rules", ()), ("names/cnn", few)):
        nlp_process("train", "--config", recipe, "--name", "a", *settings, cwd=tmp_path)
        before = content(tmp_path)
        done = nlp_process("reproduce", recipe, cwd=tmp_path)
        assert f"{recipe}/a is reproduced to the last bit" in done.stdout and "Probable cause" not in done.stdout
        assert "the weights of the best checkpoint are equal" in done.stdout or recipe == "names/rules"
        assert "  6/6  " in done.stderr or recipe == "names/rules", "the ordinary display"
        assert content(tmp_path) == before, "the run is unchanged, and nothing is left"
    assert not [path for path in (tmp_path / "runs").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_second_run_is_kept_under_a_name(folder: Path, family: str) -> None:
    done = nlp("reproduce", family, "--keep", "b", "--json", cwd=folder)
    found = json.loads(done.stdout)
    assert found["equal_figures"] and found["equal_weights"] is (None if family == "rules" else True)
    assert found["kept"] == str(folder / "runs" / family / "b") and found["changed_test_rows"] == []
    assert not found["environment"] and not found["not_compared"] and found["log"]["different"] == 0
    assert {run["run"] for run in json.loads(nlp("runs", family, "--json", cwd=folder).stdout)} == {f"{family}/a", f"{family}/b"}
    assert "reproduced to the last bit" in nlp("reproduce", f"{family}/b", cwd=folder).stdout


def test_a_changed_log_gives_exit_code_1(folder: Path) -> None:
    run = folder / "runs/mlp/a"
    edited_log(run, lambda lines: lines[2].update(loss=lines[2]["loss"] + 0.25))
    edited(run / "environment.json", lambda saved: saved["versions"].update(torch="1.0"))
    before = content(folder)
    done = nlp("reproduce", "mlp/a", cwd=folder, code=1)
    step = json.loads((run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[2])["step"]
    assert f"the figures differ from step {step} on, where " in done.stdout and "is 0.25 (" in done.stdout
    assert "Weights: the weights of the best checkpoint are equal." in done.stdout
    assert "Probable cause: the environment differs in torch (was 1.0, is " in done.stdout
    assert content(folder) == before


def test_the_number_of_threads_is_that_of_the_run(folder: Path) -> None:
    edited(folder / "runs/mlp/a/environment.json", lambda saved: saved.update(threads=3))
    run = find_run("mlp/a")
    with repeated(run, load_repeatable(run)) as job:
        assert (job.threads, job.device, job.seed) == (3, "cpu", 1)
        assert environment_of(job.directory)["threads"] == 3


def test_a_temporary_run_is_not_listed_and_removed_after_an_error(folder: Path) -> None:
    run = find_run("mlp")
    with pytest.raises(ZeroDivisionError), repeated(run, load_repeatable(run)) as job:
        assert job.directory.config.is_file() and job.directory.path.is_relative_to(folder / "runs")
        job.directory.data.write_text("{}", encoding="utf-8")
        assert [each.address for each in list_runs()].count("mlp/a") == 1 and len(list_runs()) == len(FAMILIES)
        assert find_run("mlp").path == find_runs("mlp")[0].path == run.path
        raise ZeroDivisionError
    assert sorted(path.name for path in (folder / "runs").iterdir()) == sorted(FAMILIES)


def test_a_run_elsewhere_leaves_no_folder_of_runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("empty")
    assert "reproduced to the last bit" in nlp("reproduce", folder / "runs/rules/a", cwd=empty).stdout
    assert not list(empty.iterdir())


# Interruptions


def test_ctrl_c_leaves_nothing_behind(folder: Path) -> None:
    before = content(folder)
    with signalled_at(6):
        done = nlp("reproduce", "mlp", cwd=folder, code=130)
    assert "The second run is removed; mlp/a is unchanged." in done.stderr and "--resume" not in done.stderr
    with failing_at(4):
        nlp("reproduce", "mlp", cwd=folder, code=1)
    assert content(folder) == before
    assert sorted(path.name for path in (folder / "runs").iterdir()) == sorted(FAMILIES)


def test_ctrl_c_during_a_fit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nlp.models.classical.classifier import Classical

    monkeypatch.setattr(Classical, "fit", lambda *_, **__: (os.kill(os.getpid(), signal.SIGINT), time.sleep(60)))
    before = content(folder)
    assert "--resume" not in nlp("reproduce", "knn", cwd=folder, code=130).stderr
    assert content(folder) == before and sorted(path.name for path in (folder / "runs").iterdir()) == sorted(FAMILIES)


def test_a_run_that_is_kept_can_be_resumed(folder: Path) -> None:
    with signalled_at(6):
        done = nlp("reproduce", "mlp/a", "--keep", "b", cwd=folder, code=130)
    assert "Resume with: nlp train --resume mlp/b" in done.stderr
    nlp("train", "--resume", "mlp/b", cwd=folder)
    runs = (RunDirectory(folder / "runs/mlp" / name, folder / "runs") for name in "ab")
    assert compare(*map(read_record, runs)).is_equal


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_a_signal_to_the_process_leaves_nothing_behind(trained: Path, tmp_path: Path, number: int, code: int) -> None:
    shutil.copytree(trained / "runs/mlp/a", tmp_path / "runs/mlp/a")
    config = tmp_path / "runs/mlp/a/config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("epochs: 3", "epochs: 30000"), encoding="utf-8")
    printed = tmp_path / "printed"
    process = start(["reproduce", "mlp"], tmp_path, printed)
    try:
        while not any((tmp_path / "runs").glob(".reproduction-*/mlp/a/checkpoints/last")) and process.exitcode is None:
            time.sleep(0.002)
        assert process.pid is not None and process.exitcode is None, printed.read_text(encoding="utf-8")
        os.kill(process.pid, number)
        process.join(60)
        assert process.exitcode == code, printed.read_text(encoding="utf-8")
    finally:
        process.kill()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mlp"]


# What cannot be reproduced


def refused(folder: Path, *arguments: str) -> str:
    """The message; nothing is trained, so nothing is left."""
    before = content(folder)
    message = nlp("reproduce", *arguments, cwd=folder, code=2).stderr
    assert content(folder) == before and sorted(path.name for path in (folder / "runs").iterdir()) == sorted(FAMILIES)
    return message


def test_a_run_that_is_not_finished_is_refused(folder: Path) -> None:
    (folder / "runs/mlp/a/results.json").unlink()
    assert "not finished (its status is: interrupted)" in refused(folder, "mlp") and "nlp train --resume mlp/a" in refused(folder, "mlp")


def test_a_budget_of_seconds_is_refused(folder: Path) -> None:
    config = folder / "runs/mlp/a/config.yaml"
    text = config.read_text(encoding="utf-8").replace("epochs: 3", "epochs: null").replace("budget: null", "budget: {seconds: 2.0}")
    config.write_text(text, encoding="utf-8")
    assert "training.budget.seconds" in refused(folder, "mlp")


def test_a_missing_device_is_refused(folder: Path) -> None:
    edited(folder / "runs/mlp/a/environment.json", lambda saved: saved.update(device="cuda"))
    assert "mlp/a was trained on cuda" in refused(folder, "mlp") and "Add --device cpu" in refused(folder, "mlp", "--keep", "b")
    assert "reproduced to the last bit" in nlp("reproduce", "mlp", "--device", "cpu", cwd=folder).stdout


def test_damaged_runs_are_refused_before_training(folder: Path) -> None:
    config, log = folder / "runs/mlp/a/config.yaml", folder / "runs/rules/a/metrics.jsonl"
    config.write_text(config.read_text(encoding="utf-8").replace("d_embedding:", "d_embeding:"), encoding="utf-8")
    assert "config.yaml" in refused(folder, "mlp") and "d_embeding" in refused(folder, "mlp")
    log.write_text("", encoding="utf-8")
    assert "contains no figures" in refused(folder, "rules", "--keep", "b")
    weights = best(folder / "runs/knn/a") / "model.skops"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "damaged" in refused(folder, "knn", "--keep", "b")


def test_missing_data_is_refused(folder: Path) -> None:
    config = folder / "runs/rules/a/config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("texts.csv", "gone.csv"), encoding="utf-8")
    assert "gone.csv" in refused(folder, "rules") and "gone.csv" in refused(folder, "rules", "--keep", "b")


# The comparison


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_folders(folder: Path, trained: Path, family: str) -> None:
    found = compared(folder, trained, family)
    assert found.is_equal and not found.environment and not found.changed_data
    assert f"all {len(found.logged)} logged figures" in verdict(found)
    assert cause_sentence(found).startswith("The environment does not explain this")


def test_which_figures_are_compared(trained: Path) -> None:
    record = read_record(RunDirectory(trained / "runs/mlp/a", trained / "runs"))
    tags = {(figure.split, figure.tag) for figure in record.logged}
    assert {("train", "loss"), ("train", "learning_rate"), ("validation", "loss"), ("train", "scored/f1"), ("test", "accuracy")} <= tags
    assert not [tag for _, tag in tags if tag.startswith(("throughput", "memory", "seconds", "step"))]


def test_time_throughput_and_memory_do_not_count(folder: Path, trained: Path) -> None:
    def change(lines: list[dict]) -> None:
        for line in lines:
            line.update({"seconds": 1000.0, **{tag: 1.0 for tag in line if tag.startswith(("throughput/", "memory/"))}})

    edited_log(folder / "runs/mlp/a", change)
    edited(folder / "runs/mlp/a/results.json", lambda saved: saved["cost"].update(train_seconds=1000.0, peak_bytes=1))
    assert compared(folder, trained, "mlp").is_equal


def test_the_last_bit_of_a_logged_figure_counts(folder: Path, trained: Path) -> None:
    def change(lines: list[dict]) -> None:
        line = next(line for line in reversed(lines) if line["split"] == "validation")
        line["loss"] = math.nextafter(line["loss"], math.inf)

    edited_log(folder / "runs/mlp/a", change)
    found = compared(folder, trained, "mlp")
    [pair] = found.different
    assert not found.figures_are_equal and (pair.figure.split, pair.figure.tag) == ("validation", "loss")
    assert f"differ from step {pair.figure.step} on, where validation loss was " in verdict(found)
    assert len(set(distinct(pair.earlier or 0, pair.again or 0))) == 2


def test_the_first_difference_is_that_of_the_first_step(folder: Path, trained: Path) -> None:
    def change(lines: list[dict]) -> None:
        lines.reverse()
        for line in lines:
            line["loss"] = 9.0 if "loss" in line else None
            if line["loss"] is None:
                del line["loss"]

    edited_log(folder / "runs/mlp/a", change)
    first = compared(folder, trained, "mlp").different[0].figure
    assert first.step == 2 and first.tag == "loss"


def test_a_missing_step_is_a_difference(folder: Path, trained: Path) -> None:
    edited_log(folder / "runs/mlp/a", lambda lines: lines.pop(1))
    found = compared(folder, trained, "mlp")
    assert not found.figures_are_equal and "where only the second run logs " in verdict(found)


def test_figures_of_another_version_are_named_but_not_compared(folder: Path, trained: Path) -> None:
    edited_log(folder / "runs/mlp/a", lambda lines: [line.update({"new/tag": 1.0}) for line in lines if line["split"] == "train"])
    found = compared(folder, trained, "mlp")
    assert found.is_equal and found.not_compared == ["train new/tag"]


def test_not_a_number_equals_itself(folder: Path, trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    edited_log(folder / "runs/mlp/a", lambda lines: lines[0].update(loss="nan"))
    shutil.copytree(folder / "runs", other / "runs")
    assert compared(folder, other, "mlp").is_equal and not compared(folder, trained, "mlp").is_equal


def test_final_metrics(folder: Path, trained: Path) -> None:
    edited(folder / "runs/rules/a/results.json", lambda saved: saved["test"].update(accuracy=saved["test"]["accuracy"] / 2))
    found = compared(folder, trained, "rules")
    assert not found.figures_are_equal and "but 1 final metric differs; the largest difference of a metric is " in verdict(found)
    assert "(test accuracy)" in verdict(found)


def test_weights_of_a_network(folder: Path, trained: Path) -> None:
    checkpoint = best(folder / "runs/mlp/a")
    tensors = load_tensors(checkpoint / "model.safetensors")
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 2)
    tensors[name][0, 0] += 0.5
    save_tensors(checkpoint / "model.safetensors", tensors)
    seal(checkpoint)
    found = compared(folder, trained, "mlp")
    assert found.figures_are_equal and not found.is_equal
    assert f"with other weights: all {len(found.logged)} logged figures" in verdict(found)
    assert f"1 of {len(tensors)} arrays of weights of the best checkpoint differs, by 0.5 at most" in verdict(found)


def test_weights_of_a_classical_model(folder: Path, trained: Path) -> None:
    """The sparse matrix of k nearest neighbours is a zip file within the zip file."""
    checkpoint, original = best(folder / "runs/knn/a"), best(trained / "runs/knn/a")
    with zipfile.ZipFile(original / "model.skops") as parts:
        files = {name: parts.read(name) for name in parts.namelist()}
    [inner] = [name for name in files if name.endswith(".npz")]
    rewrite(checkpoint / "model.skops", files)  # in the same order, with today's date
    same = compare_weights(checkpoint, original)
    assert same is not None and same.n_different == 0 and not same.same_bytes
    arrays = dict(np.load(io.BytesIO(files[inner])))
    arrays["data"] = arrays["data"] + 2.0
    changed = io.BytesIO()
    np.savez(changed, **arrays)
    rewrite(checkpoint / "model.skops", {**files, inner: changed.getvalue()})
    found = compare_weights(checkpoint, original)
    assert found is not None and (found.n_different, found.largest, found.n_arrays) == (1, 2.0, same.n_arrays)
    rewrite(checkpoint / "model.skops", {name: part for name, part in files.items() if name != inner})
    lost = compare_weights(checkpoint, original)
    assert lost is not None and lost.largest == math.inf


def rewrite(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as parts:
        for name, part in files.items():
            parts.writestr(name, part)
    seal(path.parent)


def test_pickles_are_refused(folder: Path, trained: Path) -> None:
    checkpoint, pickled = best(folder / "runs/knn/a"), io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    rewrite(checkpoint / "model.skops", {"0.npy": pickled.getvalue()})
    with pytest.raises(RunError, match=r"model\.skops is damaged"):
        compare_weights(checkpoint, best(trained / "runs/knn/a"))


def test_predictions_that_changed(folder: Path, trained: Path) -> None:
    from nlp.training.folder.row_scores_file import read_row_scores, write_row_scores

    run = RunDirectory(folder / "runs/rules/a", folder / "runs")
    scores = read_row_scores(run.row_scores("test"))
    predicted = scores.predicted.copy()
    predicted[[3, 7]] = 0
    write_row_scores(run.row_scores("test"), scores.__class__(**{**vars(scores), "predicted": predicted}))
    found = compared(folder, trained, "rules")
    assert found.changed_rows == [3, 7] and not found.is_equal and found.figures_are_equal
    assert predictions_sentence(found) == "2 of 36 predictions for the test split changed: rows 3, 7"
    assert "reproduced with other predictions" in verdict(found)


def test_a_checkpoint_without_weights(folder: Path, trained: Path) -> None:
    """Such as that of a prompt."""
    checkpoint = best(folder / "runs/mlp/a")
    (checkpoint / "model.safetensors").rename(checkpoint / "prompt.json")
    assert compare_weights(checkpoint, None) is None
    lost = compare_weights(checkpoint, best(trained / "runs/mlp/a"))
    assert lost is not None and lost.n_different == lost.n_arrays and lost.largest == math.inf


def test_changed_data(folder: Path, trained: Path) -> None:
    def change(saved: dict) -> None:
        [path] = {path for path in saved["hashes"] if path.endswith("texts.csv")}
        saved["hashes"][path] = "0" * 64
        saved["checksum"] = checksum(saved)

    edited(folder / "runs/rules/a/data.json", change)
    found = compared(folder, trained, "rules")
    assert "texts.csv has changed since rules/a was trained" in data_sentence(found.earlier, found.changed_data)


def test_changed_data_is_reported_before_training(tmp_path: Path) -> None:
    tiny_runs.write_data(tmp_path)
    tiny_runs.write_recipe(tmp_path, "rules")
    nlp("train", "--config", "rules.yaml", "--name", "a", cwd=tmp_path)
    texts = tmp_path / "texts.csv"
    texts.write_text(texts.read_text(encoding="utf-8").replace("old cat", "old bird"), encoding="utf-8")
    done = nlp("reproduce", "rules", cwd=tmp_path, code=1)
    assert done.stderr.index("texts.csv has changed since rules/a was trained") < done.stderr.index("model       rules")
    assert done.stdout.startswith("The data is not the same: ")


def test_the_environment(folder: Path, trained: Path) -> None:
    def change(saved: dict) -> None:
        saved.update(processor="abacus", threads=9, started="1970", command="nlp train", omp_wait_policy="active", git={"commit": "abc"})
        saved["versions"]["python"] = "2.7"

    edited(folder / "runs/rules/a/environment.json", change)
    found = compared(folder, trained, "rules")
    assert {"processor", "threads", "omp wait policy", "git commit", "python"} <= found.environment.keys()
    assert not {"started", "command", "seed"} & found.environment.keys()
    assert "python (was 2.7, is 3." in cause_sentence(found)


def test_what_the_environment_does_not_record(folder: Path, trained: Path) -> None:
    found = compared(folder, trained, "rules")
    unclear = replace(found, again=replace(found.again, environment={"git dirty": True, "device": "cuda"}))
    assert "uncommitted changes" in cause_sentence(unclear) and "which GPU" in cause_sentence(unclear)
    clear = replace(found, again=replace(found.again, environment={"git dirty": False, "device": "cpu"}))
    assert cause_sentence(clear).endswith("are those that the run recorded.")


@pytest.mark.parametrize(("saved", "command", "count"), [(2, "nlp train", 2), (None, "nlp train a --processes 4", 4),
                                                         (None, "nlp train --processes=3", 3), (None, "nlp train", 1), (1, None, 1)])
def test_the_number_of_processes(folder: Path, saved: int | None, command: str | None, count: int) -> None:
    run = find_run("mlp")
    edited(run.environment, lambda content: (content.pop("processes"), content.update(command=command)))
    if saved is not None:
        edited(run.environment, lambda content: content.update(processes=saved))
    assert environment_of(run)["processes"] == count
    reasons = doubts(read_record(run), load_recipe(str(run.config)))
    assert [f"was trained by {count} processes" in reason for reason in reasons] == [True] * (count > 1)


def test_checkpoints_by_the_clock_raise_a_doubt(folder: Path) -> None:
    run = find_run("mlp")
    recipe = load_recipe(str(run.config), ["training.checkpoints.average=2", "training.checkpoints.every_minutes=1"])
    assert ["by the clock" in reason for reason in doubts(read_record(run), recipe)] == [True]
