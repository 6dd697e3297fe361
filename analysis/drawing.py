"""The common style of all plots, and how they are rendered."""

import io
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ..training.log.pictures import font_family

COLOURS = ("#000000", "#D55E00", "#0072B2", "#E69F00", "#009E73", "#56B4E9", "#CC79A7")
"""Okabe and Ito (2008): a colour-blind safe palette. Markers distinguish curves in greyscale, and beyond seven of them."""
MARKERS = "os^Dv<P>X*"
SETTINGS: Any = {"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "nlp"}
"""Keep text as text: a dollar sign in a name does not start a formula, and text in an SVG is searchable."""


def style_of(place: int) -> dict[str, Any]:
    """Colour and marker of the n-th curve; the first seventy combinations are all different."""
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def label(name: str) -> str:
    """A label for a legend; matplotlib hides labels that start with an underscore."""
    return f" {name}" if name.startswith("_") else name


def render(draw: Callable[[], Figure], format_: str, names: str = "") -> bytes:
    """The figure as `png` or `svg`, byte for byte reproducible. `names` is text in the figure that may need another installed font."""
    extra_font = font_family(frozenset(names))
    families = ["DejaVu Sans", *([extra_font] if extra_font else []), "sans-serif"]
    with matplotlib.rc_context({**SETTINGS, "font.family": families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # an SVG uses the viewer's fonts, a PNG shows boxes
        figure, file = draw(), io.BytesIO()
        if format_ == "svg":
            FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
        else:
            FigureCanvasAgg(figure).print_png(file)
    return file.getvalue()
