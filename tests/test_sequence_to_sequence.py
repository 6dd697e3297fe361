"""Sequence to sequence through the command line: train, stop and resume, eval, predict; on parallel files and on embedded dates."""

import json
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tiny_runs
from command import NLP, interrupted, nlp, nlp_process, results, timeless, weights
from nlp.analysis.statistics.proportions import wilson_interval
from nlp.configs.load import load_recipe
from nlp.training.devices import Setting
from nlp.training.run import build_run
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

WORDS = {"a": "ein", "big": "großer", "small": "kleiner", "dog": "Hund", "cat": "Kater", "runs": "rennt", "sleeps": "schläft"}
MODELS = {
    "recurrent": "{type: seq2seq, cell: lstm, d_embedding: 16, hidden_size: 24, attention: additive, dropout: 0.1}",
    "fixed": "{type: seq2seq, cell: gru, d_embedding: 16, hidden_size: 24, attention: none}",
    "transformer": "{type: transformer_seq2seq, d_model: 16, n_encoder_layers: 1, n_decoder_layers: 1, n_heads: 2, d_ff: 32, "
                   "max_positions: 24, dropout: 0.1}",
}
RECIPE = """
data: {{type: files, train: pairs, test: pairs, format: parallel, columns: {{source: en, target: de}}, validation_share: 0.25}}
tokenizer: {{type: words, min_frequency: 1}}
task:
  type: sequence_to_sequence
  teacher_forcing: {{type: linear, steps: 30, final_share: 0.8}}
  decoding: {{beam_size: 3, max_length: 12}}
model: {model}
training: {{epochs: {epochs}, batch_size: 4, log_every: 2, best_metric: bleu, optimizer: {{type: adamw, learning_rate: 0.02}},
  checkpoints: {{every_steps: 3}}}}
"""


def write(folder: Path, model: str, epochs: int = 2) -> Path:
    """24 sentences of a toy language, word by word."""
    lines = [f"a {size} {animal} {verb}" for size in ("big", "small", "big small") for animal in ("dog", "cat")
             for verb in ("runs", "sleeps", "runs a dog", "sleeps a cat")]
    (folder / "pairs.en").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    reported = (" ".join(WORDS[word] for word in line.split()) for line in lines)
    (folder / "pairs.de").write_text("".join(f"{line}\n" for line in reported), encoding="utf-8")
    path = folder / f"{model}.yaml"
    path.write_text(RECIPE.format(model=MODELS[model], epochs=epochs), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    nlp("train", "--config", write(folder, "recurrent", epochs=40), "--name", "one", *tiny_runs.SELDOM, cwd=folder)
    return folder


def test_a_small_language_is_learned(trained):
    figures = results(trained / "runs" / "recurrent" / "one")["test"]
    assert set(figures) == {"loss", "accuracy", "exact_match", "bleu", "bleu_lowercase", "chrf", "ter"}
    assert figures["bleu"] > 80
    assert figures["ter"] < 20
    assert figures["exact_match"] > 0.5


def test_eval_reports_intervals_signatures_and_what_a_copy_gets(trained):
    printed = nlp("eval", "recurrent", cwd=trained).stdout
    assert "bleu: nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:" in printed
    assert "copy of the source" in printed
    reported = json.loads(nlp("eval", "recurrent", "--json", cwd=trained).stdout)
    exact, n = reported["metrics"]["exact_match"], reported["examples"]
    assert exact["interval"] == pytest.approx(wilson_interval(round(exact["value"] * n), n))
    low, high = reported["metrics"]["bleu"]["interval"]
    assert 0 < low <= reported["metrics"]["bleu"]["value"] <= high < 100.1
    assert reported["metrics"]["bleu"]["value"] == pytest.approx(results(trained / "runs" / "recurrent" / "one")["test"]["bleu"])


def test_predict_writes_a_line_for_a_line(trained):
    printed = nlp_process("predict", "recurrent", cwd=trained, text="a small cat runs\n\na big dog sleeps\n").stdout
    assert printed.splitlines() == ["ein kleiner Kater rennt", "", "ein großer Hund schläft"]


def test_a_line_by_itself_is_reported_as_among_others(trained):
    sources = (trained / "pairs.en").read_text(encoding="utf-8")
    (trained / "sources.txt").write_text(sources, encoding="utf-8")
    together = nlp("predict", "recurrent", "--input", "sources.txt", "--json", cwd=trained).stdout.splitlines()
    for line, reported in zip(sources.splitlines()[::5], together[::5], strict=True):
        alone = json.loads(nlp("predict", "recurrent", line, "--json", cwd=trained).stdout)
        assert alone["prediction"] == json.loads(reported)["prediction"]
        assert alone["score"] == pytest.approx(json.loads(reported)["score"], abs=2e-4)


def test_several_texts_have_scores_the_best_first(trained):
    reported = json.loads(nlp("predict", "recurrent", "a big cat runs", "--n-best", "3", "--json", cwd=trained).stdout)
    scores = [reported["score"], *(other["score"] for other in reported["others"])]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    lines = nlp("predict", "recurrent", "a big cat runs", "--n-best", "2", cwd=trained).stdout.splitlines()
    assert lines[0] == f"{reported['score']:.3f}  {reported['prediction']}"


def test_draws_are_repeated_by_their_seed(trained):
    draws = [nlp("predict", "recurrent", "a big cat runs", "--temperature", "3", "--seed", seed, cwd=trained).stdout for seed in "11234"]
    assert draws[0] == draws[1]
    assert len(set(draws)) > 1
    cold = nlp("predict", "recurrent", "a big cat runs", "--temperature", "0", cwd=trained).stdout
    assert cold == nlp("predict", "recurrent", "a big cat runs", "--beam-size", "1", cwd=trained).stdout


def test_attention_is_drawn(trained):
    nlp("predict", "recurrent", "a big cat runs", "--attention", "looks.png", cwd=trained)
    with Image.open(trained / "looks.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 100
    logged = EventAccumulator(str(trained / "runs" / "recurrent" / "one" / "validation"), size_guidance={"images": 0}).Reload()
    assert {"attention/1", "attention/4", "test/attention/1", "test/attention/4"} <= set(logged.Tags()["images"])


@pytest.mark.parametrize(("arguments", "reported"), [
    (["--n-best", "5"], "--beam-size 5 or more"),
    (["--n-best", "2", "--temperature", "1"], "use --samples 2"),
    (["--attention", "no/such/folder.png"], "--attention takes the name of a .png or .svg file"),
    (["--attention", "looks.png", "--temperature", "1"], "--attention draws the attention of a search"),
    (["--beam-size", "2", "--temperature", "1"], "--beam-size 2 is for a search"),
    (["--temperature", "1", "--seed", str(2**64)], "--seed"),
    (["--beam-size", "1001"], "--beam-size"),
])
def test_what_a_search_cannot_do_is_reported(trained, arguments, reported):
    assert reported in nlp("predict", "recurrent", "a big cat runs", *arguments, cwd=trained, code=2).stderr


def test_a_picture_has_room_for_so_many_tokens(trained):
    reported = nlp("predict", "recurrent", "a cat " * 200, "--attention", "wide.png", cwd=trained, code=2).stderr
    assert "A picture of --attention shows 200 tokens" in reported
    assert not (trained / "wide.png").exists()


def test_a_text_without_a_word_has_nothing_to_draw(trained):
    assert "The first text is empty" in nlp("predict", "recurrent", " ", "--attention", "empty.png", cwd=trained, code=2).stderr
    assert not (trained / "empty.png").exists()


@pytest.mark.parametrize("temperature", ["1e-300", "1e300", "inf"])
def test_any_temperature_draws_a_text(trained, temperature):
    assert len(nlp("predict", "recurrent", "a big cat runs", "--temperature", temperature, cwd=trained).stdout.splitlines()) == 1


def test_a_line_of_a_file_ends_at_a_line_feed_alone(trained):
    texts = ["a big\u2028cat runs", "a\x0bdog\x85sleeps"]
    (trained / "odd.txt").write_bytes(("\ufeff" + "\r\n".join(texts) + "\r\n").encode())
    reported = nlp("predict", "recurrent", "--input", "odd.txt", "--json", cwd=trained).stdout.removesuffix("\n").split("\n")
    assert [json.loads(line)["text"] for line in reported] == texts


def test_a_stream_is_cut_into_lines_as_a_file_is(trained):
    content = "\ufeffa big cat runs\r\n\r\na\u2028dog\rsleeps\r\na cat".encode()
    (trained / "windows.txt").write_bytes(content)
    streamed = subprocess.run([NLP, "predict", "recurrent", "--json"], cwd=trained, input=content, capture_output=True, check=True).stdout
    assert streamed.decode() == nlp("predict", "recurrent", "--input", "windows.txt", "--json", cwd=trained).stdout
    assert [json.loads(line)["text"] for line in streamed.splitlines()] == ["a big cat runs", "", "a\u2028dog\rsleeps", "a cat"]


def test_lines_before_one_that_is_not_utf8_are_answered(trained):
    done = subprocess.run([NLP, "predict", "recurrent"], cwd=trained, input=b"a big cat runs\na dog\n\xff\xfe\na cat\n",
                          capture_output=True, check=False)
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 2
    assert b"standard input:3 is not UTF-8: the byte 0xff" in done.stderr


def test_without_attention_there_is_nothing_to_draw(tmp_path):
    nlp("train", "--config", write(tmp_path, "fixed", epochs=1), cwd=tmp_path)
    assert "no attention to draw" in nlp("predict", "fixed", "a cat", "--attention", "a.png", cwd=tmp_path, code=2).stderr


@pytest.mark.slow
@pytest.mark.parametrize("model", ["recurrent", "transformer"])
def test_killed_inside_an_epoch_and_resumed_it_ends_with_the_same_bytes(tmp_path, model):
    recipe = write(tmp_path, model, epochs=20)
    nlp("train", "--config", recipe, "--name", "whole", cwd=tmp_path)
    code, _ = interrupted(tmp_path, recipe.name, "killed", signal.SIGKILL, 0.05)
    assert code == -signal.SIGKILL
    nlp("train", "--resume", f"{model}/killed", cwd=tmp_path)
    full, killed = (tmp_path / "runs" / model / name for name in ("whole", "killed"))
    for which in ("last", "best"):
        assert weights(killed, which) == weights(full, which)
    assert results(killed)["test"] == results(full)["test"]
    assert timeless(killed) == timeless(full)


@pytest.fixture(scope="module")
def hardly_trained(tmp_path_factory) -> Path:
    """A transformer that has learned to write one word only, and never ends: it may write as many tokens as it has positions."""
    folder = tmp_path_factory.mktemp("hardly_trained")
    recipe = write(folder, "transformer", epochs=8)
    (folder / "pairs.de").write_text(f"{'ein ' * 23}\n" * 24, encoding="utf-8")
    changed = ["task.decoding={beam_size: 1, max_length: 24}", "training.batch_size=full", "training.evaluate_every=8"]
    nlp("train", "--config", recipe, "--name", "one", *(each for key in changed for each in ("--set", key)), cwd=folder)
    return folder


def test_a_text_of_as_many_tokens_as_there_are_positions_is_drawn(hardly_trained):
    assert set(results(hardly_trained / "runs" / "transformer" / "one")) >= {"validation", "test"}
    printed = nlp("predict", "transformer", "a dog", "--attention", "looks.png", cwd=hardly_trained).stdout
    assert len(printed.split()) == 24  # it was cut off, or this would test nothing


def test_more_tokens_than_positions_are_refused(hardly_trained):
    assert len(nlp("predict", "transformer", "a dog", "--length", "24", cwd=hardly_trained).stdout.split()) == 24
    assert "model.max_positions is 24" in nlp("predict", "transformer", "a dog", "--length", "25", cwd=hardly_trained, code=2).stderr


@pytest.mark.parametrize("from_file", [True, False])
def test_a_line_that_is_too_long_costs_no_other_line(hardly_trained, from_file):
    lines = ["a dog"] * 70 + ["dog " * 24, "", "a cat"]
    (hardly_trained / "some.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    source = ("--input", "some.txt") if from_file else ()
    done = nlp_process("predict", "transformer", *source, cwd=hardly_trained, code=2, text="\n".join(lines) + "\n")
    printed = done.stdout.splitlines()
    assert [bool(line) for line in printed] == [True] * 70 + [False, False, True]
    place = "some.txt" if from_file else "standard input"
    assert f"Error: {place}:71: the text has 25 tokens including [EOS], but model.max_positions is 24; shorten it.\n" in done.stderr
    reported = nlp("predict", "transformer", "dog " * 24, "--json", cwd=hardly_trained, code=2).stdout
    assert json.loads(reported)["prediction"] is None


@pytest.mark.parametrize("longer", ["en", "de"])
def test_eval_refuses_what_is_longer_than_the_positions(hardly_trained, longer):
    for ending in ("en", "de"):
        (hardly_trained / f"long.{ending}").write_text("dog\n" + "dog " * (24 if ending == longer else 1) + "\n", encoding="utf-8")
    printed = nlp("eval", "transformer", "--data", "long", cwd=hardly_trained, code=2).stderr
    assert "long.en:2 has a" in printed
    assert not (hardly_trained / "runs" / "transformer" / "one" / "predictions" / "file-long.jsonl").exists()


@pytest.mark.parametrize(("forcing", "reported"), [
    ("{type: constant, final_share: 0.5}", "type constant stays at `share`"),
    ("{type: linear, steps: 5, share: 0.1, final_share: 0.9}", "final_share 0.9 is above share 0.1"),
])
def test_teacher_forcing_that_cannot_fall_is_refused(tmp_path, forcing, reported):
    recipe = write(tmp_path, "recurrent")
    assert reported in nlp("train", "--config", recipe, "--set", f"task.teacher_forcing={forcing}", cwd=tmp_path, code=2).stderr


def test_the_tokenizer_that_is_too_small_is_reported_by_its_type(tmp_path):
    recipe = write(tmp_path, "recurrent")
    printed = nlp("train", "--config", recipe, "--set", "task.target_tokenizer={type: bpe, vocab_size: 5}", cwd=tmp_path, code=2).stderr
    assert "The vocab_size of the tokenizer of type bpe is 5" in printed


def test_a_source_longer_than_the_positions_is_refused_before_anything_is_written(tmp_path):
    recipe = write(tmp_path, "transformer")
    done = nlp("train", "--config", recipe, "--set", "model.max_positions=5", "--set", "task.decoding.max_length=5", cwd=tmp_path, code=2)
    assert "model.max_positions is 5" in done.stderr
    assert "pairs.en" in done.stderr
    assert not [*(tmp_path / "runs").rglob("*.*")]


def test_lines_without_a_partner_are_named(tmp_path):
    recipe = write(tmp_path, "transformer")
    with (tmp_path / "pairs.en").open("a", encoding="utf-8") as file:
        file.write("a dog\n")
    printed = nlp("train", "--config", recipe, cwd=tmp_path, code=2).stderr
    assert "pairs.en" in printed
    assert "25" in printed


def test_an_empty_line_is_named(tmp_path):
    recipe = write(tmp_path, "transformer")
    lines = (tmp_path / "pairs.en").read_text(encoding="utf-8").splitlines()
    (tmp_path / "pairs.en").write_text("".join(f"{line}\n" for line in [*lines[:6], "", *lines[7:]]), encoding="utf-8")
    printed = nlp("train", "--config", recipe, cwd=tmp_path, code=2).stderr
    assert "nothing in column `source`" in printed
    assert ":7" in printed


def test_only_runs_that_write_take_options_of_searching(tmp_path):
    (tmp_path / "rules.yaml").write_text(
        "data: {type: named, name: names}\ntask: {type: classification, text: name, label: language}\n"
        "model: {type: rules, default: Italian, rules: [{label: Polish, pattern: 'ski$'}]}\n", encoding="utf-8")
    nlp("train", "--config", tmp_path / "rules.yaml", cwd=tmp_path)
    for option in (["--beam-size", "3"], ["--temperature", "1"], ["--attention", "a.png"]):
        assert f"{option[0]} is for runs that" in nlp("predict", "rules", "Kowalski", *option, cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize("family", ["seq2seq", "transformer_seq2seq"])
def test_figures_do_not_depend_on_the_batch(family, tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    tiny_runs.write_data(tmp_path)
    with (tmp_path / "pairs.de").open("a", encoding="utf-8") as german, (tmp_path / "pairs.en").open("a", encoding="utf-8") as english:
        german.write("das\n" * 8)
        english.write("the\n" * 8)
    run = build_run(load_recipe(str(tiny_runs.write_recipe(tmp_path, family))), Setting(1))
    split, inputs = run.data.splits["train"], frozenset({"tokens", "previous"})
    order = np.argsort([len(split.example(row)["text"]) for row in range(len(split))], kind="stable")
    parts = [run.task.predict(run.model, split.batch(rows, inputs)) for rows in (order[:4], order[4:])]
    assert parts[0].tokens.max() < parts[1].tokens.max()
    whole = run.task.predict(run.model, split.batch(np.arange(len(split)), inputs))
    assert run.task.metrics(type(whole).joined(parts)) == pytest.approx(run.task.metrics(whole), rel=1e-5)
