"""Vectors for TensorBoard's projector, which draws them in two or three dimensions: two tables and a configuration file."""

from collections.abc import Iterable
from pathlib import Path

from ...storage import make_folder
from ...tasks.task import Points
from ..folder.files import disk_errors, write_atomically

PROJECTOR = "projector_"
"""Prefix of the projector's files; TensorBoard looks for `projector_config.pbtxt` beside the event files of a run."""


def write_projector(folder: Path, points: Points) -> None:
    """Write vectors and their labels into the folder of a sub-run; the file that TensorBoard looks for comes last."""
    with disk_errors(folder):
        make_folder(folder)
    write_atomically(folder / f"{PROJECTOR}tensors.tsv", "".join(_line(f"{number:.6g}" for number in vector) for vector in points.vectors))
    rows = [_line(row) for row in zip(*points.columns.values(), strict=True)]
    header = [_line(points.columns)] if len(points.columns) > 1 else []  # TensorBoard expects no header for a single column
    write_atomically(folder / f"{PROJECTOR}metadata.tsv", "".join([*header, *rows]))
    write_atomically(folder / f"{PROJECTOR}config.pbtxt",
                     f'embeddings {{ tensor_name: "{points.name}" tensor_path: "{PROJECTOR}tensors.tsv" '
                     f'metadata_path: "{PROJECTOR}metadata.tsv" }}\n')


def _line(cells: Iterable[str]) -> str:
    """A line of tab-separated cells; white space within a cell becomes single spaces."""
    return "\t".join(" ".join(cell.split()) for cell in cells) + "\n"
