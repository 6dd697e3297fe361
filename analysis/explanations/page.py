"""Explanations as a self-contained HTML page without scripts, for phone, screen or paper, dark or light."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ...terminal import visible
from .explanation import Explanation

STYLE = """
:root { color-scheme: light dark; --for: 43, 108, 176; --against: 217, 130, 43; --line: #ddd; }
@media (prefers-color-scheme: dark) { :root { --for: 90, 160, 235; --against: 235, 150, 70; --line: #444; } }
body { font: 16px/1.6 system-ui, sans-serif; margin: 0 auto; max-width: 50rem; padding: 1rem; }
h1 { font-size: 1.2rem; } section { border-top: 1px solid var(--line); padding: .6rem 0; break-inside: avoid; }
.text { overflow-wrap: anywhere; white-space: pre-wrap; margin: .3rem 0; } small { opacity: .75; }
mark { color: inherit; background: rgba(var(--for), var(--part)); border-radius: .2rem; }
mark.against { background: rgba(var(--against), var(--part)); text-decoration: underline dotted; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
td { padding: .1rem .8rem .1rem 0; } td + td { text-align: right; }
@media print { mark { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
LEGEND = ('The stronger the colour, the more a word speaks <mark style="--part:.5">for</mark> the predicted class or '
          '<mark class="against" style="--part:.5">against</mark> it. Attention has no sign: it shows what the model attends to.')
MOST = 10
"""Rows of a table."""
FAINT = 0.05
"""Words below this share of the largest number have no colour."""
STRONGEST = 0.6
"""Opacity of the largest number's colour; the text stays legible on it."""


def page(run: str, explained: Sequence[tuple[Mapping[str, Any], Explanation]]) -> str:
    """The page: for each prediction and its explanation the text with coloured words, and the largest numbers in a table."""
    methods = ", ".join(dict.fromkeys(explanation.method for _, explanation in explained))
    title = escape(visible(f"Why {run} predicts what it predicts: {methods}"))
    sections = "\n".join(_section(answer, explanation) for answer, explanation in explained)
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, '
            f'initial-scale=1"><title>{title}</title><style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n'
            f"<p><small>{LEGEND}</small></p>\n{sections}\n</body></html>\n")


def _section(answer: Mapping[str, Any], explanation: Explanation) -> str:
    probability = f" <small>{answer['probability']:.3f}</small>" if "probability" in answer else ""
    rows = "".join(f"<tr><td>{_text(token)}</td><td>{number:+.3f}</td></tr>" for token, number in explanation.largest(MOST))
    note = f"<small>{escape(explanation.completeness)}</small>" if explanation.completeness else ""
    return (f'<section><b>{_text(str(answer["prediction"]))}</b>{probability}<p class="text" dir="auto">{_coloured(explanation)}</p>'
            f"<details><summary><small>numbers</small></summary><table>{rows}</table></details>{note}</section>")


def _coloured(explanation: Explanation) -> str:
    return "".join(_marked(*piece) if piece.part > FAINT else _text(piece.text) for piece in explanation.pieces())


def _marked(text: str, number: float, part: float) -> str:
    against = ' class="against"' if number < 0 else ""
    return f'<mark{against} style="--part:{STRONGEST * part:.2f}" title="{number:+.3f}">{_text(text)}</mark>'


def _text(text: str) -> str:
    return escape(visible(text))
