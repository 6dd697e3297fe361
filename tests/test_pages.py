"""Pages of the docs that are made from code, or that have to name everything of a kind."""

from pathlib import Path

import nlp
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
