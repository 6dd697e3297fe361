"""TensorBoard event files, written with its own protocol buffers. The rest of its package, slow to import, is not loaded."""

# pyright: reportAttributeAccessIssue=false
# (protocol buffers create their classes at run time, where pyright cannot see them)

import os
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING

from ...storage import make_folder
from .records import record

PREFIX = "events.out.tfevents."


class EventFile:
    """A new event file in `folder`. Each record is flushed at once, so a killed process loses nothing."""

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.path = folder / f"{PREFIX}{_stamp(folder):010d}.{socket.gethostname()}.{os.getpid()}"
        self.file = self.path.open("xb")
        self._write(Event(file_version="brain.Event:2"))

    def add(self, step: int, *values: Summary.Value) -> None:
        """Write the values of one step as one record."""
        self._write(Event(step=step, summary=Summary(value=values)))

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self.file.write(record(event.SerializeToString()))
        self.file.flush()

    def sync(self) -> None:
        """Make sure that all records survive a power cut."""
        os.fsync(self.file.fileno())

    def close(self) -> None:
        self.file.close()


def _stamp(folder: Path) -> int:
    """Seconds since 1970, later than those of existing files: TensorBoard reads files in the order of their names."""
    stamps = [path.name.removeprefix(PREFIX)[:10] for path in folder.glob(f"{PREFIX}*")]
    return max([int(time.time()), *(int(stamp) + 1 for stamp in stamps if re.fullmatch("[0-9]{10}", stamp))])


def scalar(tag: str, value: float) -> Summary.Value:
    """A number, which TensorBoard stores in 32 bits."""
    return Summary.Value(tag=tag, simple_value=value)


def text(tag: str, markdown: str) -> Summary.Value:
    """A text in Markdown, for the Text tab."""
    tensor = TensorProto(dtype=DT_STRING, string_val=[markdown.encode("utf-8")], tensor_shape=TensorShapeProto())
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    return Summary.Value(tag=tag, metadata=metadata, tensor=tensor)


def image(tag: str, png: bytes) -> Summary.Value:
    """A picture; bytes 16 to 24 of a PNG file are its width and height."""
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    return Summary.Value(tag=tag, image=Summary.Image(encoded_image_string=png, width=width, height=height, colorspace=4))


def hparams(trial: str, values: Mapping[str, Any], started: float) -> list[Summary.Value]:
    """A run for the HParams tab: its name, its settings, its start time, and that it finished successfully."""
    from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

    shown = {name: value if isinstance(value, bool | int | float) else str(value) for name, value in sorted(values.items())}
    start = SessionStartInfo(group_name=trial, start_time_secs=started)
    for name, value in shown.items():
        kind = "bool_value" if isinstance(value, bool) else "string_value" if isinstance(value, str) else "number_value"
        setattr(start.hparams[name], kind, value)
    end = SessionEndInfo(status=STATUS_SUCCESS, end_time_secs=time.time())
    return [_of_session("start", HParamsPluginData(session_start_info=start)), _of_session("end", HParamsPluginData(session_end_info=end))]


def _of_session(part: str, content: Any) -> Summary.Value:
    """A summary with all of its content in the metadata."""
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="hparams", content=content.SerializeToString()))
    empty = TensorProto(dtype=DT_FLOAT, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=0)]))
    return Summary.Value(tag=f"_hparams_/session_{part}_info", metadata=metadata, tensor=empty)
