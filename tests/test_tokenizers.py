"""Ordered tokenizers: round trips, special tokens, limits, the same bytes everywhere, and files that are checked."""

import hashlib
import json
import os
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.schema.tokenizer import CLS, PAD, SEP, SPECIAL_TOKENS, UNK, TokenizerConfig
from nlp.datasets.arrays import Ragged
from nlp.datasets.tokenizers.token_sequences import TokenSequences, join_pairs
from nlp.datasets.tokenizers.tokenizer import load_tokenizer, train_tokenizer
from nlp.datasets.tokenizers.unigram import train_unigram
from nlp.datasets.tokenizers.vocabulary import _parts
from nlp.errors import ConfigError, DataError, RunError
from pydantic import TypeAdapter

KINDS = ["words", "characters", "bytes", "bpe", "unigram", "wordpiece"]
TEXTS = [
    "The quick brown fox jumps over the lazy dog, and the dog didn't mind.",
    "Was it the fox that jumped? The dog was asleep!",
    "영화가 정말 재미있었다. 배우들의 연기도 좋았다!!",
    "이 영화는 정말 지루했다... 연기가 아쉬웠다",
    "[PAD] [MASK] and [UNK] are written out in this text [CLS]",
    "naïve café façade — coöperate",
] * 3
SPECIAL_IDS = range(len(SPECIAL_TOKENS))

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def config(kind, **keys):
    return TypeAdapter(TokenizerConfig).validate_python({"type": kind, **keys})


def train(kind, texts=TEXTS, **keys):
    keys = {"vocab_size": 400, "min_frequency": 1, **keys} if kind != "bytes" else keys
    return train_tokenizer(config(kind, **keys), texts)


TRAINED = {kind: train(kind) for kind in KINDS}


def rows(encoded):
    return [encoded.ids[start:end].tolist() for start, end in zip(encoded.offsets[:-1], encoded.offsets[1:], strict=True)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_ids_are_the_special_tokens(kind):
    assert TRAINED[kind].tokens(SPECIAL_IDS) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[BOS]", "[EOS]"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_can_hold_a_special_token(kind):
    tokenizer = train(kind, [" ".join(SPECIAL_TOKENS), "".join(SPECIAL_TOKENS)] * 50)
    encoded = tokenizer.encode(["[PAD]", "a [MASK] b", "[CLS][SEP]", "x[BOS]", "[EOS] [UNK]"])
    assert not set(encoded.ids.tolist()) & (set(SPECIAL_IDS) - {UNK})
    assert UNK not in tokenizer.encode(["[UNK]"]).ids


def test_words_between_spaces_may_be_spelled_like_special_tokens():
    """Each is a word like any other, which keeps its name, and one that training lacks is unknown."""
    tokenizer = train("words", ["the [UNK] cat [PAD] [UNK]"], split="whitespace")
    encoded = tokenizer.encode(["[UNK] the [PAD] [MASK] [CLS]"])
    assert tokenizer.tokens(encoded.ids) == ["[UNK]", "the", "[PAD]", "[UNK]", "[UNK]"]
    assert [number < len(SPECIAL_TOKENS) for number in encoded.ids] == [False, False, False, True, True]
    assert tokenizer.tokens(SPECIAL_IDS) == list(SPECIAL_TOKENS)
    assert sorted(tokenizer.library.get_vocab().values()) == list(range(tokenizer.vocab_size)) == list(range(7 + 4))
    assert tokenizer.decode(encoded.ids) == "[UNK] the [PAD] [UNK] [UNK]"
    again = TokenSequences.from_files(tokenizer.config, tokenizer.files())
    assert again.encode(["[UNK] the [PAD] [MASK] [CLS]"]).ids.tolist() == encoded.ids.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_encoding_gives_int32_rows_with_int64_offsets(kind):
    encoded = TRAINED[kind].encode(TEXTS)
    assert (encoded.ids.dtype, encoded.offsets.dtype, encoded.weights) == (np.int32, np.int64, None)
    assert len(encoded) == len(TEXTS)
    assert encoded.ids.max() < TRAINED[kind].vocab_size
    assert TRAINED[kind].unknown_share(encoded) == 0.0
    assert len(TRAINED[kind].encode([])) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("empty", ["", " \t\n"])
def test_a_text_without_tokens_becomes_one_unknown(kind, empty):
    encoded = TRAINED[kind].encode(["dog", empty, "fox"])
    if empty and kind in ("characters", "bytes", "bpe"):
        assert rows(encoded)[1] != [UNK]  # there, white space is tokens
    else:
        assert rows(encoded)[1] == [UNK]


@pytest.mark.parametrize("kind", ["bytes", "bpe"])
@given(text=any_text)
def test_bytes_and_bpe_know_every_text_and_give_it_back(kind, text):
    encoded = TRAINED[kind].encode([text])
    assert TRAINED[kind].decode(encoded.ids) == (text or "[UNK]")
    assert text == "" or UNK not in encoded.ids


@given(text=st.text(st.sampled_from(sorted(set("".join(TEXTS)))), min_size=1, max_size=60))
def test_characters_and_unigram_give_back_what_they_know(text):
    assert TRAINED["characters"].decode(TRAINED["characters"].encode([text]).ids) == text
    assert len(TRAINED["characters"].encode([text]).ids) == len(text)
    assert TRAINED["unigram"].decode(TRAINED["unigram"].encode([text]).ids) == (" ".join(text.split()) or "[UNK]")


@given(text=any_text)
def test_the_short_way_of_bytes_is_what_the_library_gives(text):
    tokenizer = TRAINED["bytes"]
    assert tokenizer.encode([text]).ids.tolist() == (tokenizer.library.encode(text, add_special_tokens=False).ids or [UNK])


def test_words_are_runs_of_letters_and_digits_and_single_marks():
    tokenizer = train("words", ["It's 3.50, isn't it?!  été नमस्ते"])
    encoded = tokenizer.encode(["It's 3.50,\nisn't it?!  été नमस्ते new"])
    assert tokenizer.tokens(encoded.ids) == [
        "It", "'", "s", "3", ".", "50", ",", "isn", "'", "t", "it", "?", "!", "été", "नमस्ते", "[UNK]"
    ]
    assert tokenizer.unknown_share(encoded) == 1 / 16


def test_wordpiece_marks_what_continues():
    tokenizer = train("wordpiece", ["walk walked walking talk talked talking"] * 5, vocab_size=60)
    tokens = tokenizer.tokens(tokenizer.encode(["talkwalk!"]).ids)
    assert tokens[0] == "talk"
    assert tokens[1].startswith("##")
    assert tokenizer.decode(tokenizer.encode(["talked walking"]).ids) == "talked walking"


def test_names_of_byte_tokens_can_be_read():
    tokenizer = TRAINED["bytes"]
    assert tokenizer.tokens(tokenizer.encode(["a é"]).ids) == ["a", " ", "<C3>", "<A9>"]
    korean = TRAINED["bpe"]
    assert "".join(korean.tokens(korean.encode(["영화가 정말"]).ids)) == "영화가 정말"


@pytest.mark.parametrize("kind", KINDS)
def test_length_and_start_token(kind):
    plain, limited = train(kind).encode(TEXTS), train(kind, max_length=5, add_cls=True).encode([*TEXTS, ""])
    for complete, cut in zip(rows(plain), rows(limited)[:-1], strict=True):
        assert cut == [2, *complete][:5]
    assert rows(limited)[-1] == [2, UNK]
    assert limited.lengths.max() == 5
    assert rows(train(kind, max_length=1, add_cls=True).encode(["dog"])) == [[2]]


@pytest.mark.parametrize("kind", KINDS)
def test_lowercase(kind):
    tokenizer = train(kind, lowercase=True)
    assert rows(tokenizer.encode(["THE Dog É"])) == rows(tokenizer.encode(["the dog é"]))
    assert rows(TRAINED[kind].encode(["The Dog"])) != rows(TRAINED[kind].encode(["the dog"]))


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_the_vocabulary_is_cut_by_size_and_frequency(kind):
    texts = ["a a a a b b b c c d", "e"]
    assert train(kind, texts, vocab_size=11, min_frequency=2).vocab_size == {"words": 10, "characters": 11}[kind]
    tokenizer = train(kind, texts, vocab_size=11)
    assert tokenizer.vocab_size == 11
    assert tokenizer.tokens(range(7, 11)) == (["a", "b", "c", "d"] if kind == "words" else [" ", "a", "b", "c"])
    assert tokenizer.tokens(tokenizer.encode(["e"]).ids) == ["[UNK]"]


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
@pytest.mark.parametrize("size", [300, 330])
def test_subword_vocabularies_are_no_larger_than_asked(kind, size):
    tokenizer = train(kind, vocab_size=size)
    assert tokenizer.vocab_size <= size
    assert tokenizer.vocab_size > 0.5 * size or kind != "bpe"


@pytest.mark.parametrize("kind", KINDS)
def test_the_vocabulary_holds_each_token_once(kind):
    tokenizer = TRAINED[kind]
    assert len(tokenizer.library.get_vocab()) == tokenizer.vocab_size


@pytest.mark.parametrize("kind", ["words", "characters", "bpe", "unigram", "wordpiece"])
def test_a_vocabulary_that_cannot_work_is_refused(kind):
    with pytest.raises(ConfigError, match=f"tokenizer of type {kind} is 9"):
        train(kind, vocab_size=9)


def test_nothing_frequent_enough_is_reported():
    with pytest.raises(DataError, match="Lower its min_frequency"):
        train("words", ["one two three"], min_frequency=2)
    with pytest.raises(DataError, match="found nothing frequent enough in 2 training texts"):
        train("unigram", ["", "  "])


def test_half_a_surrogate_pair_is_survived():
    for tokenizer in TRAINED.values():
        assert len(tokenizer.encode(["dog \ud83d fox"]).ids) > 0
    assert train("words", ["dog \ud83d fox"]).vocab_size == 10


SCRIPT = """
import hashlib, json, sys
from pydantic import TypeAdapter
from nlp.configs.schema.tokenizer import TokenizerConfig
from nlp.datasets.tokenizers.tokenizer import train_tokenizer
texts = json.load(sys.stdin)
for kind in ("words", "characters", "bpe", "unigram", "wordpiece"):
    config = TypeAdapter(TokenizerConfig).validate_python({"type": kind, "vocab_size": 420, "min_frequency": 1})
    files = train_tokenizer(config, texts).files()
    print(kind, hashlib.sha256(files["tokenizer.json"]).hexdigest())
"""


def test_training_gives_the_same_bytes_in_every_process():
    generator = np.random.default_rng(5)
    letters = np.array(list("abcdefghij가나다라"))
    words = ["".join(generator.choice(letters, size=length)) for length in generator.integers(1, 9, size=900)]
    texts = [" ".join(generator.choice(words, size=9)) + "." for _ in range(400)]
    runs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input=json.dumps(texts),
            env={**os.environ, "PYTHONHASHSEED": seed, "TOKENIZERS_PARALLELISM": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, threads in (("1", "true"), ("2", "false"), ("3", "true"))
    }
    assert len(runs) == 1
    assert len(runs.pop().splitlines()) == 5


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_text_without_spaces_is_trained_on_in_parts(kind):
    """The library's trainers take time with the square of the longest piece, half a minute for these texts."""
    letters, started = np.array(list("가나다라마바사아자차카타파하abc")), time.process_time()
    run = "".join(np.random.default_rng(0).choice(letters, size=100_000))
    tokenizer = train(kind, [run, "short ones", f"a {run[:2_500]} b"], vocab_size=500)
    assert time.process_time() - started < 10
    assert tokenizer.decode(tokenizer.encode([run[:90]]).ids) == run[:90]
    assert list(_parts([run[:2_500]])) == [run[:1_000], run[1_000:2_000], run[2_000:2_500]]
    assert list(_parts([f"a {run[:999]} b", "x" * 1_001, ""])) == [f"a {run[:999]} b", "x" * 1_000, "x", ""]


def test_unigram_pieces_are_probabilities_and_prefer_what_is_frequent():
    pieces = train_unigram({"banana": 50, "bandana": 30, "cabana": 20, "x" * 200: 1}, 12)
    scores = dict(pieces)
    assert len(pieces) <= 12
    assert np.exp([score for _, score in pieces]).sum() == pytest.approx(1, abs=1e-4)
    assert set("bandcx") <= set(scores)
    assert scores["banana"] > scores["x"]
    assert [score for _, score in pieces] == sorted(scores.values(), reverse=True)


def test_unigram_keeps_every_character_even_where_they_are_too_many():
    assert sorted(piece for piece, _ in train_unigram({"abcdef": 3, "abc": 2}, 2)) == list("abcdef")


def test_unigram_explains_texts_no_worse_than_the_trainer_of_the_library():
    from tokenizers import Tokenizer, models, trainers

    generator = np.random.default_rng(0)
    parts = ["".join(generator.choice(list("abcdefghijklm"), size=length)) for length in generator.integers(2, 6, size=60)]
    words = ["".join(generator.choice(parts, size=2)) for _ in range(3_000)]
    library = Tokenizer(models.Unigram())
    trainer = trainers.UnigramTrainer(vocab_size=120, unk_token="<u>", special_tokens=["<u>"], show_progress=False)
    library.train_from_iterator(words, trainer)
    theirs = {piece: score for piece, score in json.loads(library.to_str())["model"]["vocab"] if piece != "<u>"}
    counts = {word: words.count(word) for word in set(words)}
    ours = dict(train_unigram(counts, len(theirs)))

    def likelihood(scores):
        model = Tokenizer(models.Unigram([("<u>", 0.0), *scores.items()], unk_id=0))
        return sum(scores[token] for encoding in model.encode_batch(words) for token in encoding.tokens)

    assert len(ours) <= len(theirs)
    assert likelihood(ours) >= 1.02 * likelihood(theirs)  # both are negative: at most 2 % worse


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_it_is_the_same(kind, tmp_path):
    tokenizer = train(kind, lowercase=True, max_length=20)
    tokenizer.save(tmp_path / "run" / "tokenizer")
    loaded = load_tokenizer(tmp_path / "run" / "tokenizer", vocab_size=tokenizer.vocab_size)
    assert loaded.config == tokenizer.config
    assert rows(loaded.encode(TEXTS)) == rows(tokenizer.encode(TEXTS))
    assert loaded.fingerprint() == tokenizer.fingerprint()
    loaded.save(tmp_path / "again")
    for name in ("about.json", "tokenizer.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "run" / "tokenizer" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == ["about.json", "tokenizer.json"]


def edit_about(folder, **changes):
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    (folder / "about.json").write_text(json.dumps(about | changes), encoding="utf-8")


def rewrite(folder, content):
    """Put other content in the place of tokenizer.json, with its right checksum."""
    (folder / "tokenizer.json").write_bytes(content)
    edit_about(folder, files={"tokenizer.json": hashlib.sha256(content).hexdigest()})


DAMAGE = {
    "truncated": (lambda folder: (folder / "tokenizer.json").write_bytes(b"{"), "instead of"),
    "missing": (lambda folder: (folder / "tokenizer.json").unlink(), "is missing"),
    "no about": (lambda folder: (folder / "about.json").unlink(), "is missing"),
    "broken about": (lambda folder: (folder / "about.json").write_text("[1", encoding="utf-8"), "about.json is damaged"),
    "a list": (lambda folder: (folder / "about.json").write_text("[1]", encoding="utf-8"), "does not list the files"),
    "another file": (lambda folder: edit_about(folder, files={"../../secret": "0"}), "does not list the files"),
    "newer": (lambda folder: edit_about(folder, format=99), "reads up to 2"),
    "bad settings": (lambda folder: edit_about(folder, config={"type": "words", "size": 3}), "settings are not valid"),
    "other size": (lambda folder: edit_about(folder, vocab_size=99), "its own about.json has 99"),
    "size a text": (lambda folder: edit_about(folder, vocab_size="99"), "`vocab_size` should be a valid integer"),
    "no tokenizer": (lambda folder: rewrite(folder, b'{"model": 1}'), "is damaged"),
    "another kind": (lambda folder: rewrite(folder, TRAINED["bytes"].files()["tokenizer.json"]), "it is a BPE, .* ask for a WordLevel"),
    "a gap": (lambda folder: rewrite(folder, edited(lambda vocabulary: vocabulary | {"new": 1000})), "without gaps"),
    "no unknown": (lambda folder: rewrite(folder, edited(lambda vocabulary: vocabulary, unk_token="[none]")), "error: Missing"),
    "not its file": (lambda folder: edit_about(folder, files={}), "'tokenizer.json' is missing"),
    "no specials": (lambda folder: rewrite(folder, foreign_tokenizer()), "its first tokens are not"),
}


def edited(change, **settings):
    """The file of the tokenizer of words with other tokens or settings."""
    saved = json.loads(TRAINED["words"].files()["tokenizer.json"])
    return json.dumps(saved | {"model": saved["model"] | {"vocab": change(saved["model"]["vocab"]), **settings}}).encode()


def foreign_tokenizer():
    from tokenizers import Tokenizer, models

    return Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).to_str().encode()


def test_a_tokenizer_of_bytes_has_all_256(tmp_path):
    TRAINED["bytes"].save(tmp_path)
    rewrite(tmp_path, TRAINED["characters"].files()["tokenizer.json"])
    with pytest.raises(RunError, match="are not the 256 bytes"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_folder_is_reported_with_a_remedy(how, tmp_path):
    TRAINED["words"].save(tmp_path)
    damage, printed = DAMAGE[how]
    damage(tmp_path)
    with pytest.raises(RunError, match=printed) as error:
        load_tokenizer(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "train again" in str(error.value)


def test_a_vocabulary_of_another_size_than_the_model_is_refused(tmp_path):
    TRAINED["words"].save(tmp_path)
    with pytest.raises(RunError, match="but the model has 5"):
        load_tokenizer(tmp_path, vocab_size=5)


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    TRAINED["words"].save(tmp_path)
    before = (tmp_path / "tokenizer.json").read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        TRAINED["bpe"].save(tmp_path)
    assert (tmp_path / "tokenizer.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["about.json", "tokenizer.json"]


def test_padding_is_no_token_of_a_text():
    assert all(PAD not in tokenizer.encode(TEXTS).ids for tokenizer in TRAINED.values())


def rows_of(*rows):
    return Ragged(np.array([number for row in rows for number in row], dtype=np.int32), np.cumsum([0, *map(len, rows)]))


def lists_of(ragged):
    return [ragged.ids[start:end].tolist() for start, end in pairwise(ragged.offsets)]


def test_pairs_are_joined_with_their_segments():
    joined, segments = join_pairs(rows_of([11, 12], [], [13]), rows_of([21], [22, 23], []))
    assert lists_of(joined) == [[CLS, 11, 12, SEP, 21, SEP], [CLS, SEP, 22, 23, SEP], [CLS, 13, SEP, SEP]]
    assert lists_of(segments) == [[0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 1]]


def test_a_pair_keeps_one_cls():
    joined, segments = join_pairs(rows_of([CLS, 11], [CLS]), rows_of([21], [22]))
    assert lists_of(joined) == [[CLS, 11, SEP, 21, SEP], [CLS, SEP, 22, SEP]]
    assert lists_of(segments) == [[0, 0, 0, 1, 1], [0, 0, 1, 1]]


TOKEN_LISTS = st.lists(st.integers(7, 99), max_size=12)


@given(st.lists(st.tuples(TOKEN_LISTS, TOKEN_LISTS), min_size=1, max_size=6), st.integers(3, 30))
def test_the_longer_text_of_a_pair_is_truncated_first(pairs, max_length):
    joined, segments = join_pairs(rows_of(*(one for one, _ in pairs)), rows_of(*(other for _, other in pairs)), max_length)
    for pair, row, segment in zip(pairs, lists_of(joined), lists_of(segments), strict=True):
        one, other = map(list, pair)
        while len(one) + len(other) + 3 > max_length:
            (one if len(one) > len(other) else other).pop()
        assert row == [CLS, *one, SEP, *other, SEP]
        assert segment == [0] * (len(one) + 2) + [1] * (len(other) + 1)
