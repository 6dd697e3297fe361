"""Names of other tools in recipes and on the command line are answered with ours."""

import re

import pytest
from command import nlp
from nlp.cli.main import app
from nlp.cli.unknown_names import COMMANDS
from nlp.configs.load import load_recipe
from nlp.configs.schema.recipe import Recipe
from nlp.configs.yaml.error_report import _sections
from nlp.configs.yaml.names_elsewhere import NAMES, meant_by
from nlp.errors import ConfigError

KEYS = {".".join((*path, name)) for path, classes in _sections(Recipe, ()) for each in classes for name in each.model_fields}
ALL = [(name, meant) for names in NAMES.values() for name, meant in names.items()]


def test_every_key_that_is_named_exists():
    assert {"training.epochs", "training.optimizer.betas", "seeds", "model.characters.type"} <= KEYS
    assert not {meant.key for _, meant in ALL if not meant.instead} - KEYS
    assert all(bool(meant.key) != bool(meant.instead) for _, meant in ALL)


def test_every_option_that_is_named_exists(tmp_path):
    named = {option for _, meant in ALL for option in re.findall(r"--[a-z]+", meant.instead)}
    assert {"--device", "--processes", "--threads", "--resume", "--name"} == named
    shown = nlp("train", "--help", cwd=tmp_path).stdout
    assert all(re.search(rf"{option}\b", shown) for option in named)


def test_a_name_means_the_same_in_every_tool():
    assert all(meant_by(name).key == meant.key for name, meant in ALL)
    assert meant_by("gradient-accumulation-steps").key == "training.accumulate"
    assert meant_by("epochs") is None


@pytest.mark.parametrize(("recipe", "setting", "answer"), [
    ("names/lstm", "training.gradient_accumulation_steps=2", "it is called training.accumulate here."),
    ("names/lstm", "training.warmup_ratio=.1", "it is called training.schedule.warmup_share here."),
    ("names/lstm", "lr=1", "it is called training.optimizer.learning_rate here."),
    ("names/lstm", "model.hidden_dim=3", "it is called model.hidden_size here."),
    ("names/lstm", "training.optim=adam", "it is called training.optimizer.type here."),
    ("names/lstm", "training.fp16=true", "it is `training.precision: bf16` here."),
    ("names/lstm", "num_labels=3", "the classes are those of the training split, or of `task.labels`."),
    ("names/random-forest", "model.n_estimators=3", "it is called model.n_trees here."),
    ("names/lstm", "model.n_estimators=3", "it is called model.n_trees here, which model of type random_forest has."),
    ("names/transformer", "model.hidden_size=3", "it is called model.d_model here."),
    ("names/logistic-regression", "model.hidden_size=3",
     "to model of type rnn, lstm, gru, seq2seq, autoencoder or model.characters of type lstm or model.generator."),
    ("names/cnn", "model.input=bag", "decision_tree, random_forest, gradient_boosting, ridge, knn, mlp."),
    ("names/lstm", "training.epoch=3", "it is called training.epochs here."),
])
def test_recipes(recipe, setting, answer):
    with pytest.raises(ConfigError) as caught:
        load_recipe(recipe, [setting])
    assert str(caught.value).endswith(answer)


@pytest.mark.parametrize(("options", "answer"), [
    (["--epochs", "3"], "It is a key of the recipe, so write --set training.epochs=VALUE."),
    (["--lr", "0.1"], "The recipe's key training.optimizer.learning_rate does this, so write --set training.optimizer"),
    (["--learning-rate=0.1"], "so write --set training.optimizer.learning_rate=VALUE."),
    (["--learning_rate", "0.1"], "so write --set training.optimizer.learning_rate=VALUE."),
    (["--seed", "3"], 'The recipe\'s key seeds does this, so write --set "seeds=[VALUE]".'),
    (["--output_dir", "x"], "No such option: --output_dir; NLP_RUNS sets the folder that runs are written to"),
    (["--fp16"], "so write --set training.precision=bf16."),
    (["--batch_size", "8"], "so write --set training.batch_size=VALUE."),
    (["--model", "gru"], "so write --set model.type=VALUE."),
    (["--patience", "3"], "--set training.schedule.patience=VALUE or --set training.early_stopping.patience=VALUE."),
    (["--gpus", "2"], "; `nlp train --device` takes cpu, cuda or mps, and `nlp train --processes N` trains on N devices at once."),
    (["--wandb"], "; every run writes its logs for TensorBoard into its own folder."),
    (["--from-pretrained", "x"], "so write --set model.init_from=RUN."),
    (["--lora-alpha", "8"], "so write --set training.fine_tune.lora.alpha=VALUE."),
    (["--freeze-encoder"], "so write --set training.fine_tune.last_layers=0."),
    (["--wordNgrams", "2"], '--set "tokenizer.words=[SHORTEST, LONGEST]".'),
])
def test_options(tmp_path, options, answer):
    done = nlp("train", "--config", "names/lstm", *options, cwd=tmp_path, code=2)
    assert answer in done.stderr
    assert done.stderr.endswith("Try `nlp train --help`.\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [("runs", "--epochs", "3"), ("train", "--config", "names/lstm", "--type", "3"),
                                       ("train", "--config", "names/lstm", "--jsn")], ids=" ".join)
def test_options_that_are_no_keys_are_answered_as_ever(tmp_path, arguments):
    assert "--set " not in nlp(*arguments, cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize(("command", "here"), [("test", "eval"), ("evaluate", "eval"), ("Finetune", "train"), ("download", "data get"),
                                               ("generate", "predict")])
def test_commands_of_other_tools(tmp_path, command, here):
    told = f"Error: No such command: {command}. Did you mean `nlp {here}`? Try `nlp --help`.\n"
    assert nlp(command, "x", cwd=tmp_path, code=2).stderr == told


def test_every_command_that_is_named_exists(tmp_path):
    for command in sorted(set(COMMANDS.values())):
        words = [word for word in command.split() if not word.startswith("-")]
        assert nlp(*words, "--help", cwd=tmp_path, code=0).stdout
    assert not COMMANDS.keys() & {command.name for command in app.registered_commands}


def test_a_subcommand_that_does_not_exist_is_answered_as_ever(tmp_path):
    assert "Did you mean `nlp" not in nlp("data", "download", cwd=tmp_path, code=2).stderr
