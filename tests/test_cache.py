"""The cache: a second run trains and encodes nothing, two processes share one entry, and damage is made good."""

import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from nlp.configs.schema.tokenizer import NgramTokenizer, WordTokenizer
from nlp.datasets.encoded import cache as cache_module
from nlp.datasets.encoded import cache_entries
from nlp.datasets.encoded.cache import Cache, cache_root
from nlp.datasets.encoded.cache_entries import CacheEntries
from nlp.datasets.files import data_folder
from nlp.datasets.tokenizers.token_sequences import TokenSequences
from nlp.errors import DataError
from nlp.storage import seal

WORDS, NGRAMS = WordTokenizer(type="words"), NgramTokenizer(type="ngrams", words=[1, 2])
TEXTS = ["a dog and a fox", "", "the fox sleeps", "영화 정말"]


def train(cache, config, texts):
    """The tokenizer, and the texts that it was trained on."""
    tokenizer = cache.train(config, texts)
    return tokenizer, cache.encode(tokenizer, texts)


def is_mapped(array):
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


def forbid(monkeypatch):
    """From here on, training and encoding fail the test."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("nothing is to be trained or encoded")

    monkeypatch.setattr(cache_module, "train_and_encode", refuse)
    monkeypatch.setattr(TokenSequences, "encode", refuse)
    monkeypatch.setattr("nlp.datasets.tokenizers.ngrams.Ngrams.encode", refuse)


@pytest.mark.parametrize("config", [WORDS, NGRAMS], ids=["words", "ngrams"])
def test_a_second_run_trains_and_encodes_nothing(config, tmp_path, monkeypatch):
    cache = Cache(tmp_path)
    tokenizer, texts = train(cache, config, TEXTS)
    test = cache.encode(tokenizer, ["a fox"])
    assert len(cache.made) == 3
    forbid(monkeypatch)
    again = Cache(tmp_path)
    tokenizer_again, texts_again = train(again, config, TEXTS)
    test_again = again.encode(tokenizer_again, ["a fox"])
    assert again.made == again.notices == []
    assert tokenizer_again.fingerprint() == tokenizer.fingerprint()
    for first, second in ((texts, texts_again), (test, test_again)):
        for name in ("ids", "offsets", "weights"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        assert is_mapped(second.ids)
        assert type(second.ids) is np.ndarray
        assert not second.ids.flags.writeable


def test_what_comes_from_disk_is_what_is_encoded(tmp_path):
    tokenizer, encoded = train(Cache(tmp_path), WORDS, TEXTS)
    fresh = tokenizer.encode(TEXTS)
    assert encoded.ids.tolist() == fresh.ids.tolist()
    assert encoded.offsets.tolist() == fresh.offsets.tolist()
    assert encoded.weights is fresh.weights is None


def test_texts_without_any_ngram_can_be_kept(tmp_path):
    tokenizer, _ = train(Cache(tmp_path), NGRAMS, TEXTS)
    cache = Cache(tmp_path)
    for _ in range(2):
        assert cache.encode(tokenizer, ["zzz", "qqq"]).lengths.tolist() == [0, 0]
    assert len(cache.made) == 1
    assert cache.notices == []


@pytest.mark.parametrize(("config", "texts"), [
    (WordTokenizer(type="words", lowercase=True), TEXTS),
    (WORDS, TEXTS[:-1]),
    (WORDS, TEXTS[::-1]),
    (WORDS, ["a dog and a foxt", "he fox sleeps", "", "영화 정말"]),
])
def test_other_settings_or_texts_are_another_entry(config, texts, tmp_path):
    train(Cache(tmp_path), WORDS, TEXTS)
    other = Cache(tmp_path)
    train(other, config, texts)
    assert len(other.made) == 2


@pytest.mark.parametrize("what", ["FORMAT", "library"])
def test_another_version_is_another_entry(what, tmp_path, monkeypatch):
    train(Cache(tmp_path), WORDS, TEXTS)
    if what == "FORMAT":
        monkeypatch.setattr(cache_module, "FORMAT", 10**6)
    else:
        monkeypatch.setattr(cache_module, "_library", lambda _config: "tokenizers 99")
    other = Cache(tmp_path)
    train(other, WORDS, TEXTS)
    assert len(other.made) == 2


def entry(root, kind):
    return next(root.glob(f"{kind}-*"))


DAMAGE = {
    "truncated ids": lambda root: os.truncate(entry(root, "texts") / "ids.npy", 140),
    "longer offsets": lambda root: lengthen(entry(root, "texts") / "offsets.npy"),
    "no ids": lambda root: (entry(root, "texts") / "ids.npy").unlink(),
    "no sizes": lambda root: (entry(root, "texts") / "manifest.json").unlink(),
    "broken sizes": lambda root: (entry(root, "texts") / "manifest.json").write_text('{"ids', encoding="utf-8"),
    "other sizes": lambda root: (entry(root, "texts") / "manifest.json").write_text('["ids.npy"]', encoding="utf-8"),
    "other tokenizer": lambda root: flip(entry(root, "tokenizer") / "tokenizer.json"),
    "no tokenizer": lambda root: (entry(root, "tokenizer") / "about.json").unlink(),
    "a flipped bit": lambda root: flip(entry(root, "texts") / "ids.npy"),
    "arrays that do not fit": lambda root: swap(entry(root, "texts")),
    "ids of another type": lambda root: change_array(entry(root, "texts"), "ids", lambda ids: ids.astype(np.int64)),
    "ids in two columns": lambda root: change_array(entry(root, "texts"), "ids", lambda ids: ids[:, None]),
    "an id outside the vocabulary": lambda root: change_array(entry(root, "texts"), "ids", lambda ids: ids * 1000),
    "a negative id": lambda root: change_array(entry(root, "texts"), "ids", lambda ids: -ids),
    "texts that end before they start": lambda root: change_array(entry(root, "texts"), "offsets", lambda ends: ends[[0, 2, 1, 3, 4]]),
    "another number of texts": lambda root: change_array(entry(root, "texts"), "offsets", lambda ends: ends[[0, 1, 4]]),
    "no array": lambda root: change_array(entry(root, "texts"), "ids", None),
    "a pickle": lambda root: pickled(entry(root, "texts")),
}


def flip(path):
    """Change one byte and keep the size."""
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(bytes(content))


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"0" * 8)


def swap(folder):
    np.save(folder / "offsets.npy", np.arange(3))
    measure(folder)


def change_array(folder, name, change):
    """As if it had been written that way; without a change, an empty file."""
    path = folder / f"{name}.npy"
    path.write_bytes(b"") if change is None else np.save(path, change(np.load(path)))
    measure(folder)


def pickled(folder):
    np.save(folder / "ids.npy", np.array([{"code": "runs"}], dtype=object), allow_pickle=True)
    measure(folder)


def measure(folder):
    (folder / "manifest.json").unlink()
    seal(folder)


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_entry_is_made_again(how, tmp_path):
    _, before = train(Cache(tmp_path), WORDS, TEXTS)
    expected = before.ids.tolist()
    DAMAGE[how](tmp_path)
    rebuilt = Cache(tmp_path)
    _, after = train(rebuilt, WORDS, TEXTS)
    assert after.ids.tolist() == expected
    assert [name.partition("-")[0] for name in rebuilt.made] == ["tokenizer" if "tokenizer" in how else "texts"]
    complete = Cache(tmp_path)
    train(complete, WORDS, TEXTS)
    assert complete.made == rebuilt.notices == []


def test_long_work_is_reported_before_it_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "LONG", 20)
    printed = []
    cache = Cache(tmp_path, printed.append)
    tokenizer, _ = train(cache, WORDS, TEXTS)
    cache.encode(tokenizer, ["short"])
    cache.encode(tokenizer, ["a dog and a fox", "and a dog"])
    assert printed == ["Training the tokenizer (words) on 4 texts, once for all runs with these settings",
                    "Encoding 4 texts, once for all runs with these settings",
                    "Encoding 2 texts, once for all runs with these settings"]
    train(Cache(tmp_path, printed.append), WORDS, TEXTS)
    assert len(printed) == 3


def test_only_complete_entries_are_left_behind(tmp_path):
    train(Cache(tmp_path), WORDS, TEXTS)
    assert sorted(path.name.partition("-")[0] for path in tmp_path.iterdir()) == ["texts", "tokenizer"]
    assert sorted(path.name for path in entry(tmp_path, "texts").iterdir()) == ["ids.npy", "manifest.json", "offsets.npy"]


def test_where_it_cannot_be_written_everything_still_works(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    cache = Cache(tmp_path / "file" / "cache")
    tokenizer, encoded = train(cache, WORDS, TEXTS)
    assert encoded.ids.tolist() == tokenizer.encode(TEXTS).ids.tolist()
    assert len(cache.notices) == 1
    assert "NLP_CACHE" in cache.notices[0]


def test_a_folder_that_may_only_be_read_still_serves_what_it_has(tmp_path, monkeypatch):
    tokenizer, _ = train(Cache(tmp_path), WORDS, TEXTS)
    before = sorted(path.name for path in tmp_path.iterdir())

    def forbidden(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(cache_entries, "_acquire", forbidden)
    monkeypatch.setattr(Path, "mkdir", forbidden)
    cache = Cache(tmp_path)
    train(cache, WORDS, TEXTS)
    assert cache.notices == []
    assert cache.encode(tokenizer, ["new"]).ids.tolist() == [1]
    assert len(cache.notices) == 1
    assert "Permission denied" in cache.notices[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_module.GrowingArray, "append", full)
    cache = Cache(tmp_path)
    tokenizer, encoded = train(cache, WORDS, TEXTS)
    assert encoded.ids.tolist() == tokenizer.encode(TEXTS).ids.tolist()
    assert "No space left on device" in cache.notices[0]
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir()] == ["tokenizer"]


def test_an_error_while_making_is_passed_on_and_frees_the_lock(tmp_path):
    store = CacheEntries(tmp_path)
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="gone"):
            store.get("x", open_missing, lambda *_: None, lambda path: path)
    assert store.notices == []
    assert list(tmp_path.iterdir()) == []


def open_missing():
    raise FileNotFoundError("gone")


PROCESS = """
import sys, time
from pathlib import Path
from nlp.datasets.encoded.cache_entries import CacheEntries

def make():
    print("made", flush=True)
    time.sleep(0.5)
    return "x" * 1000

def write(made, folder):
    (folder / "text").write_text(made, encoding="utf-8")

store = CacheEntries(Path(sys.argv[1]))
assert store.get("entry", make, write, lambda folder: (folder / "text").read_text(encoding="utf-8")) == "x" * 1000
assert store.notices == []
"""


def start(tmp_path):
    return subprocess.Popen([sys.executable, "-c", PROCESS, str(tmp_path)], stdout=subprocess.PIPE, text=True)


def test_of_processes_that_start_at_once_one_makes_the_entry(tmp_path):
    processes = [start(tmp_path) for _ in range(3)]
    printed = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(printed) == ["", "", "made\n"]
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def test_the_lock_of_a_killed_process_is_passed_over(tmp_path):
    killed = start(tmp_path)
    assert killed.stdout.readline() == "made\n"
    killed.kill()
    killed.wait()
    killed.stdout.close()
    assert (tmp_path / "entry.lock").exists()
    after = start(tmp_path)
    assert after.communicate(timeout=60)[0] == "made\n"
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def count_up(made):
    def make():
        made.append(1)
        return "text"

    return make


def get(store, make):
    return store.get("x", make, lambda text, folder: (folder / "t").write_text(text, encoding="utf-8"),
                     lambda folder: (folder / "t").read_text(encoding="utf-8"))


@pytest.mark.parametrize("content", ["1 another-computer", "", f"{os.getpid()} {socket.gethostname()}"], ids=["other", "empty", "mine"])
def test_an_old_lock_is_passed_over(content, tmp_path):
    lock = tmp_path / "x.lock"
    lock.write_text(content, encoding="utf-8")
    os.utime(lock, (time.time() - 10**5,) * 2)
    made = []
    assert get(CacheEntries(tmp_path), count_up(made)) == "text"
    assert made == [1]
    assert not lock.exists()


@pytest.mark.parametrize("kind", ["a link", "a folder", "a pipe", "a huge number", "no text", "from the future", "no name",
                                  "of an earlier process"])
def test_what_is_no_lock_keeps_nobody_waiting(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(cache_entries, "UNNAMED", 0.1)
    lock = tmp_path / "x.lock"
    match kind:
        case "a link":
            lock.symlink_to(tmp_path / "nowhere")
        case "a folder":
            lock.mkdir()
        case "a pipe":
            os.mkfifo(lock)
        case "a huge number":
            lock.write_text(f"{10**12} {socket.gethostname()}", encoding="utf-8")
        case "no text":
            lock.write_bytes(b"\xff")
        case "no name":
            lock.touch()
        case "of an earlier process":
            lock.write_text(f"{os.getpid()} {socket.gethostname()}", encoding="utf-8")
    if kind in ("a huge number", "no text", "from the future"):  # it cannot be asked about, so its age decides
        lock.touch()
        os.utime(lock, (time.time() + 10**5,) * 2)
    store, made = CacheEntries(tmp_path), []
    assert get(store, count_up(made)) == "text"
    assert made == [1] and store.notices == [] and [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_young_lock_of_another_computer_is_waited_for(tmp_path, monkeypatch):
    (tmp_path / "x.lock").write_text("1 another-computer", encoding="utf-8")
    waits = []

    def wait(_seconds):
        waits.append(1)
        if len(waits) == 3:
            other = tmp_path / "other"
            get(CacheEntries(other), lambda: "made there")
            (other / "x").rename(tmp_path / "x")
            (tmp_path / "x.lock").unlink()

    monkeypatch.setattr(cache_entries.time, "sleep", wait)
    made = []
    assert get(CacheEntries(tmp_path), count_up(made)) == "made there"
    assert (waits, made) == ([1, 1, 1], [])


def test_what_a_killed_process_left_half_written_is_swept_up(tmp_path):
    for name, age in (("old", 10**5), ("new", 0)):
        folder = tmp_path / f".x.tmp-{name}"
        folder.mkdir()
        os.utime(folder, (time.time() - age,) * 2)
    get(CacheEntries(tmp_path), lambda: "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x.tmp-new", "x"]


def test_the_folder_is_the_users_or_the_one_that_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "here"))
    assert cache_root() == tmp_path / "here"
    monkeypatch.delenv("NLP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert cache_root() == tmp_path / "nlp" / "encoded"
    assert cache_root().parts[-2:] == ("nlp", "encoded")
    assert isinstance(cache_root(), Path)


@pytest.mark.skipif(sys.platform != "linux", reason="where the home folder comes from differs")
def test_without_a_home_folder_everything_is_made_each_time(monkeypatch):
    monkeypatch.setattr(Path, "home", no_home)
    for name in ("NLP_CACHE", "NLP_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_root() is None
    cache = Cache()
    tokenizer, encoded = train(cache, WORDS, TEXTS)
    assert encoded.ids.tolist() == tokenizer.encode(TEXTS).ids.tolist()
    assert len(cache.notices) == 1
    assert "Set NLP_CACHE to a folder" in cache.notices[0]
    with pytest.raises(DataError, match="Set NLP_DATA to a writable folder"):
        data_folder()


def no_home():
    raise RuntimeError("Could not determine home directory.")
