"""`nlp config`: list, show and validate recipes, and write one for a data file."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ..terminal import argument
from .console import complete_recipe, print_error, print_json
from .key_completion import complete_key
from .tables import table

app = typer.Typer(help="List, show and validate recipes, or write one for a data file.", no_args_is_help=True, rich_markup_mode=None)

Overrides = Annotated[list[str] | None, typer.Option("--set", autocompletion=complete_key,
                                                     help="Override a key, such as model.hidden_size=256.")]


@app.command("list")
def list_(
    group: Annotated[str, typer.Argument(help="Only recipes of this dataset, such as names.", autocompletion=complete_recipe)] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the recipes as JSON.")] = False,
) -> None:
    """List the built-in recipes, with their task and where their data is."""
    from ..configs.yaml.inheritance import packaged_recipes
    from ..errors import ConfigError
    from .data import place_of

    recipes = packaged_recipes(group)
    if not recipes:
        raise ConfigError(f"No built-in recipe is called {group} or starts with {group}/; `nlp config list` shows all.")
    places = {name: "" if name is None else place_of(name) for name in {recipe.dataset for recipe in recipes.values()}}
    if json:
        print_json([{"name": name, **recipe._asdict(), "data": places[recipe.dataset]} for name, recipe in recipes.items()])
        return
    rows = [[name, recipe.task.replace("_", " "), places[recipe.dataset], recipe.description] for name, recipe in recipes.items()]
    table(["recipe", "task", "data", "description"], rows, dispensable=["task", "data"])
    if "to download" in places.values():
        print("Next: nlp data get DATASET, for data to download")


@app.command()
def show(
    recipe: Annotated[str, typer.Argument(help="A name such as names/lstm, a YAML file, or a run.", autocompletion=complete_recipe)],
    set_: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print recipe and origins as JSON.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Omit the origin of each value.")] = False,
) -> None:
    """Print the complete recipe, and where each value comes from."""
    from ..configs.load import load_located
    from ..configs.yaml.writer import dump_recipe, dump_with_origins, origins

    resolved, document = load_located(recipe_or_run(recipe), set_ or ())
    if json:
        print_json({"recipe": resolved.model_dump(), "origins": origins(resolved, document)})
    else:
        print(dump_recipe(resolved) if plain else dump_with_origins(resolved, document), end="")


def recipe_or_run(name: str) -> str:
    """The name itself, or the path of the resolved recipe if it names a run and no recipe."""
    from ..configs.load import find_recipe
    from ..errors import ConfigError, RunError
    from ..training.folder.run_directory import find_run

    try:
        find_recipe(name)
    except ConfigError:
        with suppress(RunError):
            return str(find_run(name).config)
    return name


@app.command()
def schema() -> None:
    """Print the JSON Schema of recipes, for editors.

    It contains the help of every key. `nlp config schema > recipe.schema.json` writes it to a file; docs/environment.md explains
    how to use it in an editor.
    """
    from ..configs.yaml.help import json_schema

    print_json(json_schema())


@app.command()
def validate(
    recipes: Annotated[list[str], typer.Argument(help="Recipes: names or YAML files.", autocompletion=complete_recipe)],
    set_: Overrides = None,
) -> None:
    """Validate recipes, and report all errors with their position.

    For a recipe of `nlp sweep`, both ends of each range and each choice are checked.
    """
    from ..configs.load import load_recipe
    from ..configs.search_space import load_space
    from ..errors import ConfigError

    wrong = 0
    for recipe in recipes:
        try:
            if (space := load_space(recipe, set_ or ())) is None:
                load_recipe(recipe, set_ or ())
            print(f"{recipe}: OK" + (f" for `nlp sweep`, which chooses {' and '.join(mark.name for mark in space.marks)}" if space else ""))
        except ConfigError as error:
            wrong += 1
            print_error(str(error))
    if wrong:
        raise typer.Exit(ConfigError.exit_code)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Your data: .csv, .tsv, .jsonl, .json, .parquet, .xlsx, .conll or fastText lines, also "
                                              "gzipped; a folder with one subfolder per class; or a Hugging Face dataset.")],
    model: Annotated[str | None, typer.Option(help="Model type of the recipe; by default logistic_regression, or ridge (regression), "
                                                   "averaged_perceptron (tagging), perceptron_parser (parsing), bm25 (ranking).")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Recipe file to write; by default named after the data.")] = None,
    text: Annotated[str | None, typer.Option(help="Text or token column; by default inferred from names and content.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of the class, number or tags; by default inferred from names and "
                                                   "content.")] = None,
    validation: Annotated[Path | None, typer.Option(help="Validation file; by default the one named like the training file with `dev`, "
                                                         "`valid` or `validation` in place of `train`.")] = None,
    test: Annotated[Path | None, typer.Option(help="Test file; by default the one named like the training file with `test` in place of "
                                                   "`train`.")] = None,
    task: Annotated[str | None, typer.Option(help="classification, regression, tagging, parsing or ranking; by default inferred "
                                                  "from the content.")] = None,
    other: Annotated[str | None, typer.Option(help="Column of the second text, for pairs of texts; for ranking, the candidate column "
                                                   "(--text is the query column).")] = None,
    relevance: Annotated[str | None, typer.Option(help="For ranking: numeric column with the relevance of the candidate. Without it, every "
                                                       "candidate is the correct answer of its row.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Character encoding, such as cp1252 or cp949; by default UTF-8, or one detected from "
                                                      "the file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a commented recipe for a data file."""
    from ..configs.load import load_recipe
    from ..errors import ConfigError
    from .init_recipe import DEFAULT_MODELS, write_recipe
    from .init_report import predict_arguments, print_data
    from .sample import look_at, with_splits

    if task not in (None, *DEFAULT_MODELS):
        raise ConfigError(f"--task {task}: a recipe can be written for {' or '.join(DEFAULT_MODELS)}. For other tasks, start from a recipe "
                          "in `nlp config list`.")
    if relevance and task not in (None, "ranking"):
        raise ConfigError(f"--relevance is a column for ranking, but --task is {task}; leave one of them out.")
    if other and task in ("tagging", "parsing"):
        raise ConfigError(f"--other is the column of a second text, but --task is {task}; leave one of them out.")
    task = "ranking" if relevance or (other and not label and task is None) else task
    sample, notices = with_splits(look_at(file, text, label, task, encoding, other, relevance), {"validation": validation, "test": test})
    path, model = output or Path(f"{file.resolve().name.split('.')[0]}.yaml"), model or DEFAULT_MODELS[sample.task]
    write_recipe(sample, model, path, force)
    print(f"Wrote {path}, a recipe for {sample.task} with the model {model}. All other keys are listed as comments, with their help.")
    print_data(load_recipe(str(path)),  sample, notices)
    print(f"Next:\n  nlp train --config {argument(path)}\n  nlp predict {argument(path.stem)} {predict_arguments(sample)}")
