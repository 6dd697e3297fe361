"""Features of the neighbours of a text in its document: what they are, where they come from, and what is refused."""

import json
import random

import numpy as np
import pytest
from command import nlp, results
from nlp.analysis.explanations.words import without
from nlp.configs.load import load_recipe
from nlp.configs.schema.tasks.classification import ClassificationConfig
from nlp.configs.schema.tokenizer import NgramTokenizer
from nlp.datasets.context import in_documents, in_place_of, neighbours
from nlp.datasets.encoded.cache import Cache
from nlp.datasets.encoded.texts.labelled_texts import LabelledTexts
from nlp.datasets.tables import Table
from nlp.datasets.tokenizers.tokenizer import load_tokenizer, train_and_encode, train_tokenizer
from nlp.training.study.address import method_address

RECIPE = """
data: {type: files, train: train.csv, validation: validation.csv, test: test.csv}
task: {type: classification, document: talk}
tokenizer: {type: ngrams, words: [1, 1], context: {before: 1}}
model: {type: linear_svm}
"""
TABLE = Table({"text": ["one", "red", "two", "three", "blue", "alone"], "talk": ["a", "b", "a", "a", "b", " "],
               "label": ["x", "y", "x", "", "y", "x"]}, "it.csv")


def talks(n_talks, seed):
    """Rows whose class is a word of the row before, which says nothing of their own word; rows of two talks alternate, and talks of all
    splits have the same names."""
    generator = random.Random(seed)
    rows = []
    for pair in range(n_talks // 2):
        told = ["start", "start"]
        for turn in range(12):
            word, which = generator.choice(["yes", "no"]), turn % 2
            rows.append((f"please {word}", f"talk {pair}-{which}", told[which]))
            told[which] = word
    return rows


def write(path, rows):
    path.write_text("text,talk,label\n" + "".join(f"{','.join(row)}\n" for row in rows), encoding="utf-8")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a recipe and three files of talks."""
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    for seed, (name, size) in enumerate((("train", 80), ("validation", 30), ("test", 30))):
        write(tmp_path / f"{name}.csv", talks(size, seed))
    (tmp_path / "mine.yaml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def ngrams(before=1, after=0, **keys):
    return NgramTokenizer.model_validate({"type": "ngrams", "words": [1, 1], "context": {"before": before, "after": after}} | keys)


def texts_of(table):
    return in_documents(table, "text", "talk").columns["text"]


def names_of(tokenizer, text):
    return tokenizer.tokens(tokenizer.encode([text]).ids)


def test_neighbours_are_the_rows_of_the_same_document_in_the_order_of_the_file():
    texts = texts_of(TABLE)
    assert texts == TABLE.columns["text"] and json.dumps(texts) == json.dumps(TABLE.columns["text"])
    assert neighbours(texts, -1) == ["", "", "one", "two", "red", ""]
    assert neighbours(texts, 2) == ["three", "", "", "", "", ""]
    assert neighbours(["one", in_place_of(texts[2], "2")], -1) == ["", "one"]


def test_a_text_without_some_of_its_words_keeps_its_neighbours():
    text = in_place_of(texts_of(TABLE)[2], "a b c")
    assert without(text, {1}) == "a c" and neighbours([without(text, {1})], -1) == ["one"]


def test_a_row_without_a_class_is_left_out_and_stays_a_neighbour():
    table = Table({**TABLE.columns, "label": ["x", "y", "", "x", "y", "x"]}, "it.csv")
    kept, _ = LabelledTexts(ClassificationConfig(type="classification", document="talk", missing_labels="drop")).checked(table)
    assert neighbours(kept.columns["text"], -1) == ["", "", "two", "red", ""]


def test_features_of_neighbours_are_those_of_the_neighbours_by_themselves_under_other_names():
    texts = texts_of(TABLE)
    tokenizer = train_tokenizer(ngrams(1, 1), texts)
    assert names_of(tokenizer, texts[2]) == ["two", "-1:one", "+1:three"]
    assert names_of(tokenizer, "two") == ["two"]
    plain = train_tokenizer(ngrams(context=None), texts)
    both, own, before, after = (each.encode(column) for each, column in (
        (tokenizer, texts), (plain, texts), (plain, neighbours(texts, -1)), (plain, neighbours(texts, 1))))
    assert tokenizer.vocab_size == 3 * plain.vocab_size and both.lengths.tolist() == (own.lengths + before.lengths + after.lengths).tolist()
    assert ("text at -1", "one") in tokenizer.steps(texts[2]) and "text at -1" not in dict(tokenizer.steps(texts[0]))


@pytest.mark.parametrize("keys", [
    {}, {"hash_bits": 8}, {"characters": [1, 2], "weighting": "counts"}, {"analysis": {"meaning": {"latent": 2}}},
    {"analysis": {"meaning": {"lexicon": {"colour": ["red", "blue"]}}}}], ids=["words", "hashed", "characters", "latent", "lexicon"])
def test_saved_and_loaded_it_is_the_same_in_any_batches(keys, tmp_path):
    texts = texts_of(TABLE)
    tokenizer, _ = train_and_encode(ngrams(1, 2, **keys), texts)
    tokenizer.save(tmp_path / "saved")
    loaded = load_tokenizer(tmp_path / "saved", tokenizer.vocab_size)
    assert loaded.fingerprint() == tokenizer.fingerprint()
    together, single = tokenizer.encode(texts), [loaded.encode([text]) for text in texts]
    np.testing.assert_array_equal(np.concatenate([each.ids for each in single]), together.ids)
    np.testing.assert_array_equal(np.concatenate([each.weights for each in single]), together.weights)
    assert all((np.diff(each.ids) > 0).all() for each in single)


def test_a_text_has_another_place_in_the_cache_with_other_neighbours(tmp_path):
    cache, other = Cache(tmp_path), Table({**TABLE.columns, "text": ["six", *TABLE.columns["text"][1:]]}, "it.csv")
    tokenizer = cache.train(ngrams(), texts_of(TABLE))
    for texts in (texts_of(TABLE), texts_of(other), TABLE.columns["text"], texts_of(TABLE)):
        np.testing.assert_array_equal(cache.encode(tokenizer, texts).ids, tokenizer.encode(texts).ids)


def test_the_class_is_found_by_the_text_before_and_the_same_in_a_file(here):
    """By the text itself it is a guess between two, since one word says nothing of the next."""
    nlp("train", "--config", "mine.yaml", "--name", "near", cwd=here)
    nlp("train", "--config", "mine.yaml", "--name", "alone", "--set", "tokenizer.context=null", "--set", "task.document=null", cwd=here)
    near, alone = (results(here / "runs" / "mine" / name)["test"]["accuracy"] for name in ("near", "alone"))
    assert near == 1 and alone < 0.6
    scored = json.loads(nlp("eval", "mine/near", "--data", "test.csv", "--json", cwd=here).stdout)
    assert scored["metrics"]["accuracy"]["value"] == 1
    predicted = [json.loads(line) for line in nlp("predict", "mine/near", "--input", "test.csv", "--json", cwd=here).stdout.splitlines()]
    assert [each["prediction"] for each in predicted] == [label for _, _, label in talks(30, 2)]  # over chunks of 64
    nlp("predict", "mine/near", "--input", "test.csv", "--output", "out.csv", cwd=here)
    assert (here / "out.csv").read_text(encoding="utf-8").splitlines()[0] == "text,talk,label,prediction"


def test_a_single_text_has_no_neighbours_and_explanations_show_those_that_a_text_has(here):
    nlp("train", "--config", "mine.yaml", "--name", "near", cwd=here)
    assert nlp("predict", "mine/near", "please yes", cwd=here).stdout.startswith("start")
    write(here / "two.csv", [("please no", "t", ""), ("please yes", "t", "")])
    told = nlp("predict", "mine/near", "--input", "two.csv", "--explain", "weights", cwd=here)
    assert "text at -1: please no" in told.stdout and "'-1:no' +" in told.stdout and "labels from" not in told.stderr


def test_a_part_of_the_training_rows_keeps_the_neighbours_that_they_have(here):
    nlp("train", "--config", "mine.yaml", "--name", "part", "--set", "data.train_rows=60", cwd=here)
    assert results(here / "runs" / "mine" / "part")["test"]["accuracy"] == 1


def test_context_is_part_of_the_address_and_not_having_it_is_not(here):
    path = str(here / "mine.yaml")
    addresses = {method_address(load_recipe(path, [f"tokenizer.context={{before: {before}}}"])) for before in (1, 2)}
    alone = method_address(load_recipe(path, ["tokenizer.context=null", "task.document=null"]))
    (here / "old.yaml").write_text(RECIPE.replace(", document: talk", "").replace(", context: {before: 1}", ""), encoding="utf-8")
    assert len(addresses | {alone}) == 3 and alone == method_address(load_recipe(str(here / "old.yaml")))


@pytest.mark.parametrize(("changed", "printed"), [
    (("task.document=null",), "set `task.document` to the column"),
    (("tokenizer.context=null",), "set `tokenizer.context`"),
    (("tokenizer.context={before: 0}",), "selects no text before or after"),
    (("tokenizer.context={before: 11}",), "must be at most 10, not 11"),
    (("task.document=label",), "is the column of the texts or of the classes"),
    (("data.validation=null",), "needs `data: {type: files}` with a validation file"),
    (("tokenizer={type: words, context: {before: 1}}",), "unknown key 'context' here"),
    (("task.document=take",), "no column `take`; it has `text`, `talk`, `label`. Did you mean `talk`?"),
    (("model={type: mlp, hidden_sizes: [4]}", "training={epochs: 1, optimizer: {type: adamw, learning_rate: 0.1}}"),
     "is for classical models"),
])
def test_what_does_not_fit_is_refused(here, changed, printed):
    told = nlp("train", "--config", "mine.yaml", *(each for key in changed for each in ("--set", key)), cwd=here, code=2).stderr
    assert printed in told and told.count("Error:") == 1, told


def test_documents_of_one_row_and_files_without_documents_are_refused(here):
    nlp("train", "--config", "mine.yaml", "--name", "near", cwd=here)
    (here / "bare.csv").write_text("text,label\nplease yes,no\n", encoding="utf-8")
    for arguments in (("predict", "mine/near", "--input", "bare.csv"), ("eval", "mine/near", "--data", "bare.csv")):
        told = nlp(*arguments, cwd=here, code=2).stderr
        assert "bare.csv has no column `talk`" in told and "The column `talk` is task.document" in told and told.count("Error:") == 1
    write(here / "train.csv", [(text, str(number), label) for number, (text, _, label) in enumerate(talks(10, 0))])
    assert "No two training rows of train.csv have the same value in column `talk`" in \
        nlp("train", "--config", "mine.yaml", cwd=here, code=2).stderr.replace(str(here) + "/", "")
