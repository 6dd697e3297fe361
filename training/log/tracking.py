"""The log of a run: the same figures in `metrics.jsonl` and in TensorBoard, under one scheme of tags for every generation."""

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
"""Where TensorBoard finds a split. Some versions show 40 sub-runs at first, so a run has two: a test split is a single point."""
TAIL = 100_000
"""Bytes at the end of a log in which its last line is looked for."""
OF_TRAINING = ("learning_rate", "gradient_norm/", "update_ratio/", "throughput/", "memory/")
"""How tags begin that are no figures of a model."""


class Tracker:
    """Writes a run's log. TensorBoard gets two sub-runs, `train/` and `validation/`, so that their curves overlay; see `shown_as`.

    Every figure is handed to the system at once, so a killed process loses none and TensorBoard shows a run under way.
    With `resume_step` the log is cut back to where it was when that checkpoint was saved; without it, or with 0, it starts empty.
    """

    def __init__(self, run: RunDirectory, resume_step: int | None = None) -> None:
        self.run = run
        marks = read_saved(run.checkpoints / f"step-{resume_step}" / MARKS, dict[str, Count]) if resume_step else {}
        with disk_errors(run.metrics):
            refuse_links(run.metrics)
            _cut_logs(run, marks)
            self.lines = run.metrics.open("a", buffering=1, encoding="utf-8", newline="\n")
        self.began = time.monotonic() - _last_seconds(run)
        self.events: dict[str, EventFile] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scalars(self, split: str, step: int, values: Mapping[str, float]) -> None:
        """One line of `metrics.jsonl`, and one TensorBoard record: figures of a split, by tag, after `step` steps."""
        from .tensorboard_events import scalar

        line = {"step": step, "split": split, "seconds": round(self._seconds(), 3), **values}
        with disk_errors(self.run.metrics):
            self.lines.write(json.dumps(plain(line), ensure_ascii=False) + "\n")
            self._events(SUB_RUN[split]).add(step, *(scalar(shown_as(split, tag), value) for tag, value in values.items()))

    def text(self, split: str, tag: str, step: int, markdown: str) -> None:
        """A text in Markdown, for TensorBoard."""
        from .tensorboard_events import text

        with disk_errors(self.run.path):
            self._events(SUB_RUN[split]).add(step, text(shown_as(split, tag), markdown))

    def image(self, split: str, tag: str, step: int, png: bytes) -> None:
        """A picture, for TensorBoard."""
        from .tensorboard_events import image

        with disk_errors(self.run.path):
            self._events(SUB_RUN[split]).add(step, image(shown_as(split, tag), png))

    def hparams(self, values: Mapping[str, Any], metrics: Mapping[str, float], step: int) -> None:
        """The settings of a run, and the validation figures of the finished model, for TensorBoard's table of runs.

        They are in `validation`, or the table would have a column for the gradient of every layer.
        """
        from .tensorboard_events import hparams, scalar

        reached = [scalar(f"scored/{name}", value) for name, value in metrics.items()]
        row = hparams(f"{self.run.recipe}/{self.run.name}", values, time.time() - self._seconds())
        with disk_errors(self.run.path):
            self._events("validation").add(step, *row, *reached)

    def flush(self) -> None:
        """Make sure that all that was logged outlives a power cut."""
        with disk_errors(self.run.path):
            os.fsync(self.lines.fileno())
            for events in self.events.values():
                events.sync()

    def save(self, folder: Path) -> None:
        """Note in a checkpoint's folder how long every log file is, so that a resumed run can cut them back to here."""
        self.flush()
        write_json(folder / MARKS, {name: path.stat().st_size for name, path in _log_files(self.run).items()})

    def close(self) -> None:
        """Close all files."""
        for file in (self.lines, *self.events.values()):
            with suppress(OSError):  # a full disk, which the last write has reported
                file.close()

    def _events(self, sub_run: str) -> "EventFile":
        from .tensorboard_events import EventFile

        if sub_run not in self.events:
            self.events[sub_run] = EventFile(self.run.folder / sub_run)
        return self.events[sub_run]

    def _seconds(self) -> float:
        return time.monotonic() - self.began


def shown_as(split: str, tag: str) -> str:
    """A tag in TensorBoard, which sorts its charts by it: loss and metrics come first."""
    if split == "test":
        return f"test/{tag}"
    return f"training/{tag}" if tag.startswith(OF_TRAINING) else tag


def literal(text: str) -> str:
    """The text as Markdown that shows it as it is: no link or picture that it holds is followed, and no HTML is read as such."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!|])", r"\\\1", on_one_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class LogLine(OpenSaved):
    """What every line of `metrics.jsonl` has; the figures beside it are numbers by tag."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Number]  # pyright: ignore[reportIncompatibleVariableOverride]

    step: Count
    split: str
    seconds: NonNegative


_LOG_LINE = TypeAdapter(LogLine)


def figures_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """The figures in a line of the log, by tag."""
    return {tag: value for tag, value in line.items() if tag not in LogLine.model_fields}


def read_metrics(run: RunDirectory) -> list[dict[str, Any]]:
    """All lines of `metrics.jsonl`; what is no such line, as a killed process leaves one, is left out."""
    lines = []
    for line in read_file(run.metrics).splitlines() if run.metrics.is_file() else ():
        with suppress(ValueError):
            lines.append(checked(_LOG_LINE, parse_json(line)).model_dump())
    return lines


def last_step(run: RunDirectory) -> int | None:
    """The step of the last line of `metrics.jsonl`, without reading all of it; None where there is none."""
    try:
        with run.metrics.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            lines = file.read().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        with suppress(ValueError):  # the last one may be half written
            return checked(_LOG_LINE, parse_json(line)).step
    return None


def _log_files(run: RunDirectory) -> dict[str, Path]:
    files = [path for path in (run.metrics, *run.folder.glob("*/events.out.tfevents.*")) if path.exists()]
    return {path.relative_to(run.folder).as_posix(): path for path in files}


def _cut_logs(run: RunDirectory, marks: Mapping[str, int]) -> None:
    """Shorten the files that have a mark to it, and remove those that have none: they are younger than the checkpoint.

    Cutting at byte marks, not at steps, also takes away what the run's end logged at the step of its last checkpoint.
    """
    for name, path in _log_files(run).items():
        if name not in marks:
            remove(path)
        elif path == run.metrics:
            # Written anew in any case: it will be appended to, and a copy of the folder may share the file with the original.
            content = read_file(path)[: marks[name]]
            write_file(path, content[: content.rfind(b"\n") + 1])
        elif path.stat().st_size > marks[name]:
            cut_file(path, marks[name])


def _last_seconds(run: RunDirectory) -> float:
    """Wall-clock time of a run in progress."""
    lines = read_metrics(run)
    return float(lines[-1]["seconds"]) if lines else 0.0
