"""Published weights in `nlp data list` and `nlp data get`."""

from typing import TYPE_CHECKING, Any

from .console import print_json, say
from .tables import table

if TYPE_CHECKING:
    from ..models.pretrained.packages import WeightsPackage


def about_weights() -> list[dict[str, Any]]:
    """The weights packages as JSON objects."""
    from ..models.pretrained.packages import PACKAGES

    return [{"name": each.name, "description": each.description, "licence": each.licence, "weights": True, "bytes": each.size,
             "here": _here(each)} for each in PACKAGES.values()]


def print_weights() -> None:
    """Print the weights packages as a table, and the folder of weights."""
    from ..models.pretrained.folder import weights_folder
    from ..models.pretrained.packages import PACKAGES

    print("\nPublished weights that networks can start from:")
    rows = [[each.name, f"{each.size / 1e6:.0f} MB", _here(each), each.licence, each.description] for each in PACKAGES.values()]
    table(["weights", "size", "local", "licence", "description"], rows)
    say(f"Weights folder (NLP_WEIGHTS): {weights_folder()}")


def _here(package: "WeightsPackage") -> str:
    from ..models.pretrained.folder import has_package

    return "yes" if has_package(package) else "no"


def get_package(package: "WeightsPackage", force: bool, json: bool) -> None:
    """Download weights and print where they are."""
    from ..models.pretrained.download import get_weights
    from ..models.pretrained.folder import weights_folder

    written, folder = get_weights(package, force), weights_folder() / package.name
    if json:
        print_json({"name": package.name, "folder": str(folder), "written": [] if written is None else sorted(map(str, written.iterdir()))})
        return
    print(f"Everything is already in {folder}." if written is None else
          f"{len(package.members)} files written to {folder}. Licence: {package.licence}.")
    print(f"Next: nlp config list, or `model: {package.used_as.format(name=package.name)}` in a recipe")
