"""Runs that start from an earlier one: what is taken over, what is new, what is refused, and the command."""

import json
import shutil

import pytest
import torch
from command import nlp
from nlp.training.folder.checkpoints import checkpoint_path
from nlp.training.folder.run_directory import RunDirectory
from nlp.training.folder.tensors import load_tensors
from test_masked_language import RECIPE

CLASSES = """
data: {type: files, train: train.csv, test: train.csv, validation_share: 0.2}
task: {type: classification, label: animal}
model: {type: transformer, d_model: 16, n_layers: 1, n_heads: 2, d_ff: 32, max_positions: 16, init_from: masked/first}
training: {epochs: 2, batch_size: 8, optimizer: {type: adamw, learning_rate: 0.001}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a masked language model that has been trained as `masked/first`."""
    folder = tmp_path_factory.mktemp("start")
    lines = [f"the {size} {animal} {verb},{animal}\n" for size in ("big", "small", "old") for animal, verb in (
        ("dog", "barks"), ("cat", "meows"), ("bird", "sings"))]
    (folder / "train.csv").write_text("text,animal\n" + "".join(4 * lines), encoding="utf-8")
    (folder / "masked.yaml").write_text(RECIPE.replace("epochs: 40", "epochs: 2"), encoding="utf-8")
    (folder / "classes.yaml").write_text(CLASSES, encoding="utf-8")
    nlp("train", "--config", "masked.yaml", "--name", "first", cwd=folder)
    rules = "model: {type: rules, default: dog, rules: [{label: cat, keywords: [meows]}]}\n"
    (folder / "rules.yaml").write_text(CLASSES[: CLASSES.index("model:")] + rules, encoding="utf-8")
    nlp("train", "--config", "rules.yaml", "--name", "first", cwd=folder)
    return folder


def weights(folder, address):
    return load_tensors(checkpoint_path(RunDirectory(folder / "runs" / address, folder / "runs"), "best") / "model.safetensors")


def start(folder, name, *settings, code=0):
    changes = [word for setting in settings for word in ("--set", setting)]
    return nlp("train", "--config", "classes.yaml", "--name", name, *changes, cwd=folder, code=code)


def test_a_classifier_starts_from_the_weights_and_the_tokenizer_of_a_masked_language_model(folder):
    told = start(folder, "whole", "training.optimizer.learning_rate=1e-30").stderr
    # 3 classes of 16 weights and a bias each are new; the scores of words, which are the embedding, stay behind.
    assert "of masked/first; new: output; unused: output" in told
    source, taken = weights(folder, "masked/first"), weights(folder, "classes/whole")
    assert all(torch.equal(taken[name], source[name]) for name in taken if not name.startswith("output"))
    assert (folder / "runs/classes/whole/tokenizer/tokenizer.json").read_bytes() == (
        folder / "runs/masked/first/tokenizer/tokenizer.json").read_bytes()
    assert json.loads(nlp("count-params", "--config", "classes.yaml", "--format", "json", cwd=folder).stdout)["total_parameters"]


def test_the_output_comes_along_where_the_task_is_the_same(folder):
    start(folder, "one")
    told = start(folder, "two", "model.init_from=classes/one", "training.optimizer.learning_rate=1e-30").stderr
    assert "new: nothing" in told
    one, two = (weights(folder, f"classes/{name}") for name in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    told = start(folder, "three", "model.init_from=classes/one", "task.labels=[dog, cat, bird]").stderr
    assert "new: output" in told  # the classes are in another order


@pytest.mark.parametrize(("settings", "message"), [
    (["model.d_ff=64"], "model.d_ff is 64, but 32 in the run (masked/first). Make them equal."),
    (["model={type: mlp, hidden_sizes: [3], init_from: masked/first}"], "have shape (17, 16), this model's have (17, 3)"),
    (["model.n_heads=4"], "model.n_heads is 4, but 2 in the run (masked/first). Make them equal."),
    (["tokenizer={type: characters}"], "tokenizer: differs from that of masked/first"),
    (["model.init_from=masked/none"], "There is no run 'masked/none'"),
    (["model.init_from=names/masked-lm"], "`nlp runs` lists all. Train one with `nlp train names/masked-lm`."),
    (["model.init_from=rules/first"], "rules/first is a run of rules for classification, which has no weights"),
    (["model={type: mlp, hidden_sizes: [3], d_embedding: 16, init_from: masked/first}"], "has no weight that this mlp could start from"),
])
def test_what_does_not_fit_is_refused_and_nothing_is_kept(folder, settings, message):
    assert message in start(folder, "refused", *settings, code=2).stderr
    assert not (folder / "runs/classes/refused").exists()


def test_a_run_goes_on_when_the_run_that_it_started_from_is_gone(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    copy = tmp_path / "copy"
    start(copy, "short", "training.epochs=1")
    assert "init_from: masked/first" in (copy / "runs/classes/short/config.yaml").read_text(encoding="utf-8")
    shutil.rmtree(copy / "runs/masked")
    (copy / "runs/classes/short/results.json").unlink()
    nlp("train", "--resume", "classes/short", cwd=copy)
    assert nlp("predict", "classes/short", "the big dog barks", cwd=copy).stdout


def test_adapters_are_part_of_the_saved_model(folder):
    told = start(folder, "lora", "training.fine_tune={lora: {rank: 2}}", "training.optimizer.learning_rate=0.05").stderr
    count = ("count-params", "--config", "classes.yaml", "--set", "training.fine_tune={lora: {rank: 2}}", "--format", "json")
    counted = json.loads(nlp(*count, cwd=folder).stdout)
    assert counted["trainable_parameters"] == 2 * 16 + 48 * 2 + 2 * 16 + 16 * 2 + 3 * 17
    # A of 2 x 16 and B of 48 x 2 beside query, key and value, of 16 x 2 beside what joins the heads; 3 classes of 16 weights and a bias.
    assert f"learning    {2 * 16 + 48 * 2 + 2 * 16 + 16 * 2 + 3 * 17} of these parameters" in told
    reported = json.loads(nlp("eval", "classes/lora", "--json", cwd=folder).stdout)
    scored = json.loads((folder / "runs/classes/lora/results.json").read_text(encoding="utf-8"))["test"]
    assert reported["metrics"]["loss"]["value"] == pytest.approx(scored["loss"], rel=1e-5)


def test_more_layers_than_there_are_get_a_notice(folder):
    notice = "training.fine_tune.last_layers is 9, but the network has 2 layers below the output, which are all trained."
    assert f"Notice: {notice}" in start(folder, "nine", "training.fine_tune={last_layers: 9}").stderr
    tried = nlp("train", "--config", "classes.yaml", "--dry-run", "--set", "training.fine_tune={last_layers: 9}", cwd=folder)
    assert f"notice      {notice}" in tried.stdout


def test_a_study_finds_its_runs_by_the_weights_that_they_started_from(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    copy = tmp_path / "copy"
    study = ("train", "--config", "classes.yaml", "--seeds", "2", "--set", "model.init_from=masked", "--set", "training.epochs=1")
    nlp(*study, cwd=copy)
    first = {path.name for path in (copy / "runs/classes").iterdir()}
    configs = [path.joinpath("config.yaml").read_text(encoding="utf-8") for path in (copy / "runs/classes").iterdir()]
    assert sum("init_from: masked/first\n" in config for config in configs) >= 2, "the run that was meant, not the latest of a recipe"
    nlp(*study, cwd=copy)
    assert {path.name for path in (copy / "runs/classes").iterdir()} == first
    nlp("train", "--config", "masked.yaml", "--name", "second", "--set", "seeds=[5]", cwd=copy)
    nlp(*study, cwd=copy)
    assert len(list((copy / "runs/classes").iterdir())) == len(first) + 2


def test_what_was_forgotten_is_measured_by_the_old_output_over_the_new_encoder(folder):
    start(folder, "frozen", "training.fine_tune={last_layers: 0}")
    start(folder, "changed", "training.optimizer.learning_rate=0.1")
    frozen, changed = (json.loads(nlp("eval", f"classes/{name}", "--task-of", "masked/first", "--json", cwd=folder).stdout)
                       for name in ("frozen", "changed"))
    scored = json.loads((folder / "runs/masked/first/results.json").read_text(encoding="utf-8"))["test"]
    for found in (frozen, changed):
        assert found["before"] == pytest.approx(scored, rel=1e-5)
    assert frozen["now"] == pytest.approx(scored, rel=1e-5)
    assert changed["now"]["loss"] > 1.1 * scored["loss"]
    assert "encoder of classes/changed" in nlp("eval", "classes/changed", "--task-of", "masked/first", cwd=folder).stdout
    assert json.loads((folder / "runs/masked/first/results.json").read_text(encoding="utf-8"))["test"] == scored
    start(folder, "other", "model={type: mlp, d_embedding: 8}", "tokenizer={type: characters}")
    assert "classes/other has another tokenizer" in nlp("eval", "classes/other", "--task-of", "masked/first", cwd=folder, code=2).stderr
    assert "leave --data out" in nlp("eval", "classes/other", "--task-of", "masked/first", "--data", "train.csv", cwd=folder, code=2).stderr
