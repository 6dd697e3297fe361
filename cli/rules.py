"""`nlp rules`: draft rules from training texts, for a person to edit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..terminal import argument
from .console import complete_recipe, notice, only_recipe, say
from .key_completion import complete_key
from .tables import table

if TYPE_CHECKING:
    from ..analysis.rule_drafts import Sheet
    from ..configs.schema.recipe import Recipe

app = typer.Typer(help="Draft rules from training texts.", no_args_is_help=True, rich_markup_mode=None)

SHOWN_KEYWORDS = 5
"""Number of keywords shown per class, the strongest."""


@app.callback()
def _group() -> None:
    """Keep `propose` a subcommand although it is the only one."""


@app.command()
def propose(
    recipe: Annotated[str | None, typer.Argument(help="Recipe with the data: a name such as sst2/rules, or a YAML file.",
                                                    autocompletion=complete_recipe)] = None,
    config: Annotated[str | None, typer.Option("--config", "-c", help="Same as the argument.", autocompletion=complete_recipe)] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", autocompletion=complete_key, help="Override a key of the recipe.")] = None,
    per_class: Annotated[int, typer.Option(min=1, max=1_000, help="Maximum number of keywords per class.")] = 20,
    min_count: Annotated[int, typer.Option(min=1, help="Minimum number of training texts with a keyword.")] = 5,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Recipe file to write; by default named after the data.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Draft rules from the training split, as a recipe to edit: the most informative words and phrases of each class."""
    from ..analysis.rule_drafts import draft_sheet, sheet_yaml
    from ..configs.load import load_recipe, recipe_name
    from ..datasets.build import build_data
    from ..datasets.encoded.texts.labelled_texts import LabelledSplit
    from ..tasks.build import preparation
    from ..training.folder.files import write_atomically
    from .dataset import refuse_data_file
    from .init_recipe import refuse_taken

    name = only_recipe(recipe, config)
    refuse_data_file(name, "a recipe")
    loaded = load_recipe(name, set_ or ())
    _refuse_other_tasks(loaded, name)
    source = recipe_name(name)
    path = output or Path(f"{source.partition('/')[0]}-rules.yaml")
    refuse_taken(path, force)
    data = build_data(loaded.data, None, preparation(loaded.task))
    for each in data.notices:
        notice(each)
    train = data.splits["train"]
    assert isinstance(train, LabelledSplit), "classification data is labelled"
    sheet = draft_sheet(train, data.encoding.labels, per_class, min_count)
    heading = f"Drafted by `nlp rules propose` from the {sheet.n_texts:,} training texts of {source}, to be edited."
    write_atomically(path, sheet_yaml(sheet, heading, _sections(loaded, source)))
    _print(sheet, path)


def _refuse_other_tasks(recipe: "Recipe", name: str) -> None:
    from ..configs.schema.tasks.classification import ClassificationConfig
    from ..errors import ConfigError

    if recipe.task is not None and not isinstance(recipe.task, ClassificationConfig):
        raise ConfigError(f"The recipe {name} has task.type {recipe.task.type}, but rules classify texts. Name a recipe with "
                          "`task: {type: classification}`.")
    if recipe.task is not None and not recipe.task.reads_texts:
        raise ConfigError(f"The recipe {name} has no texts, but rules classify texts. Name another one.")


def _sections(recipe: "Recipe", source: str) -> dict[str, object]:
    """The sections of a recipe besides the model, with full paths of files."""
    assert recipe.task is not None
    return {"description": f"Rules drafted from the training texts of {source}", "data": recipe.data.model_dump(exclude_defaults=True),
            "task": recipe.task.model_dump(exclude_defaults=True)}


def _print(sheet: "Sheet", path: Path) -> None:
    rules = sheet.config.rules
    rows = []
    for label in dict.fromkeys(rule.label for rule in rules):
        keywords = [keyword for rule in rules if rule.label == label for keyword in rule.keywords]
        rows.append([label, str(sum(rule.label == label for rule in rules)), str(len(keywords)), ", ".join(keywords[:SHOWN_KEYWORDS])])
    table(["class", "rules", "keywords", "strongest"], rows, title=f"{path}: {len(rules):,} rules from {sheet.n_texts:,} training texts")
    if sheet.silent:
        notice(f"No word or phrase indicates {', '.join(sheet.silent)}; write rules for it yourself, such as patterns.")
    say(f"The rules classify {sheet.accuracy:.1%} of these training texts correctly.")
    print(f"Next:\n  nlp train --config {argument(path)}\n  nlp eval {argument(path.stem)} --split validation")
