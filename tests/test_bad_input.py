"""Bad input of every kind, through the command: one paragraph with place and remedy, exit code 2, and nothing lost."""

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import MODELS, TRAINING, Done, nlp, nlp_process, write_names, write_recipe

TRAINED = ("mlp", "naive_bayes", "rules")
SETTINGS = TRAINING.replace("epochs: 3", "epochs: 1")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Data, recipes, and one finished run of each kind of learner."""
    folder = tmp_path_factory.mktemp("work")
    write_names(folder)
    for model in MODELS:
        write_recipe(folder, model, SETTINGS)
    for model in TRAINED:
        nlp("train", "--config", f"{model}.yaml", "--name", "first", cwd=folder)
    return folder


@pytest.fixture
def folder(work, tmp_path):
    """A copy of it all, to be spoilt. Recipes are in it; runs name the first folder's data, which stays as it is."""
    return Path(shutil.copytree(work, tmp_path / "work"))


def paragraph(done: Done) -> str:
    """The error message; one paragraph without a traceback and without blaming the tool."""
    _, error, printed = done.stderr.rpartition("Error: ")
    assert error, done.stderr
    assert "Traceback" not in done.stderr and "bug in nlp" not in printed, printed
    assert "\n" not in printed.strip() and len(printed) > 40, printed
    return printed


def reported(*arguments: str | Path, cwd: Path) -> str:
    return paragraph(nlp(*arguments, cwd=cwd, code=2))


def fingerprints(folder: Path) -> dict[str, str]:
    """Every file and its hash; locks do not count."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"}


def best(run: Path) -> Path:
    return run / "checkpoints" / (run / "checkpoints" / "best").read_text(encoding="utf-8").strip()


def last(run: Path) -> Path:
    return run / "checkpoints" / (run / "checkpoints" / "last").read_text(encoding="utf-8").strip()


def seal_again(folder: Path) -> None:
    """As if the changed files had been written that way, which a manifest alone cannot detect."""
    from nlp.storage import seal

    (folder / "manifest.json").unlink()
    seal(folder)


# Recipes


@pytest.mark.parametrize(("model", "override", "words"), [
    ("mlp", "seeds=[-1]", "seeds.0: must be at least 0"),
    ("mlp", f"seeds=[{2**70}]", "seeds.0: must be at most"),
    ("mlp", "data.split_seed=-1", "data.split_seed: must be at least 0"),
    ("mlp", f"model.d_embedding={10**23}", "model.d_embedding: must be at most"),
    ("mlp", f"training.epochs={10**23}", "training.epochs: must be at most"),
    ("mlp", "model.hidden_sizes=[2000000000]", "not enough memory"),
    ("mlp", "task.class_weights={Klingon: 2}", "Klingon"),
    ("mlp", r'data.train="\0.csv"', "cannot be read"),
    ("mlp", "data.train=.", "is a folder"),
    ("mlp", "tokenizer.vocab_size=3", "needs at least"),
    ("mlp", "data.validation_share=0.999", "nothing to classify"),
    ("mlp", "task.labels=[]", "task.labels: must be a list of at least 2"),
    ("mlp", "model.input=vector", "leave d_embedding out"),
    ("cnn", "model.filter_widths=[]", "model.filter_widths: must be a list of at least 1"),
    ("transformer", "model.n_heads=3", "n_heads 3 does not divide d_model 16"),
    ("rules", "model.rules=[{label: Polish, pattern: 'a{99999999999999999999}'}]", "not a valid regular expression"),
    ("rules", f"model.rules=[{{label: Polish, pattern: '{'(' * 2000 + ')' * 2000}'}}]", "not a valid regular expression"),
    ("rules", "model.default=Klingon", "Klingon"),
])
def test_settings_that_cannot_be(folder, model, override, words):
    before = fingerprints(folder)
    assert words in reported("train", "--config", f"{model}.yaml", "--set", override, cwd=folder)
    assert fingerprints(folder) == before, "a run that could not start leaves no folder behind"


@pytest.mark.parametrize("recipe", [".", "runs", "loop.yaml", "latin.yaml", "pipe.yaml", "train.csv", "~nobody-has-this-name/x.yaml",
                                    "x" * 300 + ".yaml"])
@pytest.mark.parametrize("command", [("config", "validate"), ("train", "--config"), ("count-params", "--config"), ("tokenizer", "show")])
def test_files_that_are_no_recipe(folder, recipe, command):
    (folder / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(folder / "pipe.yaml")
    (folder / "latin.yaml").write_bytes("# é\ndata: 1\n".encode("latin-1"))
    reported(*command, recipe, cwd=folder)


def test_a_parent_that_extends_its_child_and_a_bomb(folder):
    (folder / "a.yaml").write_text("extends: b.yaml\n", encoding="utf-8")
    (folder / "b.yaml").write_text("extends: a.yaml\n", encoding="utf-8")
    assert "circular `extends`" in reported("config", "validate", "a.yaml", cwd=folder)
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))]
    (folder / "bomb.yaml").write_text("\n".join(lines), encoding="utf-8")
    assert "anchors expand" in reported("config", "validate", "bomb.yaml", cwd=folder)


# Data


def test_labels_of_any_characters_can_be_drawn(folder):
    rows = "".join(f'{name},"{label}"\n' for name in ("Rossi", "Bianchi", "Verdi") for label in ("two\nlines", "nul\x00", "tab\t|")) * 5
    (folder / "train.csv").write_text(f"name,language\n{rows}", encoding="utf-8")
    (folder / "test.csv").write_text(f"name,language\n{rows}", encoding="utf-8")
    nlp("train", "--config", "mlp.yaml", "--name", "odd", cwd=folder)
    nlp("eval", "mlp/odd", cwd=folder)


@pytest.mark.parametrize(("name", "content", "words"), [
    ("other.csv", b"a,b\n1,2\n", "has no column `name`; it has `a`, `b`"),
    ("empty.csv", b"", "is empty"),
    ("header.csv", b"name,language\n", "no rows"),
    ("byte.csv", b"name,language\n\xff,Polish\n", "byte.csv:2 is not UTF-8"),
    ("data.dat", b"name,language\nx,Polish\n", "is not clear from its name"),
    ("data.txt", b"name,language\nx,Polish\n", "read as one long text, has no column `name`"),
    ("cut.csv.gz", b"\x1f\x8b\x08\x00", "not a complete gzip file"),
    ("~nobody-has-this-name/x.csv", None, ""),
])
def test_a_file_that_cannot_be_scored(folder, name, content, words):
    if content is not None:
        (folder / name).write_bytes(content)
    before = fingerprints(folder)
    assert words in reported("eval", "mlp/first", "--data", name, cwd=folder)
    assert fingerprints(folder) == before


@pytest.mark.parametrize("model", TRAINED)
def test_any_text_can_be_predicted(folder, model):
    texts = ["", " ", "a\x00b", "\n\n", "\udcff", "x" * 200_000]
    done = nlp("predict", f"{model}/first", "--json", "--", *texts, cwd=folder)
    assert len(done.stdout.splitlines()) == len(texts)


def test_what_is_no_text_cannot_be_predicted(folder):
    (folder / "binary").write_bytes(bytes(range(256)))
    assert "binary:2 is not UTF-8" in reported("predict", "rules/first", "--input", "binary", cwd=folder)
    for name, words in (("nowhere", "cannot be read"), ("runs", "is a folder. Data in folders has")):
        assert words in reported("predict", "rules/first", "--input", name, cwd=folder)
    assert "--input" in reported("predict", "rules/first", "a text", "--input", "train.csv", cwd=folder)


def test_texts_longer_than_the_model_reads_are_cut_with_a_notice(folder, caplog):
    done = nlp("train", "--config", "transformer.yaml", "--name", "short", "--set", "model.max_positions=4", cwd=folder)
    assert "model.max_positions" in done.stderr
    assert "model.max_positions" in nlp("eval", "transformer/short", cwd=folder).stderr
    nlp("predict", "transformer/short", "Kowalski", cwd=folder)
    assert "model.max_positions" in caplog.text


# The command line


@pytest.mark.parametrize("options", [["--name", "x"], ["--dry-run"], ["--threads", "2"], ["--processes", "2"], ["--parallel-runs", "2"],
                                     ["--config", "mlp.yaml"], ["--set", "seeds=[3]"]])
def test_a_run_resumes_with_the_settings_of_its_start(folder, options):
    before = fingerprints(folder)
    assert options[0] in reported("train", "--resume", "mlp/first", *options, cwd=folder)
    assert fingerprints(folder) == before


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "-x", "a\nb", "x" * 300])
def test_names_that_no_folder_has(folder, name):
    reported("train", "--config", "rules.yaml", "--name", name, cwd=folder)


@pytest.mark.parametrize("model", ["mlp", "rules"])
def test_a_device_that_does_not_exist(folder, model):
    assert "no device 'tpu'" in reported("train", "--config", f"{model}.yaml", "--device", "tpu", cwd=folder)
    assert "no device 'tpu'" in reported("eval", f"{model}/first", "--device", "tpu", cwd=folder)


def test_more_threads_than_a_system_can_start(folder):
    paragraph(nlp_process("train", "--config", "mlp.yaml", "--dry-run", "--threads", "100000", cwd=folder, code=2))


@pytest.mark.parametrize("variable", ["NLP_RUNS", "NLP_DATA", "NLP_CACHE"])
@pytest.mark.parametrize("place", ["~nobody-has-this-name", "/dev/null/x"])
def test_folders_that_cannot_be(folder, monkeypatch, variable, place):
    monkeypatch.setenv(variable, place)
    recipe = "trec/rules" if variable == "NLP_DATA" else "mlp.yaml"
    if variable == "NLP_CACHE" and place.startswith("/"):
        assert "cache" in nlp("train", "--config", recipe, cwd=folder).stderr  # works without
    else:
        reported("train", "--config", recipe, cwd=folder)


def test_a_tokenizer_is_not_written_over_another(folder):
    before = fingerprints(folder)
    for place in ("runs/naive_bayes/first/tokenizer", "runs/naive_bayes/first", "mlp.yaml"):
        reported("tokenizer", "train", "--config", "mlp.yaml", "--output", place, cwd=folder)
    assert fingerprints(folder) == before


# Runs


@pytest.mark.parametrize("run", ["nope", "", "..", "/", "mlp/nope", "train.csv", "loop", "~nobody-has-this-name", "x" * 300, "\udcff"])
@pytest.mark.parametrize("command", [("eval",), ("predict",), ("train", "--resume")])
def test_runs_that_are_none(folder, run, command):
    (folder / "loop").symlink_to("loop")
    reported(*command, run, cwd=folder)


@pytest.mark.parametrize("model", TRAINED)
def test_a_finished_run_is_not_trained_again(folder, model):
    before = fingerprints(folder)
    done = nlp("train", "--resume", f"{model}/first", "--json", cwd=folder)
    assert "is finished" in done.stderr and json.loads(done.stdout)
    assert fingerprints(folder) == before


def test_a_file_and_a_split_exclude_each_other(folder):
    assert "give only one" in reported("eval", "rules/first", "--split", "test", "--data", "test.csv", cwd=folder)


HOLD = "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks")
def test_a_run_under_way_is_left_alone(folder):
    run = unfinished(folder)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(run / ".lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        before = fingerprints(run)
        assert "is being trained by" in reported("train", "--resume", "mlp/first", cwd=folder)
        assert fingerprints(run) == before
        holder.communicate()


def unfinished(folder: Path) -> Path:
    """The run as it was before its last figures were written."""
    run = folder / "runs" / "mlp" / "first"
    (run / "results.json").unlink()
    return run


def test_a_run_stopped_before_its_first_checkpoint(folder):
    run = unfinished(folder)
    shutil.rmtree(run / "checkpoints")
    for command in (("eval", "mlp/first"), ("predict", "mlp/first", "x")):
        assert "nlp train --resume" in reported(*command, cwd=folder)
    nlp("train", "--resume", "mlp/first", cwd=folder)


def test_a_failed_attempt_is_not_found_before_the_run_that_worked(folder):
    """`mlp` means the latest run of that recipe."""
    reported("train", "--config", "mlp.yaml", "--set", "task.label=nope", cwd=folder)
    reported("train", "--config", "mlp.yaml", "--set", "task.label=nope", "--set", "seeds=[1, 2]", cwd=folder)
    assert "mlp/first on test" in nlp("eval", "mlp", cwd=folder).stdout


def test_a_run_whose_data_changed_stays_as_it_was(folder):
    run = unfinished(folder)
    changed = run / "config.yaml"
    changed.write_text(changed.read_text(encoding="utf-8").replace("train.csv", "test.csv"), encoding="utf-8")
    before = fingerprints(run / "checkpoints")
    assert "The data has changed since run" in reported("train", "--resume", "mlp/first", cwd=folder)
    assert fingerprints(run / "checkpoints") == before


@pytest.mark.parametrize("content", [None, "", "[1]", "{}", '{"threads": "many"}', '{"threads": 0}'])
def test_an_environment_without_a_number_of_threads(folder, content):
    environment = unfinished(folder) / "environment.json"
    environment.unlink() if content is None else environment.write_text(content, encoding="utf-8")
    assert "environment.json" in reported("train", "--resume", "mlp/first", cwd=folder)


DAMAGE = {
    "missing": lambda data: None,
    "list": lambda data: [1],
    "no labels": lambda data: {key: value for key, value in data.items() if key != "labels"},
    "labels a number": lambda data: data | {"labels": 3},
    "labels numbers": lambda data: data | {"labels": [1, 2, 3]},
    "labels swapped": lambda data: data | {"labels": data["labels"][::-1]},
    "label more": lambda data: data | {"labels": [*data["labels"], "Klingon"]},
    "label fewer": lambda data: data | {"labels": data["labels"][:-1]},
    "no counts": lambda data: {key: value for key, value in data.items() if key != "label_counts"},
    "counts zero": lambda data: data | {"label_counts": [0, 0, 0]},
    "sizes": lambda data: data | {"spec": {"type": "sizes", "vocab_size": -3}},
}


@pytest.mark.parametrize("model", TRAINED)
@pytest.mark.parametrize("kind", DAMAGE)
def test_labels_and_sizes_that_are_not_those_of_the_training(folder, model, kind):
    path = folder / "runs" / model / "first" / "data.json"
    changed = DAMAGE[kind](json.loads(path.read_text(encoding="utf-8")))
    path.unlink() if changed is None else path.write_text(json.dumps(changed), encoding="utf-8")
    for command in (("eval", f"{model}/first"), ("predict", f"{model}/first", "Kowalski")):
        assert "data.json" in reported(*command, cwd=folder)


def another_order(tokenizer: Path) -> None:
    """Two tokens change places, and the folder's own checksum is made to fit."""
    path, about = tokenizer / "tokenizer.json", tokenizer / "about.json"
    content, told_of = (json.loads(each.read_text(encoding="utf-8")) for each in (path, about))
    vocabulary = content["model"]["vocab"]
    first, second = list(vocabulary)[-2:]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    path.write_text(json.dumps(content), encoding="utf-8")
    told_of["files"]["tokenizer.json"] = hashlib.sha256(path.read_bytes()).hexdigest()
    about.write_text(json.dumps(told_of), encoding="utf-8")


def test_a_tokenizer_that_does_not_belong_to_the_weights(folder):
    own = folder / "runs" / "mlp" / "first" / "tokenizer"
    nlp("tokenizer", "train", "--config", "mlp.yaml", "--output", "other", "--set", "tokenizer.lowercase=true", cwd=folder)
    another_order(Path(shutil.copytree(own, folder / "same size")))
    for other in ("runs/naive_bayes/first/tokenizer", "other", "same size"):
        shutil.rmtree(own)
        shutil.copytree(folder / other, own)
        assert "tokenizer" in reported("predict", "mlp/first", "Kowalski", cwd=folder)


def change_weights(path: Path, change) -> None:
    from safetensors.torch import load_file, save_file

    save_file({name: change(tensor) for name, tensor in load_file(path).items()}, path)


WEIGHTS = {
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:90]), "truncated"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps({"a": os.getcwd})), "pickle"),
    "not finite": (lambda path: change_weights(path, lambda tensor: tensor * float("nan")), "not finite"),
    "other numbers": (lambda path: change_weights(path, lambda tensor: tensor.double()), "of type torch.float64"),
    "other shapes": (lambda path: change_weights(path, lambda tensor: tensor[:2].clone()), "recipe|tokenizer"),
    "missing": (lambda path: path.unlink(), "is missing"),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_that_cannot_be_used(folder, kind):
    damage, words = WEIGHTS[kind]
    checkpoint = best(folder / "runs" / "mlp" / "first")
    damage(checkpoint / "model.safetensors")
    assert "damaged" in (printed := reported("predict", "mlp/first", "x", cwd=folder)) or "is missing" in printed
    seal_again(checkpoint)
    for command in (("eval", "mlp/first"), ("predict", "mlp/first", "x")):
        printed = reported(*command, cwd=folder)
        assert any(word in printed for word in words.split("|")), printed


@pytest.mark.parametrize("content", ["{}", "[]", '{"progress": {"stop": 1}, "learner": {"schedule": {}}}'])
def test_progress_that_is_none(folder, content):
    run = unfinished(folder)
    checkpoint = last(run)
    (checkpoint / "progress.json").write_text(content, encoding="utf-8")
    seal_again(checkpoint)
    assert "progress.json is not in the format" in reported("train", "--resume", "mlp/first", cwd=folder)


STATE = {
    "a step of another": ("progress", "step", 1, "belongs to another checkpoint"),
    "a step before the first": ("progress", "step", -3, "`progress.step` should be greater"),
    "a step and a half": ("progress", "step", 3.5, "`progress.step` should be a valid integer"),
    "no best": ("progress", "best_score", "high", "`progress.best_score"),
    "sums": ("progress", "sums", {"loss": [1.0]}, "`progress.sums.loss` "),
    "a key more": ("progress", "color", 3, "`progress.color` is not known"),
    "no schedule": ("learner", "schedule", None, "`schedule` should be a mapping"),
    "a rising factor": ("learner", "schedule", {"plateau_factor": 2.0, "best": None, "waited": 0}, "`schedule.plateau_factor`"),
}


@pytest.mark.parametrize("kind", STATE)
def test_progress_that_cannot_be(folder, kind):
    section, key, value, words = STATE[kind]
    checkpoint = last(unfinished(folder))
    path = checkpoint / "progress.json"
    saved = json.loads(path.read_text(encoding="utf-8"))
    saved[section][key] = value
    path.write_text(json.dumps(saved), encoding="utf-8")
    seal_again(checkpoint)
    printed = reported("train", "--resume", "mlp/first", cwd=folder)
    assert "progress.json" in printed and words in printed, printed


@pytest.mark.parametrize("content", ["[]", '{"metrics.jsonl": -1}', '{"metrics.jsonl": "5"}', '{"metrics.jsonl": 5, "metrics.jsonl": 5}'])
def test_lengths_of_logs_that_cannot_be(folder, content):
    checkpoint = last(unfinished(folder))
    (checkpoint / "logs.json").write_text(content, encoding="utf-8")
    seal_again(checkpoint)
    assert "logs.json is" in reported("train", "--resume", "mlp/first", cwd=folder)


TENSORS = {
    "another name": (lambda tensors: {f"{name}x": tensor for name, tensor in tensors.items()}, "has the tensor"),
    "no number": (lambda tensors: {name.replace("0/", "0/x", 1): tensor for name, tensor in tensors.items()}, "has the tensor"),
    "too many": (lambda tensors: tensors | {"0/99/step": tensors["0/0/step"]}, "has the tensor 99/step"),
    "one lacks": (lambda tensors: without(tensors, "0/0/exp_avg"), "is missing a tensor"),
    "another shape": (lambda tensors: tensors | {"0/0/exp_avg": tensors["0/0/step"]}, "0/exp_avg of its optimizer does not fit"),
    "another type": (lambda tensors: tensors | {"0/0/exp_avg": tensors["0/0/exp_avg"].double()}, "0/exp_avg of its optimizer does not fit"),
    "not finite": (lambda tensors: tensors | {"0/0/exp_avg": tensors["0/0/exp_avg"] / 0}, "0/exp_avg of its optimizer does not fit"),
    "carried": (lambda tensors: tensors | {"carried/places": tensors["0/0/step"]}, "carries nothing"),
}


@pytest.mark.parametrize("kind", TENSORS)
def test_an_optimizer_state_that_cannot_be(folder, kind):
    from safetensors.torch import load_file, save_file

    change, words = TENSORS[kind]
    checkpoint = last(unfinished(folder))
    path = checkpoint / "state.safetensors"
    save_file({name: tensor.clone() for name, tensor in change(load_file(path)).items()}, path)
    seal_again(checkpoint)
    printed = reported("train", "--resume", "mlp/first", cwd=folder)
    assert "state.safetensors" in printed and words in printed, printed


def test_a_solver_that_is_none(folder):
    checkpoint = best(folder / "runs" / "naive_bayes" / "first")
    (checkpoint / "model.skops").write_bytes(pickle.dumps(os.getcwd))
    seal_again(checkpoint)
    assert "model.skops" in reported("predict", "naive_bayes/first", "x", cwd=folder)


@pytest.mark.parametrize("other", ["cnn", "naive_bayes"])
def test_a_checkpoint_of_another_model(folder, other):
    run = folder / "runs" / "mlp" / "first"
    shutil.copy(folder / f"{other}.yaml", run / "config.yaml")
    reported("predict", "mlp/first", "x", cwd=folder)


@pytest.mark.parametrize("content", [b"", b"\xff\x00\n5\n[1]\n{}\n", b'{"step": "x", "split": 3, "seconds": null}\n', b"[" * 100_000])
@pytest.mark.parametrize("name", ["metrics.jsonl", "results.json"])
def test_damaged_logs_cost_no_run(folder, name, content):
    run = folder / "runs" / "mlp" / "first"
    (run / name).write_bytes(content)
    assert "mlp/first" in nlp("runs", cwd=folder).stdout
    nlp("eval", "mlp/first", cwd=folder)
    (run / "results.json").unlink()
    nlp("train", "--resume", "mlp/first", cwd=folder)


RESULTS = {
    "no object": (lambda saved: [saved], "its content should be a mapping"),
    "no cost": (lambda saved: without(saved, "cost"), "`cost` is missing"),
    "no time": (lambda saved: saved | {"cost": without(saved["cost"], "train_seconds")}, "`cost.train_seconds` is missing"),
    "no seed": (lambda saved: without(saved, "seed"), "`seed` is missing"),
    "no validation": (lambda saved: without(saved, "validation"), "`validation` is missing"),
    "no loss": (lambda saved: saved | {"test": without(saved["test"], "loss")}, "lacks `test.loss`"),
    "a list": (lambda saved: saved | {"test": [1]}, "`test` should be a mapping"),
    "a text": (lambda saved: saved | {"validation": saved["validation"] | {"loss": "low"}}, "`validation.loss` should be a valid number"),
    "a list for a figure": (lambda saved: saved | {"cost": saved["cost"] | {"steps": [3]}}, "`cost.steps"),
    "null": (lambda saved: saved | {"test": saved["test"] | {"accuracy": None}}, "`test.accuracy` should be a valid number"),
    "negative": (lambda saved: saved | {"seed": -1}, "`seed` should be greater than or equal to 0"),
    "huge": (lambda saved: saved | {"seed": 10**30}, "has the number 10000000000000000000..., which is not finite or too large"),
    "infinite": (lambda saved: saved | {"cost": saved["cost"] | {"train_seconds": float("inf")}}, "has the number Infinity"),
}


def without(section: dict, key: str) -> dict:
    return {name: value for name, value in section.items() if name != key}


@pytest.mark.parametrize("kind", RESULTS)
def test_results_that_are_none_are_reported_and_listed_with_gaps(folder, kind):
    path = folder / "runs" / "mlp" / "first" / "results.json"
    change, words = RESULTS[kind]
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    printed = reported("train", "--resume", "mlp/first", cwd=folder)
    assert "results.json" in printed and words in printed and "train again" in printed, printed
    assert "mlp/first" in nlp("runs", cwd=folder).stdout


def test_results_that_are_not_numbers_are_read_back(folder):
    path = folder / "runs" / "mlp" / "first" / "results.json"
    saved = json.loads(path.read_text(encoding="utf-8"))
    for split in ("train", "validation", "test"):
        saved[split]["loss"] = "inf"
    path.write_text(json.dumps(saved), encoding="utf-8")
    assert " inf " in nlp("train", "--resume", "mlp/first", cwd=folder).stdout
    (printed,) = json.loads(nlp("train", "--resume", "mlp/first", "--json", cwd=folder).stdout)
    assert printed["test"]["loss"] == "inf" and printed["cost"] == saved["cost"]


# Disks


@pytest.fixture
def mounted():
    """`mounted(folder, options)` puts another disk there, where that is allowed."""
    there: list[Path] = []

    def mount(folder: Path, *options: str) -> None:
        if subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode:
            pytest.skip("mounting needs more rights")
        there.append(folder)

    yield mount
    for folder in reversed(there):
        subprocess.run(["umount", str(folder)], check=True)


linux = pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux has them")


@linux
def test_runs_on_a_read_only_disk(folder, mounted):
    runs = folder / "runs"
    before = fingerprints(runs)
    mounted(runs, "--bind", str(runs))
    subprocess.run(["mount", "-o", "remount,ro,bind", str(runs)], check=True)
    for command in (("train", "--config", "mlp.yaml"), ("eval", "mlp/first")):
        assert "Read-only file system. Make its folder writable" in reported(*command, cwd=folder)
    nlp("predict", "mlp/first", "Kowalski", cwd=folder)
    nlp("runs", cwd=folder)
    assert fingerprints(runs) == before


@linux
def test_runs_on_a_full_disk(folder, mounted, monkeypatch):
    small = folder / "small"
    small.mkdir()
    mounted(small, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    monkeypatch.setenv("NLP_RUNS", str(small))
    nlp("train", "--config", "mlp.yaml", "--name", "fits", cwd=folder)
    before = fingerprints(small)
    assert "disk is full" in reported("train", "--config", "mlp.yaml", "--name", "big", "--set", "model.d_embedding=3000", cwd=folder)
    assert {name: each for name, each in fingerprints(small).items() if "/fits/" in name} == before
    nlp("predict", "mlp/fits", "Kowalski", cwd=folder)
