"""The notebook of the docs: its cells run one after another in a fresh process, and no output is kept in the file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nlp
import pytest
from command import NLP

NOTEBOOK = Path(nlp.__file__).parent / "docs" / "first_steps.ipynb"


def code_cells() -> list[dict]:
    return [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def as_script(code: str) -> str:
    """The code of a cell as Python: a line that starts with `!` is a command, as in IPython, and must not fail."""
    lines = [f"subprocess.run({line[1:]!r}, shell=True, check=True)" if line.startswith("!") else line for line in code.splitlines()]
    return "\n".join(lines)


def test_no_outputs_are_committed():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code_cells())


@pytest.mark.slow
def test_the_cells_run_one_after_another(tmp_path):
    script = "\n".join(["import subprocess", *(as_script("".join(cell["source"])) for cell in code_cells())])
    path = os.pathsep.join([str(NLP.parent), os.environ["PATH"]])
    variables = {**os.environ, "NLP_RUNS": str(tmp_path / "runs"), "NLP_DATA": str(tmp_path / "none"), "PATH": path}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=variables, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "rules      Kowalski   Polish" in done.stdout
    assert "linear-svm Lindqvist  Swedish" in done.stdout
    assert "Rules are right on" in done.stdout and "beats rules by" in done.stdout
    assert (tmp_path / "curves.png").stat().st_size > 10_000
