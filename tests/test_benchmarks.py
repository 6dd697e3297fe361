"""The benchmarks run, at sizes that are too small to measure speed: no test here checks a time."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import nlp
import pytest
from command import TRAINING, write_names, write_recipe
from command import nlp as nlp_command

FOLDER = Path(nlp.__file__).parent / "benchmarks"


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """The scripts import one another, and set the number of threads for the process."""
    import torch

    monkeypatch.syspath_prepend(str(FOLDER))
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def assert_row(row, name):
    assert row["case"] == name
    assert 0 < row["min"] <= row["ratio"] <= row["max"]


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "model"), [("names", "mlp"), ("names", "cnn"), ("names", "lstm"), ("names", "transformer"),
                                               ("names", "bag"), ("pydocs", "lstm"), ("pydocs", "transformer")])
def test_both_loops_take_their_steps(dataset, model):
    from step_loop import compare

    row = compare(dataset, model, pairs=1, steps=2, threads=1)
    assert_row(row, f"{dataset} {model}")
    assert row["overhead_ms"] == pytest.approx(row["ours_ms"] - row["bare_ms"])


GIVEN = {
    "tagging": ("ud_english_ewt/bilstm", ["data.name=dates", "task.tokens=tokens", "task.tags=tags"]),
    "translating": ("multi30k/transformer", ["data.name=dates", "task.source=text", "task.target=iso", "tokenizer.vocab_size=300"]),
    "translating back": ("multi30k/gru", ["data.name=dates", "task.source=text", "task.target=iso", "tokenizer.vocab_size=300"]),
}
"""Recipes whose loop by hand is no classifier's, on data that needs no download."""


@pytest.mark.parametrize("which", GIVEN)
def test_the_loop_by_hand_learns_as_the_tool_does(which):
    """At a rate that changes much in a few steps."""
    name, overrides = GIVEN[which]
    assert_same(name, [*overrides, "model.token_dropout=0", "training.schedule.warmup_share=null", "training.batch_size=16"])


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["names/deep-mlp", "names/cnn", "names/bilstm", "names/transformer", "pydocs/lstm",
                                    "pydocs/transformer"])
def test_the_loop_by_hand_computes_what_the_tool_computes(recipe):
    assert_same(recipe, [])


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "dtype"), [("bf16", "torch.bfloat16"), ("fp32", "torch.float32")])
def test_both_loops_multiply_in_the_precision_of_the_recipe(precision, dtype, monkeypatch):
    import bare
    import nlp.training.loop.gradient as gradient
    from nlp.configs.load import load_recipe
    from ours import opened
    from step_loop import by_hand

    for module in (gradient, bare):
        monkeypatch.setattr(module, "has_bf16", lambda device: True)  # slow where there is none, but right
    name, overrides = GIVEN["translating"]
    with opened(load_recipe(name, [*overrides, f"training.precision={precision}", "training.batch_size=4"]), threads=1) as ours:
        loop, seen = by_hand(ours.recipe, ours.data, ours.plan.n_steps), []
        for layer in (ours.learner.model.encoder.blocks[0].attention.qkv, loop.model.encoder[0].qkv):
            layer.register_forward_hook(lambda module, inputs, output: seen.append(str(output.dtype)))
        loop.run(ours.rows(1), 1)
        ours.run(1)
    assert seen == [dtype, dtype]


def assert_same(recipe, overrides):
    """From the same weights, and without dropout, both come to the same loss and accuracy."""
    from nlp.configs.load import load_recipe
    from ours import opened
    from step_loop import by_hand

    with opened(load_recipe(recipe, ["model.dropout=0", "training.log_every=6", *overrides]), threads=1) as ours:
        bare, weights = by_hand(ours.recipe, ours.data, ours.plan.n_steps), list(ours.learner.model.parameters())
        for by_hand in bare.weights:  # both list equal shapes in the same order
            place = next(place for place, by_tool in enumerate(weights) if by_tool.shape == by_hand.shape)
            by_hand.data.copy_(weights.pop(place).data)
        loss, accuracy = bare.run(ours.rows(6), 1)
        ours.run(6)
        (line,) = logged(ours)
    assert loss == pytest.approx(line["loss"], rel=1e-4)
    assert accuracy == pytest.approx(line["accuracy"], abs=0.01)


def test_a_stretch_neither_evaluates_nor_saves():
    from nlp.configs.load import load_recipe
    from ours import opened

    with opened(load_recipe("names/deep-mlp", ["training.log_every=2", "training.epochs=2"]), threads=1) as ours:
        ours.run(3)
        ours.run(3)
        assert ours.step == 6
        assert [(line["step"], line["split"]) for line in logged(ours)] == [(2, "train"), (4, "train"), (6, "train")]
        assert not ours.session.directory.checkpoints.exists()


def test_precisions_in_turns():
    from precision import compare

    assert_row(compare("names/cnn", pairs=1, steps=2, threads=1), "names/cnn")


def test_kept_keys_and_values_change_no_token():
    from nlp.configs.load import load_recipe
    from ours import opened
    from sampling import compare, drawn

    assert_row(compare("pydocs/transformer", pairs=1, length=5, threads=1), "pydocs/transformer, 5 tokens")
    with opened(load_recipe("pydocs/transformer"), threads=1) as ours:
        assert drawn(ours.learner.model, 20, kept=True) == drawn(ours.learner.model, 20, kept=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A transformer that has learned a little of writing dates."""
    folder = tmp_path_factory.mktemp("searching")
    settings = ["training.epochs=null", "training.steps=60", "training.log_every=60", "model.max_positions=256"]
    nlp_command("train", "--config", "dates/transformer", "--name", "one", "--threads", "1",
                *(each for setting in settings for each in ("--set", setting)), cwd=folder)
    return folder / "runs" / "dates" / "transformer" / "one"


@pytest.mark.slow
def test_searches_in_turns(run):
    from searching import compare

    for row in compare(str(run), pairs=1, most=300):
        assert 0 < row["min"] <= row["ratio"] <= row["max"]
        assert row["one_per_s"] / row["other_per_s"] == pytest.approx(row["ratio"])


@pytest.mark.slow
def test_the_search_by_hand_finds_what_the_tool_finds(run):
    from nlp.training.folder.run_directory import find_run
    from nlp.training.open_run import open_run
    from searching import Searches

    searches = Searches(open_run(find_run(str(run)), "cpu"), 600)
    by_tool = searches.by_tool(1)
    assert searches.by_hand() == by_tool
    assert len(set(by_tool)) > 1


@pytest.mark.slow
def test_complete_processes(tmp_path):
    from side_by_side import compare

    write_names(tmp_path)
    recipe = write_recipe(tmp_path, "rules")
    assert_row(compare(str(recipe), pairs=1), str(recipe))


@pytest.mark.slow
def test_runs_that_share_a_machine(tmp_path):
    from shared_machine import compare

    write_names(tmp_path)
    recipe = str(write_recipe(tmp_path, "mlp", TRAINING.replace("epochs: 3", "epochs: 1")))
    rows = list(compare(recipe, [2], pairs=1, settings=["training.log_every=9"]))
    for row, ways in zip(rows, ("2 at once / alone, one thread", "alone / alone, spinning"), strict=True):
        assert_row(row, f"{recipe}: {ways}")


def test_the_script_for_gpus_runs_on_a_cpu():
    from gpu import all_cases

    small = ["model.d_model=16", "model.n_layers=1", "model.n_heads=2", "model.d_ff=16", "task.block_size=16", "training.steps=8",
             "training.batch_size=4", "training.precision=fp32", "data.name=pydocs", "training.evaluate_every=8"]
    eager, classifier, complete = all_cases("cpu", pairs=1, steps=2, settings=small)
    assert_row(eager, "eager: by hand / ours")
    assert_row(classifier, "names/lstm: CPU / cpu")
    assert 2 < complete["validation_loss"] < 5


@pytest.mark.slow
def test_waiting_times():
    from startup import COMMANDS, all_commands

    rows = list(all_commands(times=1))
    assert [row["case"] for row in rows] == [" ".join(["nlp", *arguments]) for arguments in COMMANDS]
    assert all(row["seconds"] > 0 and row["cpu_seconds"] > 0 for row in rows)


def test_a_fasttext_file_holds_the_tokens_that_are_known(tmp_path):
    from fasttext_bag import epoch_seconds, write_for_fasttext
    from nlp.configs.load import load_recipe
    from ours import opened

    with opened(load_recipe("names/deep-mlp"), threads=1) as ours:
        known = write_for_fasttext(ours.data, tmp_path / "train.txt")
        split = ours.data.splits["train"]
    lines = (tmp_path / "train.txt").read_text(encoding="utf-8").splitlines()
    assert [int(line.split()[0].removeprefix("__label__")) for line in lines] == split.labels.tolist()
    assert sum(len(line.split()) - 1 for line in lines) == known == int((split.encoded.ids != 1).sum())
    asked = []
    epoch_seconds(asked.append, 3)
    assert asked == [4, 1]


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["lightning", "hugging-face"])
def test_peers_run_or_report_how_to_get_them(peer, tmp_path):
    """In a process of its own: other people's warnings are not this project's, and this project's `datasets/` is not theirs."""
    from peers import missing

    settings = ["--peer", peer, "--dataset", "names", "--pairs", "1", "--steps", "2", "--json"]
    done = subprocess.run([sys.executable, str(FOLDER / "peers.py"), *settings], cwd=tmp_path, capture_output=True, encoding="utf-8",
                          check=True)
    if how := missing(peer):
        assert "pip install" in how and how in done.stderr
    else:
        (row,) = json.loads("[" + done.stdout.rpartition("\n[")[2])
        assert_row(row, f"names bag, {peer}")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_every_script_prints_how_it_is_used(path, monkeypatch, capsys):
    if "typer.run(main)" not in path.read_text(encoding="utf-8"):
        pytest.skip("no script: the others take it from here")
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    monkeypatch.syspath_prepend(FOLDER)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


def logged(ours):
    """The lines of the log so far."""
    return [json.loads(line) for line in ours.session.directory.metrics.read_text(encoding="utf-8").splitlines()]
