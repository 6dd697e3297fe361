"""The log of a run: the same figures in `metrics.jsonl` and in TensorBoard, with the same tags for every generation."""

import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import ConfigDict, TypeAdapter

from ...configs.schema.saved import Count, NonNegative, Number, OpenSaved, checked
from ...storage import cut_file, parse_json, read_file, refuse_links, remove, write_file
from ...terminal import on_one_line
from ..folder.files import disk_errors, plain, read_saved, write_json
from ..folder.run_directory import RunDirectory

if TYPE_CHECKING:
    from .tensorboard_events import EventFile

MARKS = "logs.json"
SUB_RUN = {"train": "train", "validation": "validation", "test": "validation"}
"""The sub-run of each split. Some versions of TensorBoard show only 40 by default, so the test split, a single point, has none."""
TAIL = 100_000
"""Bytes at the end of a log that are searched for its last line."""
OF_MACHINE = ("throughput/", "memory/")
"""Prefixes of tags that describe the machine: they differ each time that a run is repeated."""
OF_TRAINING = ("learning_rate", "gradient_norm/", "update_ratio/", *OF_MACHINE)
"""Prefixes of tags that describe the training, not the model's quality."""


class Tracker:
    """Writes a run's log. TensorBoard gets two sub-runs, `train/` and `validation/`, so that their curves overlay; see `shown_as`.

    Every figure is flushed at once, so a killed process loses none and TensorBoard shows runs in progress.
    With `resume_step` the log is truncated to its length when that checkpoint was saved; without it, or with 0, it starts empty.
    """

    def __init__(self, run: RunDirectory, resume_step: int | None = None) -> None:
        self.run = run
        marks = read_saved(run.checkpoints / f"step-{resume_step}" / MARKS, dict[str, Count]) if resume_step else {}
        with disk_errors(run.metrics):
            refuse_links(run.metrics)
            _cut_logs(run, marks)
            self.lines = run.metrics.open("a", buffering=1, encoding="utf-8", newline="\n")
        self.started = time.monotonic() - _last_seconds(run)
        self.events: dict[str, EventFile] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scalars(self, split: str, step: int, values: Mapping[str, float]) -> None:
        """Log figures of a split, by tag, after `step` steps: one line of `metrics.jsonl` and one TensorBoard record."""
        from .tensorboard_events import scalar

        line = {"step": step, "split": split, "seconds": round(self._seconds(), 3), **values}
        with disk_errors(self.run.metrics):
            self.lines.write(json.dumps(plain(line), ensure_ascii=False) + "\n")
            self._events(SUB_RUN[split]).add(step, *(scalar(shown_as(split, tag), value) for tag, value in values.items()))

    def text(self, split: str, tag: str, step: int, markdown: str) -> None:
        """Log a text in Markdown, for TensorBoard."""
        from .tensorboard_events import text

        with disk_errors(self.run.path):
            self._events(SUB_RUN[split]).add(step, text(shown_as(split, tag), markdown))

    def image(self, split: str, tag: str, step: int, png: bytes) -> None:
        """Log a picture, for TensorBoard."""
        from .tensorboard_events import image

        with disk_errors(self.run.path):
            self._events(SUB_RUN[split]).add(step, image(shown_as(split, tag), png))

    def hparams(self, values: Mapping[str, Any], metrics: Mapping[str, float], step: int) -> None:
        """Log a run's settings, and the validation figures of the finished model, for TensorBoard's HParams table.

        They go to `validation`; in `train` the table would get a column for every layer's gradient.
        """
        from .tensorboard_events import hparams, scalar

        scored = [scalar(f"scored/{name}", value) for name, value in metrics.items()]
        row = hparams(f"{self.run.recipe}/{self.run.name}", values, time.time() - self._seconds())
        with disk_errors(self.run.path):
            self._events("validation").add(step, *row, *scored)

    def flush(self) -> None:
        """Make sure that everything logged survives a power cut."""
        with disk_errors(self.run.path):
            os.fsync(self.lines.fileno())
            for events in self.events.values():
                events.sync()

    def save(self, folder: Path) -> None:
        """Record the length of every log file in a checkpoint's folder, so that a resumed run can truncate them to it."""
        self.flush()
        write_json(folder / MARKS, {name: path.stat().st_size for name, path in _log_files(self.run).items()})

    def close(self) -> None:
        """Close all files."""
        for file in (self.lines, *self.events.values()):
            with suppress(OSError):  # a full disk, which the last write reported
                file.close()

    def _events(self, sub_run: str) -> "EventFile":
        from .tensorboard_events import EventFile

        if sub_run not in self.events:
            self.events[sub_run] = EventFile(self.run.folder / sub_run)
        return self.events[sub_run]

    def _seconds(self) -> float:
        return time.monotonic() - self.started


def shown_as(split: str, tag: str) -> str:
    """A tag's name in TensorBoard, which sorts charts by name: loss and metrics come first."""
    if split == "test":
        return f"test/{tag}"
    return f"training/{tag}" if tag.startswith(OF_TRAINING) else tag


def literal(text: str) -> str:
    """The text escaped for Markdown, so that links, pictures and HTML in it show as plain text."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!|])", r"\\\1", on_one_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class LogLine(OpenSaved):
    """The fields that every line of `metrics.jsonl` has; all other keys are figures by tag."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Number]  # pyright: ignore[reportIncompatibleVariableOverride]

    step: Count
    split: str
    seconds: NonNegative


_LOG_LINE = TypeAdapter(LogLine)


def figures_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a log line, by tag."""
    return {tag: value for tag, value in line.items() if tag not in LogLine.model_fields}


def read_metrics(run: RunDirectory) -> list[dict[str, Any]]:
    """All lines of `metrics.jsonl`; invalid lines, such as a killed process leaves, are skipped."""
    lines = []
    for line in read_file(run.metrics).splitlines() if run.metrics.is_file() else ():
        with suppress(ValueError):
            lines.append(checked(_LOG_LINE, parse_json(line)).model_dump())
    return lines


def last_step(run: RunDirectory) -> int | None:
    """The step of the last line of `metrics.jsonl`, without reading the whole file; None without one."""
    try:
        with run.metrics.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            lines = file.read().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        with suppress(ValueError):  # the last line may be incomplete
            return checked(_LOG_LINE, parse_json(line)).step
    return None


def _log_files(run: RunDirectory) -> dict[str, Path]:
    files = [path for path in (run.metrics, *run.folder.glob("*/events.out.tfevents.*")) if path.exists()]
    return {path.relative_to(run.folder).as_posix(): path for path in files}


def _cut_logs(run: RunDirectory, marks: Mapping[str, int]) -> None:
    """Truncate files to their marks, and remove files without a mark, which are newer than the checkpoint.

    Truncating by bytes, not by steps, also removes what the end of the run logged at the step of its last checkpoint.
    """
    for name, path in _log_files(run).items():
        if name not in marks:
            remove(path)
        elif path == run.metrics:
            # Always rewritten: lines will be appended, and a copy of the folder may share the file with the original (hard links).
            content = read_file(path)[: marks[name]]
            write_file(path, content[: content.rfind(b"\n") + 1])
        elif path.stat().st_size > marks[name]:
            cut_file(path, marks[name])


def _last_seconds(run: RunDirectory) -> float:
    """Wall-clock seconds of the run up to its last log line."""
    lines = read_metrics(run)
    return float(lines[-1]["seconds"]) if lines else 0.0
