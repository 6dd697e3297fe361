"""`nlp eval --generate`: scores of generated texts by a classifier, as a table or as JSON."""

from typing import TYPE_CHECKING

from ..terminal import figure, visible
from .console import print_json
from .tables import table

if TYPE_CHECKING:
    from ..analysis.generation import Generation

MEANINGS = {"assigned": "assigned to their label by the judge", "copied": "copied from training", "different": "different from each other"}


def print_generation(found: "Generation", as_json: bool) -> None:
    """Print the scores of generated texts, and counts by label."""
    if as_json:
        print_json(found.to_json())
        return
    intervals = {name: found.interval(name) for name in MEANINGS}
    rows = [[MEANINGS[name], figure(value), " to ".join(map(figure, intervals[name] or ()))] for name, value in found.figures.items()]
    settings = f"labels as in {found.split}, temperature {found.temperature:g}, seed {found.seed}"
    table(["share of the texts", "value", "95 % interval"], rows, title=f"{len(found.texts):,} texts of {found.run}, {settings}")
    print(f"Judge: {found.judge}, with accuracy {figure(found.judge_accuracy)} on the real texts of {found.split}")
    each = [[label, f"{asked:,}", f"{right:,}", f"{copied:,}", visible(new)] for label, asked, right, copied, new in found.by_label()]
    table(["label", "texts", "assigned", "copied", "new example"], each)
