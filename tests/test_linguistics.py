"""The linguistic steps before words are counted: what each does, what is saved, and what is refused."""

import json

import numpy as np
import pytest
from command import nlp
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.configs.schema.linguistics import AnalysisConfig
from nlp.configs.schema.tokenizer import NgramTokenizer, TokenizerConfig, WordTokenizer
from nlp.datasets.tokenizers import analysis as analysis_module
from nlp.datasets.tokenizers import morphology
from nlp.datasets.tokenizers.analysis import Analysis
from nlp.datasets.tokenizers.ngrams import Ngrams
from nlp.datasets.tokenizers.tokenizer import load_tokenizer, train_and_encode, train_tokenizer
from nlp.errors import ConfigError, MissingExtraError, RunError
from pydantic import TypeAdapter, ValidationError
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

TEXTS = ["The movies were not bad at all, but the leaves fell.", "A great film! I loved the dogs.", "bad bad movie, it was dull",
         "The dogs of war", ""]
KOREAN = ["이 영화 정말 재미있었어요 ㅋㅋ", "영화가 재미 없다", "배우가 연기를 정말 잘한다"]
RECIPE = """
data: {type: files, train: train.csv, columns: {text: text, label: label}}
task: {type: classification}
model: {type: logistic_regression}
tokenizer: {type: ngrams, words: [1, 1], analysis: ANALYSIS}
"""


def ngrams(analysis, **keys):
    return TypeAdapter(TokenizerConfig).validate_python({"type": "ngrams", "words": [1, 1], "analysis": analysis, **keys})


def analysed(text, lowercase=True, **steps):
    (tokens,) = Analysis(TypeAdapter(AnalysisConfig).validate_python(steps), lowercase).apply([text])
    return tokens


def dense(ragged, n_columns):
    return csr_array((ragged.weights, ragged.ids, ragged.offsets), shape=(len(ragged), n_columns)).toarray()


def test_without_any_step_words_are_those_of_plain_ngrams():
    plain, stepwise = (train_tokenizer(config, TEXTS) for config in (NgramTokenizer(type="ngrams", words=[1, 1]), ngrams({})))
    assert isinstance(plain, Ngrams) and isinstance(stepwise, Ngrams)
    assert plain.names == stepwise.names
    np.testing.assert_array_equal(plain.encode(TEXTS).weights, stepwise.encode(TEXTS).weights)


def test_tokenizers_without_analysis_are_known_by_the_same_fingerprint_as_before_there_was_one():
    assert train_tokenizer(NgramTokenizer(type="ngrams", words=[1, 1]), TEXTS).fingerprint() == \
        "d93fc5aa079ac03b3cef8449002228d1b5f32415d8a3db8b85cd06acf691a553"


@pytest.mark.parametrize(("split", "tokens"), [
    ("words", "it was good"), ("punctuation", "it was ( good ) !"), ("whitespace", "it was (good)!")])
def test_splits(split, tokens):
    assert analysed("It was  (good)!", split=split) == tokens


def test_stop_words_of_the_recipe_need_no_package():
    assert analysed("The dog and THE cat", stop_words={"words": ["the", "And"], "exceptions": ["and"]}) == "dog and cat"


def test_capitals_stay_where_the_recipe_keeps_them():
    assert analysed("The dog and THE cat", lowercase=False, stop_words={"words": ["the"]}) == "dog and cat"
    assert analysed("A Dog", lowercase=False) == "A Dog"


def test_lemmas_and_the_list_of_a_language():
    pytest.importorskip("simplemma")
    pytest.importorskip("stopwordsiso")
    lemmas = {"type": "lemmas", "language": "en"}
    assert analysed(TEXTS[0], morphology=lemmas) == "the movie be not bad at all but the leave fall"
    assert analysed(TEXTS[0], morphology=lemmas, stop_words={"language": "en", "exceptions": ["not"]}) == "movie not bad leave fall"


def test_kiwi_gives_morphemes_and_tags():
    pytest.importorskip("kiwipiepy")
    kiwi = {"type": "kiwi"}
    assert analysed(KOREAN[0], morphology=kiwi) == "이 영화 정말 재미있 었 어요 ㅋㅋ"
    assert analysed(KOREAN[0], morphology=kiwi, part_of_speech={"keep": ["N", "V"]}) == "영화 재미있"
    assert analysed(KOREAN[0], morphology=kiwi, part_of_speech={"keep": ["N", "V"], "drop": ["NN"], "attach": True}) == "재미있/VA"
    assert analysed(KOREAN[1], morphology=kiwi, part_of_speech={"drop": ["J", "E"], "attach": True}, stop_words={"words": ["영화"]}) \
        == "재미/NNG 없/VA"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=4))
def test_any_text_becomes_tokens_without_white_space_one_text_at_a_time_or_all_at_once(texts):
    pytest.importorskip("kiwipiepy")
    for steps in ({"split": "punctuation"}, {"split": "whitespace"}, {"morphology": {"type": "kiwi"}, "part_of_speech": {"attach": True}}):
        chain = Analysis(TypeAdapter(AnalysisConfig).validate_python(steps), lowercase=True)
        together = chain.apply(texts)
        assert together == [chain.apply([text])[0] for text in texts]
        assert all(tokens.split() == tokens.split(" ") for tokens in together if tokens)


def test_a_lexicon_counts_words_of_each_class():
    tokenizer, encoded = train_and_encode(
        ngrams({"meaning": {"lexicon": {"good": ["Great", "loved"], "bad": ["bad", "dull"]}}}, weighting="counts"), TEXTS)
    names = tokenizer.tokens(range(tokenizer.vocab_size))
    assert names[-2:] == ["<good>", "<bad>"]
    assert dense(encoded, len(names))[:, -2:].tolist() == [[0, 1], [2, 0], [0, 3], [0, 0], [0, 0]]


def test_a_lexicon_knows_words_by_their_form_where_tags_are_attached():
    pytest.importorskip("kiwipiepy")
    tokenizer = train_tokenizer(ngrams({"morphology": {"type": "kiwi"}, "part_of_speech": {"attach": True},
                                        "meaning": {"lexicon": {"fun": ["재미", "재미있"]}}}), KOREAN)
    assert dict(tokenizer.steps(KOREAN[0]))["lexicon"] == "fun"


def test_latent_dimensions_are_those_of_the_truncated_svd():
    tokenizer, encoded = train_and_encode(ngrams({"meaning": {"latent": 2, "ngrams": False}}), TEXTS)
    counted = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b").fit_transform(TEXTS)
    expected = normalize(TruncatedSVD(2, random_state=0).fit(counted).transform(counted))
    assert tokenizer.vocab_size == 2
    np.testing.assert_allclose(dense(encoded, 2), expected, atol=1e-5)
    assert tokenizer.tokens([0])[0].startswith("latent 1 (")


def test_latent_dimensions_stand_behind_the_ngrams():
    plain, (tokenizer, encoded) = train_tokenizer(ngrams({}), TEXTS), train_and_encode(ngrams({"meaning": {"latent": 2}}), TEXTS)
    rows = dense(encoded, tokenizer.vocab_size)
    np.testing.assert_array_equal(rows[:, :-2], dense(plain.encode(TEXTS), plain.vocab_size))
    np.testing.assert_allclose(np.linalg.norm(rows[:, -2:], axis=1), [1, 1, 1, 1, 0], atol=1e-5)
    assert encoded.lengths[-1] == 0


def test_more_latent_dimensions_than_texts_are_refused():
    with pytest.raises(ConfigError, match=r"meaning\.latent is 40, but 5 training texts"):
        train_tokenizer(ngrams({"meaning": {"latent": 40}}), TEXTS)


@pytest.mark.parametrize("config", [
    ngrams({"meaning": {"latent": 2, "lexicon": {"good": ["great"]}}}, characters=[1, 2], sublinear=True),
    ngrams({"split": "punctuation", "stop_words": {"words": ["the"]}}, weighting="binary"),
    ngrams({"morphology": {"type": "lemmas", "language": "en"}, "stop_words": {"language": "en"}, "meaning": {"latent": 3}}),
    ngrams({"morphology": {"type": "kiwi"}, "part_of_speech": {"keep": ["N", "V", "S"]}}),
    WordTokenizer(type="words", split="kiwi", min_frequency=1),
], ids=["latent", "split", "lemmas", "kiwi", "words"])
def test_saved_and_loaded_it_is_the_same_for_one_text_or_many(config, tmp_path):
    for package in ("simplemma", "stopwordsiso", "kiwipiepy"):
        pytest.importorskip(package)
    texts = [*TEXTS, *KOREAN]
    tokenizer, fresh = train_and_encode(config, texts)
    tokenizer.save(tmp_path)
    loaded = load_tokenizer(tmp_path, tokenizer.vocab_size)
    assert loaded.fingerprint() == tokenizer.fingerprint() == train_tokenizer(config, texts).fingerprint()
    encoded = loaded.encode(texts)
    for other in (tokenizer.encode(texts), *([fresh] if fresh is not None else [])):
        np.testing.assert_array_equal(encoded.ids, other.ids)
        if encoded.weights is not None:
            np.testing.assert_array_equal(encoded.weights, other.weights)
    single = [loaded.encode([text]) for text in texts]
    np.testing.assert_array_equal(np.concatenate([each.ids for each in single]), encoded.ids)
    assert [name for name, _ in loaded.steps(texts[0])] == [name for name, _ in tokenizer.steps(texts[0])]


def test_networks_read_morphemes_as_words_and_know_what_is_new():
    pytest.importorskip("kiwipiepy")
    tokenizer = train_tokenizer(WordTokenizer(type="words", split="kiwi", min_frequency=1), KOREAN)
    assert tokenizer.tokens(tokenizer.encode(["영화가 [PAD]"]).ids) == ["영화", "가", "[UNK]", "[UNK]", "[UNK]"]


def test_steps_are_shown_in_order():
    pytest.importorskip("simplemma")
    tokenizer = train_tokenizer(ngrams({"morphology": {"type": "lemmas", "language": "en"}, "stop_words": {"words": ["the"]},
                                        "meaning": {"latent": 2, "lexicon": {"bad": ["bad"]}}}), TEXTS)
    steps = dict(tokenizer.steps("The bad dogs"))
    assert list(steps) == ["text", "tokens", "lemmas", "stop words", "lexicon", "n-grams", "latent"]
    assert (steps["tokens"], steps["lemmas"], steps["stop words"], steps["lexicon"]) == \
        ("The bad dogs", "the bad dog", "bad dog", "bad")
    assert steps["n-grams"] == "bad dog <bad>"


def test_another_version_of_a_package_is_noticed(tmp_path, monkeypatch):
    pytest.importorskip("simplemma")
    config = ngrams({"morphology": {"type": "lemmas", "language": "en"}})
    tokenizer = train_tokenizer(config, TEXTS)
    tokenizer.save(tmp_path)
    monkeypatch.setattr(morphology, "version", lambda package: "99.0")
    with pytest.raises(RunError, match=r"trained with simplemma .*pip install simplemma==") as caught:
        load_tokenizer(tmp_path)
    assert "damaged" not in str(caught.value)
    assert train_tokenizer(config, TEXTS).fingerprint() != tokenizer.fingerprint()


def test_the_list_of_stop_words_is_kept_with_the_tokenizer():
    pytest.importorskip("stopwordsiso")
    files = train_tokenizer(ngrams({"stop_words": {"language": "de", "words": ["film"]}}), TEXTS).files()
    saved = json.loads(files[analysis_module.FILE])
    assert {"film", "und"} <= set(saved["stop_words"])
    assert list(saved["versions"]) == ["stopwordsiso"]


@pytest.mark.parametrize(("steps", "words"), [
    ({"morphology": {"type": "lemmas", "language": "ko"}}, "simplemma has no lemmas"),
    ({"stop_words": {"language": "xx"}}, "stopwordsiso has no list"),
])
def test_languages_that_are_not_known(steps, words):
    pytest.importorskip("simplemma")
    pytest.importorskip("stopwordsiso")
    with pytest.raises(ConfigError, match=words):
        train_tokenizer(ngrams(steps), TEXTS)


@pytest.mark.parametrize(("steps", "extra"), [
    ({"morphology": {"type": "lemmas", "language": "en"}}, "linguistics"), ({"stop_words": {"language": "en"}}, "linguistics"),
    ({"morphology": {"type": "kiwi"}}, "korean")])
def test_without_an_extra_its_command_is_named(steps, extra, monkeypatch):
    def missing(package):
        raise morphology.PackageNotFoundError(package)

    monkeypatch.setattr(morphology, "version", missing)
    with pytest.raises(MissingExtraError, match=rf"pip install 'nlp-generations\[{extra}\]'"):
        train_tokenizer(ngrams(steps), TEXTS)


@pytest.mark.parametrize(("steps", "words"), [
    ({"syntax": {"parser": "x"}, "morphology": {"type": "kiwi"}}, "Kiwi finds morphemes"),
    ({"part_of_speech": {"keep": ["N"]}}, "needs tags"),
    ({"morphology": {"type": "kiwi"}, "split": "words"}, "leave split out"),
    ({"morphology": {"type": "kiwi"}, "part_of_speech": {}}, "give keep, drop or attach"),
    ({"stop_words": {}}, "give language, words or both"),
    ({"meaning": {}}, "give lexicon, clusters, latent or several"),
    ({"meaning": {"lexicon": {"good": ["fine"]}, "ngrams": False}}, "needs latent"),
    ({"meaning": {"lexicon": {}}}, "at least 1"),
])
def test_steps_that_make_no_sense_are_refused(steps, words):
    with pytest.raises(ValidationError, match=words):
        ngrams(steps)


@pytest.mark.parametrize("keys", [{"stop_words": "english"}, {"words": None, "characters": [1, 2]}])
def test_analysis_beside_keys_that_it_cannot_go_with(keys):
    with pytest.raises(ValidationError, match=r"analysis"):
        ngrams({}, **keys)


def test_a_wrong_step_is_reported_where_it_stands(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\na,x\nb,y\n", encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(RECIPE.replace("ANALYSIS", "{syntax: {}}"), encoding="utf-8")
    printed = nlp("train", "--config", "mine.yaml", cwd=tmp_path, code=2).stderr
    assert "tokenizer.analysis.syntax" in printed and "parser" in printed


def test_a_run_with_steps_is_trained_shown_and_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    rows = [f"{text},{label}" for text, label in (("good films", "x"), ("the good dog", "x"), ("bad film", "y"), ("bad dogs", "y"))] * 10
    (tmp_path / "train.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    steps = "{stop_words: {words: [the]}, meaning: {latent: 2, lexicon: {good: [good]}}}"
    (tmp_path / "mine.yaml").write_text(RECIPE.replace("ANALYSIS", steps), encoding="utf-8")
    nlp("train", "--config", "mine.yaml", "--name", "one", cwd=tmp_path)
    shown = nlp("tokenizer", "show", "runs/mine/one", "the good dogs", cwd=tmp_path).stdout
    assert "stop words:      good dogs" in shown and "lexicon:         good" in shown
    assert "<good>" in nlp("predict", "mine/one", "the good dogs", cwd=tmp_path).stdout
