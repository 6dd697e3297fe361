"""The packaged recipes, and finding a recipe by name or path; loads neither the schema nor torch."""

import difflib
import re
from pathlib import Path

from ..errors import ConfigError
from .yaml.locations import PACKAGED

SUFFIXES = (".yaml", ".yml")


def packaged() -> dict[str, Path]:
    """All packaged YAML files by name, `<dataset>/<model>`: recipes, their parents, and lists of rules."""
    return {f"{path.parent.name}/{path.stem}": path for path in sorted(PACKAGED.glob("*/*.yaml"))}


def find_recipe(name_or_path: str, folder: Path | None = None) -> Path:
    """The file of a recipe, given as a path (relative to `folder`, by default the current one) or as the name of a packaged recipe.

    Raises ConfigError with the closest names if there is none.
    """
    path = (folder or Path.cwd()) / name_or_path
    if path.suffix in SUFFIXES or path.is_file():
        if not path.is_file():
            raise ConfigError(f"There is no recipe file {name_or_path}{_instead(name_or_path)}")
        return path
    path = PACKAGED / f"{name_or_path}.yaml"
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name_or_path) or not path.is_file():
        raise ConfigError(f"There is no recipe {name_or_path!r}{_instead(name_or_path)}")
    return path


def is_pattern(text: str) -> bool:
    """Whether the text is a pattern that may match several recipes, such as `names/*`."""
    return bool(set(text) & set("*?["))


def own_name(path: Path) -> Path:
    """The full path of a file under its given name: links are not followed, since their targets may have meaningless names."""
    return path.parent.resolve() / path.name


def recipe_name(name_or_path: str) -> str:
    """The name under which runs of a recipe are stored: `names/lstm` for a packaged recipe, the file's stem for your own."""
    path = own_name(find_recipe(name_or_path))
    return f"{path.parent.name}/{path.stem}" if path.parent.parent == PACKAGED.resolve() else path.stem


def _instead(wanted: str) -> str:
    """The end of an error message: close matches of `wanted`, and what to do."""
    stem = re.sub(r"^(.*/)?configs/", "", wanted.removesuffix(".yaml").removesuffix(".yml"))
    near = difflib.get_close_matches(stem, packaged(), n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(near)}?" if near else "."
    return f"{hint} `nlp config list` shows the recipes that come with the tool; a file of your own is given by its path."
