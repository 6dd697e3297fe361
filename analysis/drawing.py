"""The look that all pictures with axes share, and how they are written."""

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
"""Okabe and Ito (2008): told apart by the colour-blind too. Markers tell them apart in grey, and beyond seven."""
MARKERS = "os^Dv<P>X*"
SETTINGS: Any = {"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "nlp"}
"""Text stays text: a dollar sign in a name starts no formula, and an SVG can be searched."""


def style_of(place: int) -> dict[str, Any]:
    """Colour and marker of the n-th of several; no two of seventy have the same."""
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def label(name: str) -> str:
    """A name as a legend shows it, which leaves out what starts with an underscore."""
    return f" {name}" if name.startswith("_") else name


def written(draw: Callable[[], Figure], format_: str, names: str = "") -> bytes:
    """The figure as `png` or `svg`; the same figure gives the same bytes. `names` are texts in it that may need an installed font."""
    other = font_family(frozenset(names))
    families = ["DejaVu Sans", *([other] if other else []), "sans-serif"]
    with matplotlib.rc_context({**SETTINGS, "font.family": families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # an SVG is shown with the reader's fonts, a PNG has boxes
        figure, file = draw(), io.BytesIO()
        if format_ == "svg":
            FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
        else:
            FigureCanvasAgg(figure).print_png(file)
    return file.getvalue()
