"""Parts of speech by a tagger that was trained with this tool: what it gives a classical model, and what a run is known by."""

import shutil

import numpy as np
import pytest
from command import nlp
from nlp.configs.load import load_recipe
from nlp.configs.schema.tokenizer import NgramTokenizer
from nlp.datasets.tokenizers.tokenizer import load_tokenizer, train_tokenizer
from nlp.errors import ConfigError
from nlp.training.sources.tagger import open_tagger
from nlp.training.study.address import method_address
from pydantic import ValidationError
from tiny_runs import CLASSES, write_data, write_recipe

TAGGERS = ("hmm", "averaged_perceptron", "tagger")
RECIPE = CLASSES + """
tokenizer: {type: ngrams, words: [1, 1], analysis: {split: punctuation, part_of_speech: STEP}}
model: {type: logistic_regression}
"""
TEXTS = ["the Big dog runs", "", "the old cat sings", "a bird"]


def ngrams(run, **step):
    return NgramTokenizer.model_validate({"type": "ngrams", "words": [1, 1], "analysis": {"part_of_speech": {"run": run, **step}}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a finished run of each kind of tagger, and one of a classifier."""
    place = tmp_path_factory.mktemp("taggers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLP_CACHE", str(place / "cache"))
        write_data(place)
        for family in (*TAGGERS, "naive_bayes"):
            nlp("train", "--config", write_recipe(place, family).name, "--name", "one", cwd=place)
    return place


@pytest.fixture
def here(folder, tmp_path, monkeypatch):
    """A copy of that folder that a test may change, and where it is."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True, symlinks=True)
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, step):
    (folder / "mine.yaml").write_text(RECIPE.replace("STEP", step), encoding="utf-8")


@pytest.mark.parametrize("tagger", TAGGERS)
def test_tags_are_those_that_the_run_predicts_for_one_text_or_many(tagger, here):
    sentences = [text.split() for text in TEXTS]
    predicted = nlp("predict", f"{tagger}/one", *TEXTS[::2], cwd=here).stdout
    found = open_tagger(f"{tagger}/one")
    tags = found.tags(sentences)
    assert [" ".join(tags[0]) in predicted, tags[1], " ".join(tags[2]) in predicted] == [True, [], True]
    assert tags == [found.tags([sentence])[0] for sentence in sentences]
    assert found.tags([[]]) == [[]]


def test_tokens_are_kept_by_tag_or_written_with_it(here):
    kept = train_tokenizer(ngrams("hmm/one", keep=["NOUN", "VERB"]), TEXTS, open_tagger)
    assert dict(kept.steps(TEXTS[0])) == {
        "text": TEXTS[0], "tokens": TEXTS[0], "tags": "the/DET Big/ADJ dog/NOUN runs/VERB", "part of speech": "dog runs",
        "n-grams": "dog runs"}
    attached = train_tokenizer(ngrams("hmm/one", drop=["DET"], attach=True), TEXTS, open_tagger)
    assert dict(attached.steps(TEXTS[0]))["n-grams"] == "big/ADJ dog/NOUN runs/VERB"


def test_saved_and_loaded_it_is_the_same(here):
    config = ngrams("tagger/one", attach=True)
    tokenizer = train_tokenizer(config, TEXTS, open_tagger)
    tokenizer.save(here / "saved")
    loaded = load_tokenizer(here / "saved", tokenizer.vocab_size, open_tagger)
    assert loaded.fingerprint() == tokenizer.fingerprint()
    encoded = tokenizer.encode(TEXTS)
    np.testing.assert_array_equal(loaded.encode(TEXTS).weights, encoded.weights)
    np.testing.assert_array_equal(np.concatenate([loaded.encode([text]).ids for text in TEXTS]), encoded.ids)


def test_a_run_is_trained_and_asked(here):
    write(here, "{run: hmm, keep: [NOUN], attach: true}")
    nlp("train", "--config", "mine.yaml", "--name", "one", cwd=here)
    assert "run: hmm/one" in (here / "runs" / "mine" / "one" / "config.yaml").read_text(encoding="utf-8")
    printed = nlp("predict", "mine/one", "the big dog runs", "--explain", "auto", cwd=here).stdout
    assert "tags: the/DET big/ADJ dog/NOUN runs/VERB" in printed and "part of speech: dog/NOUN" in printed
    assert printed.startswith("dog")


def test_another_tagger_under_the_same_name_is_another_method_and_other_data(here):
    write(here, "{run: hmm/one, attach: true}")
    nlp("train", "--config", "mine.yaml", "--name", "one", cwd=here)
    before = method_address(load_recipe("mine.yaml"))
    shutil.rmtree(here / "runs" / "hmm")
    nlp("train", "--config", "hmm.yaml", "--name", "one", "--set", "data.train_rows=5", cwd=here)
    assert method_address(load_recipe("mine.yaml")) != before
    assert "another version of hmm/one" in nlp("predict", "mine/one", "the dog", cwd=here, code=2).stderr
    nlp("train", "--config", "mine.yaml", "--name", "two", cwd=here)
    one, two = ((here / "runs" / "mine" / name / "tokenizer" / "analysis.json").read_bytes() for name in ("one", "two"))
    assert one != two


def test_a_recipe_without_its_tagger_is_left_out_of_a_pattern_and_has_an_address(here):
    write(here, "{run: nowhere, attach: true}")
    assert method_address(load_recipe("mine.yaml"))
    assert "Left out: " in nlp("train", "--config", "[mn]*.yaml", "--seeds", "1", cwd=here).stderr


@pytest.mark.parametrize(("run", "words"), [
    ("nowhere", "There is no run 'nowhere'"), ("naive_bayes/one", "only a tagger gives each word a tag")])
def test_runs_that_give_no_tags(run, words, here):
    write(here, f"{{run: {run}, attach: true}}")
    for command in (["train", "--config"], ["tokenizer", "show"]):
        printed = nlp(*command, "mine.yaml", cwd=here, code=2).stderr
        assert printed.count("\n") == 1 and printed.startswith("Error: tokenizer.analysis.part_of_speech.run: ") and words in printed
    assert not (here / "runs" / "mine").exists()


def test_a_tagger_that_is_not_finished_is_refused(here):
    (here / "runs" / "hmm" / "one" / "results.json").unlink()
    write(here, "{run: hmm/one, attach: true}")
    assert "is not finished" in nlp("train", "--config", "mine.yaml", cwd=here, code=2).stderr


def test_without_the_tagger_a_run_says_what_is_missing(here):
    write(here, "{run: hmm/one, attach: true}")
    nlp("train", "--config", "mine.yaml", "--name", "one", cwd=here)
    shutil.rmtree(here / "runs" / "hmm")
    printed = nlp("predict", "mine/one", "the dog", cwd=here, code=2).stderr
    assert "tokenizer.analysis.part_of_speech.run: There is no run 'hmm/one'" in printed and "damaged" not in printed


def test_kiwi_has_tags_of_its_own():
    with pytest.raises(ValidationError, match="Kiwi tags its own morphemes"):
        NgramTokenizer.model_validate({"type": "ngrams", "words": [1, 1], "analysis": {
            "morphology": {"type": "kiwi"}, "part_of_speech": {"run": "hmm/one", "attach": True}}})


def test_who_opens_no_runs_says_so():
    with pytest.raises(ConfigError, match="no run can be opened here"):
        train_tokenizer(ngrams("hmm/one", attach=True), TEXTS)
