"""Makes `docs/captions.png`, pictures of a test split with what a run writes under them, from the run that is named.

    python scripts/make_captions_picture.py digits/captions/NAME

The first twenty, then those that are put in wrong words, up to ten.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import nlp
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from nlp.datasets.formats.pictures import read_picture

PICTURE = Path(nlp.__file__).parent / "docs" / "captions.png"
FIRST, WRONG, COLUMNS = 20, 10, 10


def chosen(run: nlp.Run) -> list[tuple[str, str, str]]:
    """Pixels, what the run writes, and what is right."""
    rows = nlp.read(run.path / "config.yaml")["test"]
    source, target = (run.recipe["task"][key] for key in ("source", "target"))
    written = [each["prediction"] for each in run.predict(rows.column(source))]
    found = list(zip(rows.column(source), written, rows.column(target), strict=True))
    return found[:FIRST] + [each for each in found if each[1] != each[2]][:WRONG]


def draw(axes: Axes, pixels: str, written: str, right: str) -> None:
    """One picture and its words; wrong ones in red, with the right ones."""
    axes.imshow(read_picture(pixels, "here"), cmap="gray_r")
    axes.set_axis_off()
    wrong = written != right
    axes.set_title(f"{written}\n(is {right})" if wrong else written, fontsize=9, color="#D55E00" if wrong else "black", y=-0.12, va="top")


def picture(found: Sequence[tuple[str, str, str]]) -> None:
    """Writes the file."""
    n_lines = -(-len(found) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * 0.9, n_lines * 1.3), layout="constrained")
    places = figure.subplots(n_lines, COLUMNS, squeeze=False).flatten()
    for axes in places:
        axes.set_axis_off()
    for axes, (pixels, written, right) in zip(places, found, strict=False):
        draw(axes, pixels, written, right)
    FigureCanvasAgg(figure).print_png(PICTURE)


if __name__ == "__main__":
    picture(chosen(nlp.load(sys.argv[1])))
