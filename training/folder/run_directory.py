"""A run's folder: its files, how runs are found by name, and which process may write to it."""

import difflib
import itertools
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from ...errors import RunError, TakenError, UserError
from ...storage import find_link, refuse_links, remove
from .files import disk_errors, read_json, write_json
from .run_lock import RunLock, is_locked

Status = Literal["running", "finished", "failed", "interrupted"]

SEED = r"-seed-(\d+)"
"""The suffix of run folders whose seeds were started together."""
DEPTH = 4
"""Maximum depth of a run below the runs folder: dataset, recipe, name, and one to spare."""
TEMPORARY = ".reproduction-"
"""The start of the name of a folder of temporary runs, which are never listed."""

PART = re.compile(rb"^  train_(?:share: (?!1(?:\.0)?\s*$)|rows: \d)", re.MULTILINE)
"""Matches resolved recipes, which state all keys, that train on only a part of the training examples."""

SHOWN_CHARACTERS = 200
"""Characters of each text that `predictions/<split>.jsonl` keeps."""


@dataclass(frozen=True)
class RunDirectory:
    """A run's folder. It contains everything that evaluating, predicting and resuming need, so the folder may be moved."""

    path: Path
    root: Path

    @property
    def folder(self) -> Path:
        """The resolved path. Links on the way to a run are followed, since its user made them; those inside it are refused when writing."""
        return self.path.resolve()

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def recipe(self) -> str:
        """The recipe's name, which is that of the folder that contains the run."""
        inside = self.path.is_relative_to(self.root)
        return self.path.parent.relative_to(self.root).as_posix() if inside else self.path.parent.name

    @property
    def dataset(self) -> str:
        """The first folder of the recipe's name; empty for a recipe outside any folder."""
        dataset, slash, _ = self.recipe.partition("/")
        return dataset if slash else ""

    @property
    def address(self) -> str:
        """The name of this run in commands: `recipe/name`, or its path if it is outside the runs folder."""
        return f"{self.recipe}/{self.name}" if self.path.is_relative_to(runs_root()) else str(self.path)

    @property
    def group(self) -> Path:
        """The folder's path without the seed suffix of runs whose seeds were started together."""
        return self.path.with_name(re.sub(f"{SEED}$", "", self.name))

    @property
    def seed(self) -> str:
        """The seed in the folder's name; empty for a single run."""
        match = re.search(f"{SEED}$", self.name)
        return match[1] if match else ""

    @property
    def config(self) -> Path:
        """The resolved recipe; a folder that contains it is a run."""
        return self.folder / "config.yaml"

    @property
    def original(self) -> Path:
        """The recipe as it was written."""
        return self.folder / "original.yaml"

    @property
    def environment(self) -> Path:
        return self.folder / "environment.json"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.jsonl"

    @property
    def results(self) -> Path:
        return self.folder / "results.json"

    @property
    def failure(self) -> Path:
        """Why the last attempt to train the run ended with an error."""
        return self.folder / "failure.json"

    @property
    def data(self) -> Path:
        """Labels by name, sizes, and the hashes of the data that the run was started with."""
        return self.folder / "data.json"

    def tokenizer(self, role: str) -> Path:
        """The folder of the tokenizer for the model's input (`text`), or for another role."""
        return self.folder / ("tokenizer" if role == "text" else f"tokenizer-{role}")

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def predictions(self, split: str) -> Path:
        return self.folder / "predictions" / f"{split}.jsonl"

    def row_scores(self, split: str) -> Path:
        """The scores of each row of a split, for statistical tests; see `row_scores_file.py`."""
        return self.folder / "predictions" / f"{split}.safetensors"

    def model_report(self, split: str) -> Path:
        """The model's report on its predictions, such as how often each rule fires; only for models that have one."""
        return self.folder / "predictions" / f"{split}.report.json"

    def status(self) -> Status:
        """The state of the run, inferred from its files."""
        if is_locked(self.folder / ".lock"):
            return "running"
        if self.failure.exists():
            return "failed"
        return "finished" if self.results.exists() else "interrupted"

    def started(self) -> float:
        """When the run was created, in seconds since 1970; a copy of the folder keeps it."""
        with suppress(RunError, KeyError, TypeError, ValueError, OverflowError, OSError):  # the last two for years out of range
            return datetime.fromisoformat(read_json(self.environment)["started"]).timestamp()
        return self.config.stat().st_mtime if self.config.exists() else self.path.stat().st_mtime

    def is_of_part(self) -> bool:
        """Whether the run trained on a part of the training examples, as in a learning curve."""
        with suppress(OSError):
            return PART.search(self.config.read_bytes()) is not None
        return False

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Lock the run against training by other processes, and record an error that ends the training.

        The lock is released when the process ends, however it ends. Raises TakenError if another process has it, or has finished the
        run in the meantime.
        """
        with disk_errors(self.path):
            if (link := find_link(self.folder)) is not None:
                refuse_links(link)  # now, rather than when it is written to after hours of training
        with RunLock(self.folder / ".lock", self.address):
            if self.results.exists() and not self.failure.exists():
                raise TakenError(f"{self.address} has been finished by another process. Run the command again to see its results.")
            with disk_errors(self.path):
                self._clear()
            try:
                yield
            except RunError:
                raise  # refused before anything was trained: the run is unchanged
            except Exception as error:
                with suppress(UserError, OSError):
                    write_json(self.failure, {"error": type(error).__name__, "message": str(error), "time": time.time()})
                raise

    def _clear(self) -> None:
        """Remove the partial files and the failure record of an earlier attempt."""
        for leftover in [path for path in self.folder.rglob(".tmp-*") if path.is_file()]:
            leftover.unlink()
        remove(self.failure)


def runs_root() -> Path:
    """The folder that runs are written to: NLP_RUNS, or `runs` in the working folder."""
    return Path(os.environ.get("NLP_RUNS") or "runs").expanduser().resolve()


def create_run(recipe_name: str, name: str | None = None) -> RunDirectory:
    """Create `runs/<recipe>/<name>/`; the name defaults to the date and time, with -2, -3 and so on appended if it is taken.

    Raises RunError if the name is invalid or the folder cannot be created, DeviceError if the disk is full.
    """
    name = name or datetime.now().strftime("%Y%m%d-%H%M%S")
    check_name(name)
    root = runs_root()
    parent = root / recipe_name
    with disk_errors(parent / name):
        parent.mkdir(parents=True, exist_ok=True)
        return RunDirectory(_new_folder(parent, name), root)


def check_name(name: str, owner: str = "run") -> None:
    """Raises RunError if the name is not valid as a folder name."""
    if not re.fullmatch(r"\w[\w.+-]*", name):
        raise RunError(f"{name!r} cannot be a {owner}'s name: use letters, digits, `-`, `_`, `+` and `.`, a letter or digit first.")


def _new_folder(parent: Path, name: str) -> Path:
    """Create a folder with the first free name. Creating it claims the name, so two processes in the same second get two folders."""
    for number in itertools.count(1):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("there is always a next number")


def list_runs(root: Path | None = None) -> list[RunDirectory]:
    """All runs under the runs folder, newest first."""
    root = root or runs_root()
    runs = [RunDirectory(folder, root) for folder in _run_folders(root, DEPTH)]
    return sorted(runs, key=lambda run: (run.started(), run.name), reverse=True)


def runs_in(folder: Path, root: Path | None = None) -> list[RunDirectory]:
    """The runs in a recipe's folder, newest first."""
    runs = [RunDirectory(path, root or runs_root()) for path in _run_folders(folder, 1)]
    return sorted(runs, key=lambda run: (run.started(), run.name), reverse=True)


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for child in sorted(folder.iterdir()):
        if child.name.startswith(TEMPORARY):
            continue
        if (child / "config.yaml").is_file():
            yield child
        elif depth > 1 and child.is_dir():
            yield from _run_folders(child, depth - 1)


def find_run(text: str) -> RunDirectory:
    """Find a run by its path, `<recipe>/<name>`, or `<recipe>` for that recipe's latest run that has started to train. Runs on a part of
    the training examples rank after all others.

    Raises RunError, naming similar and recent runs, if nothing matches.
    """
    root = runs_root()
    for folder in _candidates(text, root):
        if (folder / "config.yaml").is_file():
            return RunDirectory(folder, root)
        if runs := [RunDirectory(child, root) for child in _run_folders(folder, 1)]:
            return max(runs, key=lambda run: (run.data.exists(), not run.is_of_part(), run.started(), run.name))
    raise RunError(_not_found(text, root, list_runs(root)))


def find_runs(text: str) -> list[RunDirectory]:
    """Like `find_run`, but returns all seeds that were started together if the name, or the latest run of `<recipe>`, has several."""
    root = runs_root()
    for folder in _candidates(text, root):
        if seeds := _seeds_of(folder, root):
            return seeds
        if (folder / "config.yaml").is_file():
            return [RunDirectory(folder, root)]
        if runs := [RunDirectory(child, root) for child in _run_folders(folder, 1)]:
            latest = max(runs, key=lambda run: (not run.is_of_part(), run.started(), run.name))
            return _seeds_of(latest.group, root) or [latest]
    raise RunError(_not_found(text, root, list_runs(root)))


def group_address(runs: Sequence[RunDirectory]) -> str:
    """The name to resume these runs by; all are seeds of one recipe."""
    return str(runs[0].path if len(runs) == 1 else runs[0].group)


def _candidates(text: str, root: Path) -> tuple[Path, Path]:
    return Path(text).expanduser().resolve(), root / text.strip("/")


def _seeds_of(group: Path, root: Path) -> list[RunDirectory]:
    """The runs `<group>-seed-N`, ordered by seed."""
    seed_folder = re.compile(re.escape(group.name) + SEED)
    runs = [RunDirectory(child, root) for child in _run_folders(group.parent, 1) if seed_folder.fullmatch(child.name)]
    return sorted(runs, key=lambda run: int(run.seed))


def _not_found(text: str, root: Path, runs: Sequence[RunDirectory]) -> str:
    if not runs:
        return (f"There is no run {text!r}: {root} contains no runs yet. "
                "Start one with `nlp train --config NAME`, or set NLP_RUNS to the folder of your runs.")
    known = {name: None for run in runs for name in (run.recipe, run.address)}
    similar = difflib.get_close_matches(text, known, n=3, cutoff=0.5)
    suggestion = f"Similar names: {', '.join(similar)}. " if similar else ""
    latest = ", ".join(run.address for run in runs[:3])
    return f"There is no run {text!r} in {root}. {suggestion}Latest runs: {latest}. `nlp runs` lists all."
