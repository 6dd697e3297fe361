"""The confusion matrix on terminals of any width: names, or numbers with a legend, or nothing rather than broken figures."""

import re

import numpy as np
import pytest
from nlp.cli.confusion import CORNER, print_matrix
from nlp.tasks.task import Confusion


def confusion(names: list[str], most: int) -> Confusion:
    return Confusion(names, np.random.default_rng(0).integers(0, most, (len(names), len(names))))


LANGUAGES = ["Croatian", "Dutch", "English", "Estonian", "Finnish", "French", "German", "Icelandic", "Irish", "Italian", "Polish", "Slovak",
             "Spanish", "Swedish", "Zulu"]


@pytest.mark.parametrize(("names", "most", "width", "form"), [
    (["a", "b", "c"], 900, 60, "names"), (["good", "좋아요", "neither"], 900, 60, "names"),
    (LANGUAGES, 90, 60, "legend"), (LANGUAGES, 90, 80, "numbers"), (LANGUAGES, 90, 160, "names"),
    ([f"comp.sys.group{n}" for n in range(20)], 400, 60, None), ([f"comp.sys.group{n}" for n in range(20)], 400, 80, None),
    ([f"comp.sys.group{n}" for n in range(20)], 400, 120, "numbers"),
    *(([f"ENTY:{n}" for n in range(50)], 20, width, None) for width in (60, 80, 120)),
])
def test_the_matrix_fits_or_is_left_out(names, most, width, form, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    found = confusion(names, most)
    assert print_matrix(found) == (form is not None)
    printed = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    if form is None:
        assert printed == ""
        return
    assert CORNER in printed
    assert max(map(len, printed.splitlines())) <= width
    rows = [line for line in printed.splitlines() if re.search(rf"( +(\d+|\.)){{{len(names)}}}$", line)][-len(names):]
    cells = [[int(cell.replace(".", "0")) for cell in row.split()[-len(names):]] for row in rows]
    assert cells == found.matrix.tolist()
    assert ("1 Croatian, 2 Dutch" in printed) == (form == "legend")
    assert all(name in printed for name in names)
