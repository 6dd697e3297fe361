"""Pages of the docs that are made from code, or that have to name everything of a kind."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import nlp
import pytest
from makers import script
from nlp.configs.schema.training import TrainingConfig

ROOT = Path(nlp.__file__).parent


def test_the_page_of_keys_is_what_the_script_makes_of_the_schema():
    made = script("make_keys_page").content()
    assert (ROOT / "docs" / "keys.md").read_text(encoding="utf-8") == made, "run `python scripts/make_keys_page.py`"
    assert "| `accumulate` | whole number ≥ 1 | `1` | Micro-batches" in made
    assert all(f"| `{key}` |" in made.partition("\n## training\n")[2] for key in TrainingConfig.model_fields)


def test_every_key_has_help():
    empty = [line for line in script("make_keys_page").content().splitlines() if line.endswith("|  |")]
    assert not empty


def test_the_page_of_other_tools_names_is_what_the_script_makes():
    made = script("make_names_elsewhere_page").content()
    assert (ROOT / "docs" / "names_elsewhere.md").read_text(encoding="utf-8") == made, "run `python scripts/make_names_elsewhere_page.py`"
    assert "| `gradient_accumulation_steps` | `training.accumulate` |  |" in made


def variables(path: Path) -> set[str]:
    """Names of environment variables in a file that reads or sets any: texts in capitals."""
    text = path.read_text(encoding="utf-8")
    texts = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {each for each in texts if re.fullmatch(r"[A-Z][A-Z_]{3,}", each)} if "environ" in text else set()


def test_the_page_of_variables_has_all_that_are_read():
    folders = [path.parent for path in ROOT.glob("*/__init__.py")]
    files = [*ROOT.glob("*.py"), *(path for folder in folders for path in folder.glob("**/*.py"))]
    read = set[str]().union(*map(variables, files))
    rows = re.findall(r"^\|(.*?)\|", (ROOT / "docs" / "environment.md").read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}
    assert {"NLP_RUNS", "SLURM_ARRAY_TASK_ID", "WORLD_SIZE", "NO_COLOR"} <= read
    assert named == read


def test_the_index_has_every_page():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in (ROOT / "docs").iterdir() if path.suffix in (".md", ".ipynb")}
    assert set(re.findall(r"^\| \[([\w.]+)\]", index, re.MULTILINE)) | {"README.md"} == pages


def test_the_site_is_built_without_a_warning_and_has_every_page(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs-material is not installed; the extra `docs` has it")
    site = tmp_path / "site"
    variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site], cwd=ROOT, env=variables,
                          capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"README"} | {"index", "start", "contributing", "404"}
    assert {path.stem for path in site.glob("*.html")} == pages
    assert (site / "source" / "training" / "run.py").read_bytes() == (ROOT / "training" / "run.py").read_bytes()
    assert 'href="runs.html' in (site / "index.html").read_text(encoding="utf-8")
    assert 'href="data.html#your-own-files"' in (site / "start.html").read_text(encoding="utf-8")
    assert "tokenizer" in (site / "search" / "search_index.json").read_text(encoding="utf-8")
