"""Run folders that came from anybody: each command ends in its answer or in one paragraph, and writes nothing elsewhere."""

import hashlib
import io
import json
import os
import random
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from fuzzing import SEED, Workplace, again, cases, change_tree
from tiny_runs import write_recipe

FAMILIES = ["rules", "naive_bayes", "random_forest", "mlp", "gru", "hmm", "tagger", "ngram", "language_lstm", "seq2seq"]
WRITTEN = [".lock", "metrics.jsonl", "results.json", "failure.json", "data.json", "train", "validation", "test", "hparams", "predictions",
           "predictions/test.jsonl", "predictions/validation.jsonl", "tokenizer", "tokenizer/about.json", "tokenizer/tokenizer.json",
           "checkpoints", "checkpoints/best", "checkpoints/last", "checkpoints/step-1", ".tmp-1-2", "checkpoints/.step-1.tmp-999999-x"]
FOREIGN = ["notes.txt", "checkpoints/step-007", "checkpoints/step-x", "checkpoints/step-99999999999999999999",
           "checkpoints/.step-3.tmp-99999999999-x", "train/events.out.tfevents.x", "train/events.out.tfevents.99999999999.x.y", ".tmp-5-6",
           "tokenizer/manifest.json", "\udcff", "a\nb"]


class Mutator:
    """Changes one run folder at random, by a seeded generator; `done` lists the changes."""

    def __init__(self, folder: Path, outside: Path, chance: random.Random) -> None:
        self.folder, self.outside, self.chance = folder, outside, chance
        self.done: list[str] = []

    def mutate(self) -> None:
        """One change, or a few; then as if all had been written that way, or not."""
        changes = [self.truncate, self.flip, self.change_text, self.change_text, self.change_text, self.change_lines, self.change_arrays,
                   self.change_arrays, self.link, self.link, self.add, self.lose, self.change_kind]
        for _ in range(self.chance.choice([1, 1, 1, 2, 4])):
            self.chance.choice(changes)()
        if self.chance.random() < 0.7:
            self.note("sealed again", self.folder)
            seal_again(self.folder)

    def note(self, what: str, path: Path) -> None:
        self.done.append(f"{what} {path.relative_to(self.folder)}")

    def any_file(self, accept: Callable[[Path], bool] = lambda path: True) -> Path | None:
        """One of the files; those that are only ever written are no longer looked at."""
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file() and not path.is_symlink() and accept(path)
                 and path.parent.name != "predictions"]
        return self.chance.choice(files) if files else None

    def truncate(self) -> None:
        if (path := self.any_file()) is not None:
            size = path.stat().st_size
            os.truncate(path, self.chance.choice([0, 1, size // 2, max(size - 1, 0), self.chance.randint(0, size)]))
            self.note("truncated", path)

    def flip(self) -> None:
        path = self.any_file(lambda path: path.stat().st_size > 0)
        if path is not None:
            content = bytearray(path.read_bytes())
            for _ in range(self.chance.choice([1, 1, 8, 100])):
                content[self.chance.randrange(len(content))] ^= 1 << self.chance.randrange(8)
            path.write_bytes(content)
            self.note("flipped bits in", path)

    def change_text(self) -> None:
        """Another value at any place of a JSON or YAML file, a key less, more or twice, or brackets without end."""
        path = self.any_file(lambda path: path.suffix in (".json", ".yaml") and path.name != "original.yaml")
        tree = read_tree(path) if path is not None else None
        if path is None or tree is None:
            return
        if self.chance.random() < 0.05:
            path.write_text("[" * 100_000, encoding="utf-8")
            return self.note("nested without end", path)
        if self.chance.random() < 0.05:
            text = path.read_text(encoding="utf-8")
            path.write_text(re.sub(r'("[a-z_]+": [0-9.]+)', r"\1, \1", text, count=1), encoding="utf-8")
            return self.note("a key twice in", path)
        tree, where = change_tree(tree, self.chance)
        try:
            text = json.dumps(tree) if path.suffix == ".json" else yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
            path.write_text(text, encoding="utf-8", errors="surrogatepass")
        except yaml.YAMLError:
            return
        self.note(f"{where} in", path)

    def change_lines(self) -> None:
        path = self.any_file(lambda path: path.suffix == ".jsonl")
        lines = path.read_bytes().splitlines() if path is not None else []
        if path is not None and lines:
            place = self.chance.randrange(len(lines))
            try:
                lines[place] = json.dumps(change_tree(json.loads(lines[place]), self.chance)[0]).encode()
            except ValueError:
                lines[place] = b"\xff"
            path.write_bytes(b"\n".join(lines))
            self.note(f"line {place + 1} of", path)

    def change_arrays(self) -> None:
        """Another type, shape or content of an array."""
        path = self.any_file(lambda path: path.suffix in (".npz", ".safetensors", ".skops"))
        if path is None:
            return
        try:
            {".npz": self._change_npz, ".safetensors": self._change_tensors, ".skops": self._change_skops}[path.suffix](path)
        except Exception:  # one that was changed before
            return
        self.note("another array in", path)

    def _other_array(self, array: np.ndarray) -> np.ndarray:
        changes: list[Callable[[np.ndarray], np.ndarray]] = [
            lambda array: array.astype(np.float64), lambda array: array.astype(np.int32), lambda array: array.astype(np.complex64),
            lambda array: array[:-1], lambda array: array.reshape(-1), lambda array: array[None], lambda array: -array - 1,
            lambda array: array * 0, lambda array: array + np.array(2**40).astype(array.dtype), lambda array: array[..., ::-1].copy(),
            lambda array: np.concatenate([array, array]), lambda array: array[:0], lambda array: (array / 0).astype(array.dtype),
            lambda array: array.astype(np.float32), lambda array: np.full_like(array, np.iinfo(np.int64).max)]
        with np.errstate(all="ignore"):
            return np.ascontiguousarray(self.chance.choice(changes)(array))

    def _change_npz(self, path: Path) -> None:
        arrays = dict(np.load(path, allow_pickle=False))
        name = self.chance.choice(sorted(arrays))
        if self.chance.random() < 0.1:
            arrays[f"{name}x"] = arrays.pop(name)
        else:
            arrays[name] = self._other_array(arrays[name])
        np.savez(path, **arrays)

    def _change_tensors(self, path: Path) -> None:
        from safetensors.numpy import load_file, save_file

        arrays = load_file(path)
        name = self.chance.choice(sorted(arrays))
        if self.chance.random() < 0.2:
            new = self.chance.choice(["x", f"{name}x", "0/99/step", "0/x/step", "carried/places", "carried/0.0", "raw/x"])
            arrays[new] = arrays.pop(name)
        else:
            arrays[name] = self._other_array(arrays[name])
        save_file(arrays, path)

    def _change_skops(self, path: Path) -> None:
        import zipfile

        with zipfile.ZipFile(path) as parts:
            content = {name: parts.read(name) for name in parts.namelist()}
        name = self.chance.choice(sorted(content))
        if name.endswith(".npy"):
            buffer = io.BytesIO()
            np.save(buffer, self._other_array(np.load(io.BytesIO(content[name]), allow_pickle=False)))
            content[name] = buffer.getvalue()
        elif name == "schema.json":
            content[name] = json.dumps(change_tree(json.loads(content[name]), self.chance)[0]).encode()
        with zipfile.ZipFile(path, "w") as parts:
            for each, part in content.items():
                parts.writestr(each, part)

    def link(self) -> None:
        """A link in a place that is written to, to a file or folder elsewhere that looks alike, or to nothing."""
        path = self.folder / self.chance.choice(WRITTEN)
        if not path.parent.is_dir() or path.is_symlink():
            return
        target = self.outside / f"{len(list(self.outside.iterdir()))}-{path.name}"
        if path.exists():
            path.rename(target)
        elif self.chance.random() < 0.5:
            target.write_text("of somebody else\n" * 50, encoding="utf-8")
        elif self.chance.random() < 0.5:
            target.mkdir()
        how = self.chance.random()
        if how < 0.15 and target.is_file():
            os.link(target, path)
            return self.note("a hard link at", path)
        path.symlink_to("/dev/zero" if how < 0.2 else path if how < 0.25 else target)
        self.note("a link at", path)

    def add(self) -> None:
        path = self.folder / self.chance.choice(FOREIGN)
        if path.parent.is_dir() and not path.exists() and not path.is_symlink():
            path.mkdir() if self.chance.random() < 0.3 else path.write_bytes(self.chance.randbytes(100))
            self.note("new:", path)

    def lose(self) -> None:
        paths = [path for path in sorted(self.folder.rglob("*")) if path.name != "config.yaml"]
        path = self.chance.choice(paths)
        self.note("lost", path)
        remove(path)

    def change_kind(self) -> None:
        """A folder or a pipe in the place of a file, or a file in the place of a folder."""
        path = self.chance.choice(sorted(self.folder.rglob("*")))
        was_folder = path.is_dir()
        remove(path)
        if was_folder:
            path.write_text("a file\n", encoding="utf-8")
        elif self.chance.random() < 0.5:
            path.mkdir()
        else:
            os.mkfifo(path)
        self.note("another kind:", path)


def remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)


def read_tree(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        return None


def seal_again(folder: Path) -> None:
    """As if everything had been written as it is: sizes, hashes, fingerprints and checksums fit. What cannot be read stays as it is."""
    for manifest in [*folder.glob("checkpoints/*/manifest.json"), *folder.glob("tokenizer*/about.json")]:
        about = read_tree(manifest) if manifest.is_file() else None
        if isinstance(about, dict) and isinstance(about.get("files"), dict):
            paths = [path for path in manifest.parent.iterdir() if path.is_file() and path != manifest and path.name.isprintable()]
            about["files"] = {path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
                              for path in paths}
            manifest.write_text(json.dumps(about), encoding="utf-8")
    data = read_tree(folder / "data.json") if (folder / "data.json").is_file() else None
    if isinstance(data, dict) and not (folder / "data.json").is_symlink():
        if isinstance(data.get("tokenizers"), dict):
            data["tokenizers"] = {role: fingerprint(folder, role) or old for role, old in data["tokenizers"].items()}
        try:
            from nlp.training.folder.files import checksum

            (folder / "data.json").write_text(json.dumps(data | {"checksum": checksum(data)}), encoding="utf-8")
        except (ValueError, RecursionError):
            return


def fingerprint(folder: Path, role: str) -> str | None:
    from nlp.datasets.tokenizers.tokenizer import load_tokenizer

    try:
        return load_tokenizer(folder / ("tokenizer" if role == "text" else f"tokenizer-{role}")).fingerprint()
    except Exception:
        return None


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and forks")
@pytest.mark.parametrize("family", FAMILIES)
def test_any_run_folder_ends_in_an_answer_or_in_one_paragraph(family, work):
    write_recipe(work.folder, family)
    first, run, outside, found = work.runs / family / "first", work.runs / family / "changed", work.folder / "outside", []
    outside.mkdir(exist_ok=True)
    assert work.wrong("train", "--config", f"{family}.yaml", "--name", "first", "--threads", "1", own=[first]) is None
    for number in cases(30):
        chance = random.Random(f"{family} {SEED} {number}")
        shutil.copytree(first, run)
        if chance.random() < 0.6:
            (run / "results.json").unlink()
            rewind(run)
        mutator = Mutator(run, outside, chance)
        mutator.mutate()
        length = ["--length", "5"] if family in ("ngram", "language_lstm") else []
        looks = chance.choice([("runs",), ("count-params", "--config", run / "config.yaml"), ("config", "show", run / "config.yaml")])
        commands = [("eval", run), ("predict", run, "the old bird sings", *length), looks, ("train", "--resume", run), ("runs",)]
        wrong = next((wrong for arguments in commands if (wrong := work.wrong(*arguments, own=[run]))), None)
        if wrong is not None:
            found.append(f"{'; '.join(mutator.done)}\n{wrong}{again(number)}")
        remove(run)
        for left in [*outside.iterdir()]:
            remove(left)
    assert not found, "\n\n".join(found)


def rewind(run: Path) -> None:
    """As if the run had been stopped some steps before its end."""
    steps = sorted(int(path.name[5:]) for path in (run / "checkpoints").glob("step-*"))
    if len(steps) > 1:
        (run / "checkpoints" / "last").write_text(f"step-{steps[0]}\n", encoding="utf-8")
