"""Makes `docs/names_elsewhere.md`, what other tools call the keys of a recipe.

    python scripts/make_names_elsewhere_page.py

It is to be run after each change of `configs/yaml/names_elsewhere.py`; a test compares the page with what this script makes.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import nlp
from nlp.configs.yaml.names_elsewhere import NAMES, Meant

PAGE = Path(nlp.__file__).parent / "docs" / "names_elsewhere.md"
INTRODUCTION = """# What it is called elsewhere

For those who know another tool: its names, and the keys of a recipe here ([keys.md](keys.md) explains them). Those of Hugging Face are of
`transformers` 4 and 5. A recipe or `--set` with one of these names is answered with ours, and so is an option such as
`nlp train --config names/lstm --epochs 3`:

```
Error: --set training.warmup_ratio=0.1: training.warmup_ratio: unknown key 'warmup_ratio'; it is called training.schedule.warmup_share here.
Error: No such option: --epochs. It is a key of the recipe, so write --set training.epochs=VALUE. Try `nlp train --help`.
```

This page is made by `scripts/make_names_elsewhere_page.py` from `configs/yaml/names_elsewhere.py`.
"""


def content() -> str:
    """The page."""
    return "\n".join([INTRODUCTION, *(line for tool, names in NAMES.items() for line in _table(tool, names))])


def _table(tool: str, names: Mapping[str, Meant]) -> Iterator[str]:
    yield f"## {tool}\n\n| there | here | |\n|---|---|---|"
    yield from (f"| `{name}` | {_here(meant)} | {meant.note} |" for name, meant in names.items())
    yield ""


def _here(meant: Meant) -> str:
    return meant.instead or f"`{meant.key}{f': {meant.value}' if meant.value else ''}`"


def main() -> None:
    """Write the page."""
    PAGE.write_text(content(), encoding="utf-8")
    print(f"{PAGE}: {sum(map(len, NAMES.values()))} names")


if __name__ == "__main__":
    main()
