"""What is tried on commands at random: values, texts and bytes that files may hold; and how each command has to end all the same.

`NLP_FUZZ_SEED` tries other files than those that are tried each time, `NLP_FUZZ_COUNT` how many of each kind, `NLP_FUZZ_CASE` one alone.
"""

import copy
import os
import random
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from forked import Ended
from forked import run as run_command
from tiny_runs import write_data

SEED = int(os.environ.get("NLP_FUZZ_SEED", "0"))
SECONDS, PATIENCE, MEMORY = 60, 8, 6 * 2**30
"""How long a command may take; when Ctrl-C stops one that trains, as it may for hours; and the memory that it gets."""
VALUES: list[Any] = [None, True, False, -1, 0, 1, 2.5, 10**6, 10**18, 10**30, -(10**30), float("nan"), float("inf"), "", "text",
                     "../../../etc/passwd", "\ud800", "nan", "1", [], {}, [[]], [1, "a", None], {"a": 1}, {"": []}]
TEXTS = ["", " ", "\t", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u2028", "\x85", "\x1c", "\x0b", "\r", "\x00", "\x07", "\x7f",
         "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m", "\u202egnirts\u202c", "\u2066a\u2069", "e\u0301", "a" + "\u0301" * 500,
         "\U0010ffff", "\ufdd0", "\ufdfa", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "İıß", "ﬁ", "한국어", "\u1112\u1161\u11ab",
         "العربية", "ไทย", "NaN", "null", "None", "N/A", "true", "-1", "1.0", "1e999", "0x10", "1_000", "１２", "²", "=1+1", "[PAD]",
         "[UNK]", "[BOS]", "[EOS]", "<unk>", "##", "O", "B-", "I-x", "B-x", "S-x", "_", "#", "# text = ", "-DOCSTART-", '"', '""', "'",
         ",", ";", "\\", "\\n", "\\ud800", "%s", "{}", "{0}", "../x", "/", "x" * 100_000, "word " * 5_000, "[bold]", "Error", "y" * 300]
"""Texts that tokenizers, tables, file names or terminals might trip over."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WARNING = re.compile(r"\.py:[0-9]+: [A-Za-z]*Warning")


def cases(count: int) -> Iterator[int]:
    """The numbers of the cases to try: so many of each kind, unless the caller's environment says otherwise."""
    one = os.environ.get("NLP_FUZZ_CASE")
    yield from [int(one)] if one else range(int(os.environ.get("NLP_FUZZ_COUNT", count)))


def again(number: int) -> str:
    """How to try the running test's case `number` alone."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
    return f"\nAgain: NLP_FUZZ_SEED={SEED} NLP_FUZZ_CASE={number} pytest -m slow '{test}'"


def change_tree(tree: Any, chance: random.Random) -> tuple[Any, str]:
    """The tree of a JSON or YAML file with another value somewhere, and what was done."""
    tree = copy.deepcopy(tree)
    places = list(places_of(tree))
    if not places:
        return chance.choice(VALUES), "another value"
    holder, key = chance.choice(places)
    how = chance.choice(["value", "value", "value", "remove", "add", "swap", "number"])
    if how == "remove":
        del holder[key]
    elif how == "add" and isinstance(holder, dict):
        holder["added"] = chance.choice(VALUES)
    elif how == "swap":
        other, place = chance.choice(places)
        holder[key] = copy.deepcopy(other[place])
    elif how == "number" and isinstance(holder[key], int | float):
        holder[key] = holder[key] * chance.choice([-1, 0, 2, 0.5, 1000]) + chance.choice([0, 1])
    else:
        holder[key] = chance.choice(VALUES)
    return tree, f"{how} at {key!r}"


def places_of(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Each key and index, with the mapping or list that it is in."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from places_of(value)


def change_bytes(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    """The bytes of a text file with some lost, changed or added, or in another encoding, and what was done."""
    place, size = chance.randint(0, len(content)), len(content)
    inserted = chance.choice([b"\x00", b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xef\xbb\xbf", b"\x1a", b"\r", b"\n", b"\n\n", b'"', b"\t"])
    changes: dict[str, bytes] = {
        "truncated": content[: chance.choice([0, 1, size // 2, max(size - 1, 0), place])],
        f"{inserted!r} at {place}": content[:place] + inserted + content[place:],
        "a bit flipped": flipped(content, chance),
        "BOM": b"\xef\xbb\xbf" + content,
        "twice a BOM": b"\xef\xbb\xbf\xef\xbb\xbf" + content,
        "UTF-16": content.decode("utf-8", "replace").encode("utf-16"),
        "UTF-32": content.decode("utf-8", "replace").encode("utf-32-be"),
        "Latin-1": content.decode("utf-8", "replace").encode("latin-1", "replace"),
        "carriage returns": content.replace(b"\n", b"\r"),
        "Windows line breaks": content.replace(b"\n", b"\r\n", chance.choice([1, -1])),
        "an odd line break": content.replace(b"\n", chance.choice(["\x85", "\u2028", "\x0b", "\x1c", "\n\r"]).encode(), -1),
        "nothing": b"",
        "a line break": b"\n",
        "zeros": bytes(size),
        "noise": chance.randbytes(chance.choice([1, 100, 10_000])),
        "cut out": content[:place] + content[chance.randint(place, size):],
        "repeated": content * chance.choice([2, 20]),
    }
    done = chance.choice(sorted(changes))
    return changes[done], done


def flipped(content: bytes, chance: random.Random) -> bytes:
    """The same bytes with one bit changed, or some."""
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 8, 100]) if changed else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


class Workplace:
    """A folder with tiny data, in which commands run, with a cache, a home and a folder of runs of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs, self.cache, self.printed = folder, folder / "runs", folder / "cache", folder / "printed"
        for name in ("home", "temporary"):
            (folder / name).mkdir()
        write_data(folder)
        run_command(["runs"], folder, self.printed, 300)  # loads the libraries, so that no other command takes long for that

    def clear(self) -> None:
        """Without runs and cache."""
        for each in (self.runs, self.cache):
            shutil.rmtree(each, ignore_errors=True)

    def run(self, *arguments: str | Path) -> Ended:
        variables = {"NLP_CACHE": self.cache, "NLP_RUNS": self.runs, "HOME": self.folder / "home", "TMPDIR": self.folder / "temporary"}
        return run_command(arguments, self.folder, self.printed, SECONDS, PATIENCE if arguments[0] == "train" else None, MEMORY,
                           OMP_NUM_THREADS="1", **{name: str(path) for name, path in variables.items()})

    def wrong(self, *arguments: str | Path, own: Sequence[Path] = (), codes: Sequence[int] = (0, 2)) -> str | None:
        """Run a command, which may write into the paths that it `own`s; what is wrong with how it ended, None for nothing."""
        before = self._contents(own)
        ended = self.run(*arguments)
        wrong = misbehaviour(ended, codes)
        if elsewhere := set(self._contents(own).items()) ^ set(before.items()):
            wrong = f"wrote elsewhere: {sorted(path for path, _ in elsewhere)}"
        return f"{' '.join(map(str, arguments))}: {wrong}: {ended.printed[-1500:]}" if wrong else None

    def _contents(self, own: Sequence[Path]) -> dict[str, tuple[int, int, int]]:
        """When each file was written that the command does not own; folders around what it owns may come into being."""
        def entry(path: Path) -> tuple[int, int, int]:
            about = path.lstat()
            return about.st_mtime_ns, about.st_size, about.st_ino

        own = (*own, self.cache, self.printed, self.folder / "temporary")
        around = {above for path in own for above in path.parents}
        return {str(path): entry(path) for path in self.folder.rglob("*")
                if path not in around and not any(path.is_relative_to(each) for each in own)}


def misbehaviour(ended: Ended, codes: Sequence[int] = (0, 2)) -> str | None:
    """What is wrong with how a command ended. Training that diverges ends with 1, a run that Ctrl-C stopped with 130."""
    printed, diverged = ended.printed, "is not a finite number" in ended.printed
    if ended.code is None:
        return f"took more than {SECONDS} s"
    if "Traceback" in printed or "bug in nlp" in printed or _WARNING.search(printed):
        return "no message for people"
    if ended.code not in codes and not (ended.code == 1 and diverged) and not (ended.code == 130 and ended.interrupted):
        return f"exit code {ended.code}"
    if len(printed.partition("Error: ")[2]) > 12_000:
        return "more than one paragraph"
    if ended.code != 130 and (ended.code == 0) == ("Error: " in printed):
        return "exit code and message do not go together"
    return f"control characters: {found[0]!r}" if (found := _CONTROLS.search(printed)) else None
