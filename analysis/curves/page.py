"""Learning curves as a self-contained HTML page: sentences, plot and table."""

from collections.abc import Sequence
from html import escape

from .learning_curves import LearningCurves
from .picture import picture
from .table import COLUMNS, rows

STYLE = """body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 1rem auto; padding: 0 1rem; color: #111; background: #fff }
svg { max-width: 100%; height: auto }
.wide { overflow-x: auto }
table { border-collapse: collapse }
th, td { padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid #bbb; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
@media print { body { max-width: none; margin: 0; font-size: 11pt } .wide { overflow: visible } svg, tr { break-inside: avoid } }"""


def page(curves: LearningCurves, sentences: Sequence[str]) -> str:
    """The page as HTML."""
    title = f"Learning curves: {escape(curves.scale.metric)} on {escape(curves.split)}"
    svg = picture(curves, "svg").decode("utf-8")
    drawing = svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{STYLE}
</style>
</head>
<body>
<h1>{title}</h1>
<ul>
{"".join(f"<li>{escape(sentence)}</li>{chr(10)}" for sentence in sentences)}</ul>
{drawing}
<div class="wide">
<table>
<thead><tr>{_cells("th", COLUMNS)}</tr></thead>
<tbody>
{"".join(f"<tr>{_cells('td', row)}</tr>{chr(10)}" for row in rows(curves))}</tbody>
</table>
</div>
</body>
</html>
"""


def _cells(tag: str, texts: Sequence[str]) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)
