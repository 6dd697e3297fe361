"""Data files that came from anybody: each command that reads one ends in its answer or in one paragraph."""

import gzip
import json
import random
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzzing import SEED, TEXTS, VALUES, Workplace, again, cases, change_bytes, change_tree
from tiny_runs import LETTERS, RECIPES, TAGS, WORDS

SUBWORDS = "tokenizer: {type: bpe, vocab_size: 300}"
CLASSES = ["rules", "naive_bayes", "logistic_regression", "knn", "decision_tree", "mlp", "cnn", "transformer"]
TAGGERS = ["most_frequent_tag", "hmm", "averaged_perceptron", "tagger"]


@dataclass(frozen=True)
class Kind:
    """One format: the files of good data, whose names start with `good`, how a recipe reads them, and models that learn from them."""

    files: list[str]
    data: dict[str, Any]
    families: list[str]

    @property
    def name(self) -> str:
        """What `data.train` names; the prefix where the files are parallel."""
        return "good" if self.data.get("format") == "parallel" else self.files[0]


LINE = {"columns": {"text": "line", "label": "animal"}}
KINDS = {
    "csv": Kind(["good.csv"], LINE, CLASSES),
    "quoted_csv": Kind(["good-quoted.csv"], LINE, CLASSES),
    "csv_without_header": Kind(["good-bare.csv"], {"columns": {"text": 0, "label": 1}, "header": False}, CLASSES),
    "tsv": Kind(["good.tsv"], LINE, CLASSES),
    "jsonl": Kind(["good.jsonl"], LINE, CLASSES),
    "csv.gz": Kind(["good.csv.gz"], LINE, CLASSES),
    "conll": Kind(["good.conll"], {}, TAGGERS),
    "conllu": Kind(["good.conllu"], {"columns": {"tokens": "form", "tags": "upos"}}, TAGGERS),
    "parallel": Kind(["good.en", "good.de"], {"format": "parallel", "columns": {"source": "en", "target": "de"}},
                     ["seq2seq", "transformer_seq2seq"]),
    "text": Kind(["good.txt"], {}, ["ngram", "language_lstm", "language_transformer"]),
}
"""Twenty changed files of each make 200."""


def write_good(work: Workplace) -> None:
    """The same sentences in every format."""
    folder = work.folder
    rows = [line.split(",") for line in (folder / "texts.csv").read_text(encoding="utf-8").splitlines()]
    contents = {
        "good.csv": "".join(f"{line},{animal}\n" for line, animal in rows),
        "good-quoted.csv": "".join(f'"{line}, ""said"" he",{animal}\n' if line != "line" else "line,animal\n" for line, animal in rows),
        "good-bare.csv": "".join(f"{line},{animal}\n" for line, animal in rows[1:]),
        "good.tsv": "".join(f"{line}\t{animal}\n" for line, animal in rows),
        "good.jsonl": "".join(f"{json.dumps({'line': line, 'animal': animal})}\n" for line, animal in rows[1:]),
        "good.conll": "\n".join("".join(f"{word}\t{TAGS[word]}\n" for word in line.split()) for line, _ in rows[1:]),
        "good.conllu": "\n".join(f"# text = {line}\n" + "".join(conllu(number, word) for number, word in enumerate(line.split(), 1))
                                 for line, _ in rows[1:]),
        "good.en": (folder / "pairs.en").read_text(encoding="utf-8"),
        "good.de": (folder / "pairs.de").read_text(encoding="utf-8"),
        "good.txt": (folder / "text.txt").read_text(encoding="utf-8"),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "good.csv.gz").write_bytes(gzip.compress(contents["good.csv"].encode()))


def conllu(number: int, word: str) -> str:
    return "\t".join([str(number), word, word, TAGS[word], "_", "_", "0", "root", "_", "_"]) + "\n"


def write_recipe(work: Workplace, name: str, kind: Kind, family: str, data: dict[str, Any], tokenizer: str | None = None) -> None:
    """The family's tiny recipe over other data, for one epoch."""
    recipe = yaml.safe_load("\n".join(RECIPES[family]))
    recipe["data"] = {"type": "files", "validation_share": 0.25, **kind.data, **data}
    if tokenizer is not None and recipe["model"]["type"] != "mlp" and (recipe.get("tokenizer") or {"type": "ngrams"})["type"] != "ngrams":
        recipe |= yaml.safe_load(tokenizer)
    if "training" in recipe:
        recipe["training"]["epochs"] = 1
    (work.folder / name).write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")


class Mutator:
    """Changes a data file at random, by a seeded generator; `done` lists the changes."""

    def __init__(self, file: str, chance: random.Random) -> None:
        self.file, self.chance, self.done = file, chance, []
        suffix = Path(file.removesuffix(".gz")).suffix
        self.mark = {".csv": ",", ".tsv": "\t", ".conll": "\t", ".conllu": "\t"}.get(suffix, " ")

    def changed(self, content: bytes) -> bytes:
        packed = self.file.endswith(".gz")
        if packed:
            content = gzip.decompress(content)
        changes: list[Callable[[bytes], tuple[bytes, str]]] = [
            self._bytes, self._bytes, self._lines, self._cells, self._cells, self._cells, self._insert, self._column,
            *([self._json] * 4 if self.file.endswith(".jsonl") else [])]
        for _ in range(self.chance.choice([1, 1, 2, 3])):
            content, done = self.chance.choice(changes)(content)
            self.done.append(done)
        return self._packed(content) if packed else content

    def _bytes(self, content: bytes) -> tuple[bytes, str]:
        return change_bytes(content, self.chance)

    def _packed(self, content: bytes) -> bytes:
        if self.chance.random() < 0.5:
            return gzip.compress(content)
        half = len(content) // 2
        packed = {"in two members": gzip.compress(content[:half]) + gzip.compress(content[half:]), "not packed": content,
                  "packed twice": gzip.compress(gzip.compress(content)), "more behind": gzip.compress(content) + self.chance.randbytes(20),
                  "zeros behind": gzip.compress(content) + bytes(20), "a bomb": gzip.compress(content + b"x" * 50_000_000)}
        done = self.chance.choice([*sorted(packed), "changed when packed"])
        self.done.append(done)
        return packed[done] if done in packed else change_bytes(gzip.compress(content), self.chance)[0]

    def _split(self, content: bytes) -> list[list[str]]:
        return [line.split(self.mark) for line in content.decode("utf-8", "surrogateescape").split("\n")]

    def _joined(self, rows: list[list[str]]) -> bytes:
        return "\n".join(self.mark.join(row) for row in rows).encode("utf-8", "surrogatepass")

    def _lines(self, content: bytes) -> tuple[bytes, str]:
        lines = content.split(b"\n")
        place = self.chance.randrange(len(lines))
        changes = {"lost": lines[:place] + lines[place + 1 :], "twice": [*lines[:place], lines[place], *lines[place:]],
                   "shuffled": self.chance.sample(lines, len(lines)), "first alone": lines[:1], "two alone": lines[:2],
                   "empty lines": [each for line in lines for each in (line, b"")], "no empty lines": [line for line in lines if line],
                   "one line": [b" ".join(lines)], "all equal": [lines[place]] * len(lines), "many": lines * self.chance.choice([3, 100])}
        done = self.chance.choice(sorted(changes))
        return b"\n".join(changes[done]), f"lines: {done}"

    def _cells(self, content: bytes) -> tuple[bytes, str]:
        """Other texts in some cells, or in all cells of a column."""
        rows = self._split(content)
        text, share = self.chance.choice(TEXTS), self.chance.choice([0.02, 0.1, 1])
        text = text if share < 0.1 else text[:200]
        column = self.chance.randrange(max(map(len, rows)))
        whole = self.chance.random() < 0.6
        for row in rows:
            if column < len(row) and self.chance.random() < share:
                row[column] = text if whole else row[column] + text
        return self._joined(rows), f"{text[:30]!r} in column {column} of {share:.0%}"

    def _column(self, content: bytes) -> tuple[bytes, str]:
        """A column more, less, twice or elsewhere, in all rows or in one."""
        rows = self._split(content)
        some = rows if self.chance.random() < 0.5 else [self.chance.choice(rows)]
        how = self.chance.choice(["more", "many more", "less", "twice", "turned round"])
        for row in some:
            row[:] = {"more": [*row, "x"], "many more": row + ["x"] * 300, "less": row[:-1], "twice": row * 2,
                      "turned round": row[::-1]}[how]
        return self._joined(rows), f"columns: {how} in {len(some)} rows"

    def _insert(self, content: bytes) -> tuple[bytes, str]:
        text, place = self.chance.choice(TEXTS), self.chance.randint(0, len(content))
        return content[:place] + text.encode("utf-8", "surrogatepass") + content[place:], f"{text[:30]!r} at {place}"

    def _json(self, content: bytes) -> tuple[bytes, str]:
        """Another value in an object, another object, or what is no JSON."""
        lines = content.decode("utf-8", "replace").split("\n")
        place = self.chance.randrange(len(lines))
        how = self.chance.choice(["value", "value", "value", "values", "twice", "deep", "text", "number"])
        value = self.chance.choice(VALUES)
        if how == "value":
            lines[place] = changed_object(lines[place], lambda tree: change_tree(tree, self.chance)[0])
        elif how == "values":
            key = self.chance.choice(["line", "animal"])
            lines = [changed_object(line, lambda tree: {**tree, key: value}) for line in lines]
        elif how == "text":
            lines[place] = changed_object(lines[place], lambda tree: {**tree, "line": self.chance.choice(TEXTS)})
        else:
            deep, number = "[" * 100_000, "9" * 5_000
            lines[place] = {"twice": re.sub("^{", '{"line": "a", "animal": "b", ', lines[place]), "deep": f'{{"line": {deep}',
                            "number": f'{{"line": {number}, "animal": -0.0e5}}'}[how]
        return "\n".join(lines).encode("utf-8", "surrogatepass"), f"JSON, {how} {value!r} in line {place + 1}"


def changed_object(line: str, change: Callable[[Any], Any]) -> str:
    try:
        return json.dumps(change(json.loads(line)))
    except (ValueError, TypeError, RecursionError):
        return line


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Workplace:
    work = Workplace(tmp_path_factory.mktemp("fuzz"))
    write_good(work)
    return work


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.skipif(sys.platform == "win32", reason="forks and limits of memory")
@pytest.mark.parametrize("name", KINDS)
def test_any_data_file_ends_in_an_answer_or_in_one_paragraph(name, work):
    kind, found = KINDS[name], []
    for number in cases(20):
        chance = random.Random(f"{name} {SEED} {number}")
        family = chance.choice(kind.families)
        train_well(work, kind, family)
        done = write_changed(work, kind, chance)
        role = chance.choice(["train", "train", "train", "validation", "test"])
        changed = kind.name.replace("good", "changed")
        write_recipe(work, "recipe.yaml", kind, family, {"train": kind.name, "test": kind.name, role: changed},
                     chance.choice([None, WORDS, LETTERS, SUBWORDS]))
        if wrong := first_wrong(work, changed, kind, family, chance):
            found.append(f"{'; '.join(done)}; {role}, {family}\n{wrong}{again(number)}")
        work.clear()
        for left in work.folder.glob("changed*"):
            left.unlink()
    assert not found, f"{len(found)} wrong\n\n" + "\n\n".join(found)


def train_well(work: Workplace, kind: Kind, family: str) -> None:
    """A run over good data, for changed files to be scored and predicted with."""
    kept = work.folder / "kept" / f"{family}-{kind.files[0]}"
    if not kept.exists():
        write_recipe(work, "good.yaml", kind, family, {"train": kind.name, "test": kind.name})
        ended = work.run("train", "--config", "good.yaml", "--name", "run", "--threads", "1")
        assert ended.code == 0, ended.printed
        shutil.copytree(work.runs / "good" / "run", kept)
    shutil.copytree(kept, work.runs / "good" / "run", dirs_exist_ok=True)


def write_changed(work: Workplace, kind: Kind, chance: random.Random) -> list[str]:
    """The files that are changed, or one of them; the others as they are. What was done."""
    done = []
    chosen = chance.choice(kind.files)
    for file in kind.files:
        content = (work.folder / file).read_bytes()
        if file == chosen:
            mutator = Mutator(file, chance)
            content = mutator.changed(content)
            done += mutator.done
        (work.folder / file.replace("good", "changed")).write_bytes(content)
    return done


def first_wrong(work: Workplace, changed: str, kind: Kind, family: str, chance: random.Random) -> str | None:
    """What is wrong with how the first command ended that ended wrong: training, and some of the others."""
    file = kind.files[-1].replace("good", "changed")
    recipe, run, json = ("--config", "recipe.yaml"), work.runs / "good" / "run", chance.choice([[], ["--json"]])
    looks = ["--length", "5"] if family in ("ngram", "language_lstm", "language_transformer") else []
    others = [("eval", run, "--data", changed, *json), ("predict", run, "--input", file, *looks, *json),
              ("data", "check", "recipe.yaml", *json), ("data", "show", "recipe.yaml", *json),
              ("tokenizer", "train", *recipe, *json), ("count-params", *recipe),
              ("config", "init", file, "--output", "started.yaml", "--force")]
    commands = [("train", *recipe, "--threads", "1"), *chance.sample(others, 4)]
    own = [work.runs, work.folder / "started.yaml"]
    return next((wrong for each in commands if (wrong := work.wrong(*each, own=own))), None)
