"""`nlp tokenizer`: train the tokenizer of a recipe, or show how it splits texts."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..terminal import argument, on_one_line
from .console import complete_recipe, notice, only_recipe, print_json, say
from .key_completion import complete_key
from .tables import table

if TYPE_CHECKING:
    from ..datasets.arrays import Ragged
    from ..datasets.tokenizers.tokenizer import Tokenizer

app = typer.Typer(help="Train the tokenizer of a recipe, or show how it splits texts.", no_args_is_help=True, rich_markup_mode=None)

Overrides = Annotated[list[str] | None, typer.Option("--set", autocompletion=complete_key,
                                                     help="Override a key, such as tokenizer.vocab_size=4000.")]

SAMPLES = 3
SAMPLE_CHARACTERS = 80
SHOWN_TOKENS = 10
"""Tokens shown from each end of the vocabulary."""


class Trained(NamedTuple):
    """The tokenizer of a recipe, its texts, their encoding, and the time taken."""

    tokenizer: "Tokenizer"
    texts: Mapping[str, Sequence[str]]
    encoded: "Mapping[str, Ragged]"
    seconds: float
    cached: bool


@app.command()
def train(
    recipe: Annotated[str | None, typer.Argument(help="Recipe: a name such as names/lstm, or a YAML file.",
                                                    autocompletion=complete_recipe)] = None,
    config: Annotated[str | None, typer.Option("--config", "-c", help="Same as the argument.", autocompletion=complete_recipe)] = None,
    set_: Overrides = None,
    output: Annotated[Path | None, typer.Option(help="Write the tokenizer to this folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Train the tokenizer of a recipe on its training split, as `nlp train` does."""
    name = only_recipe(recipe, config)
    if output is not None:
        _refuse_taken(output)
    trained = train_recipe(name, set_ or ())
    if output is not None:
        trained.tokenizer.save(output.resolve())
    if json:
        print_json(_figures(trained) | {"output": None if output is None else str(output)})
        return
    took = "taken from the cache" if trained.cached else f"trained in {trained.seconds:.1f} s"
    say(f"{trained.tokenizer.config.type}: {trained.tokenizer.vocab_size:,} tokens, {took}")
    rows = [[name, f"{each['texts']:,}", f"{each['tokens_per_text']:.1f}", f"{each['coverage']:.2%}"]
            for name, each in _figures(trained)["splits"].items()]
    table(["split", "texts", "tokens per text", _coverage_name(trained.tokenizer)], rows)
    _print_pieces(trained.tokenizer, samples(trained.texts["train"]))
    print(f"Written to {output}." if output is not None else f"Next: nlp tokenizer show {argument(name)} \"TEXT\"")


@app.command()
def show(
    target: Annotated[str, typer.Argument(help="A recipe, or the folder of a tokenizer or a run.", autocompletion=complete_recipe)],
    texts: Annotated[list[str] | None, typer.Argument(help="Texts to split; by default some of the recipe's training texts.")] = None,
    set_: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show how a tokenizer splits texts, the share of known tokens, and the first and last tokens of its vocabulary."""
    tokenizer, shown = open_tokenizer(target, set_ or ())
    shown = texts or shown
    unknown = tokenizer.unknown_share(tokenizer.encode(shown))
    head, tail = _vocabulary_ends(tokenizer)
    if json:
        print_json({"type": tokenizer.config.type, "vocab_size": tokenizer.vocab_size, "first": head, "last": tail,
                    "unknown": unknown, "texts": [{"text": text, **pieces(tokenizer, text), **_steps(tokenizer, text)} for text in shown]})
        return
    say(f"{tokenizer.config.type}: {tokenizer.vocab_size:,} tokens")
    print(f"first: {_spaced(head)}")
    print(f"last:  {_spaced(tail)}")
    if shown:
        _print_pieces(tokenizer, shown)
        say(f"{_coverage_name(tokenizer)}: {1 - unknown:.2%}")


def _refuse_taken(output: Path) -> None:
    """Raises ConfigError for a folder that is not empty: it may hold a run's tokenizer, which belongs to its weights."""
    from ..errors import ConfigError

    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ConfigError(f"{output} exists and was not changed. Give --output a new or empty folder.")


def train_recipe(config: str, overrides: Sequence[str]) -> Trained:
    """Train the tokenizer of a recipe, or load it from the cache, and encode the training and validation splits."""
    from ..configs.load import load_recipe
    from ..configs.schema.data import SizesData
    from ..datasets.build import counted_splits, read_texts
    from ..datasets.encoded.cache import Cache
    from ..errors import ConfigError
    from ..tasks.build import preparation
    from ..training.sources.tagger import open_tagger
    from ..training.sources.vectors import open_vectors

    recipe = load_recipe(config, overrides)
    if recipe.tokenizer is None:
        sizes = isinstance(recipe.data, SizesData)
        reason = "data.type is `sizes`, without texts" if sizes else f"model.type {recipe.model.type} reads raw texts"
        raise ConfigError(f"The recipe {config} has no tokenizer: {reason}.")
    if recipe.tokenizer.type == "similarities":
        raise ConfigError(f"The recipe {config} compares both texts of each row and has no tokens to show. Name another recipe.")
    texts = read_texts(recipe.data, preparation(recipe.task))
    cache = Cache(report=notice, open_tagger=open_tagger, open_vectors=open_vectors)
    started = time.perf_counter()
    tokenizer = cache.train(recipe.tokenizer, [text for split in counted_splits(recipe.tokenizer, texts) for text in split])
    encoded = cache.encode(tokenizer, texts["train"])
    seconds = time.perf_counter() - started
    validation = cache.encode(tokenizer, texts["validation"])
    for each in cache.notices:
        notice(each)
    cached = not any(name.startswith("tokenizer") for name in cache.made)
    return Trained(tokenizer, texts, {"train": encoded, "validation": validation}, seconds, cached)


def open_tokenizer(target: str, overrides: Sequence[str]) -> "tuple[Tokenizer, list[str]]":
    """The tokenizer of a folder or a recipe, and sample texts if there are any."""
    from ..datasets.tokenizers.tokenizer import ABOUT, load_tokenizer
    from ..training.sources.tagger import open_tagger

    folder = Path(target).expanduser()
    for place in (folder, folder / "tokenizer"):
        if (place / ABOUT).is_file():
            return load_tokenizer(place, open_tagger=open_tagger), []
    trained = train_recipe(target, overrides)
    return trained.tokenizer, samples(trained.texts["train"])


def samples(texts: Sequence[str]) -> list[str]:
    """The first characters of a few evenly spaced texts."""
    return [texts[place][:SAMPLE_CHARACTERS] for place in range(0, len(texts), max(1, len(texts) // SAMPLES))][:SAMPLES]


def pieces(tokenizer: "Tokenizer", text: str) -> dict[str, Any]:
    """One text encoded: `tokens`, `ids` and, for n-grams, `weights`."""
    encoded = tokenizer.encode([text])
    cut = {"tokens": tokenizer.tokens(encoded.ids), "ids": encoded.ids.tolist()}
    return cut if encoded.weights is None else cut | {"weights": [round(weight, 4) for weight in encoded.weights.tolist()]}


def _steps(tokenizer: "Tokenizer", text: str) -> dict[str, dict[str, str]]:
    """The intermediate steps from text to tokens under `steps`; empty if there are none."""
    between = dict(tokenizer.steps(text)[1:-1])
    return {"steps": between} if between else {}


def _figures(trained: Trained) -> dict[str, Any]:
    splits = {
        name: {
            "texts": len(encoded),
            "tokens": len(encoded.ids),
            "tokens_per_text": round(len(encoded.ids) / max(len(encoded), 1), 2),
            "coverage": round(1 - trained.tokenizer.unknown_share(encoded), 6),
        }
        for name, encoded in trained.encoded.items()
    }
    return {"type": trained.tokenizer.config.type, "vocab_size": trained.tokenizer.vocab_size, "cached": trained.cached,
            "seconds": round(trained.seconds, 3), "splits": splits}


def _coverage_name(tokenizer: "Tokenizer") -> str:
    return "known tokens" if tokenizer.config.ordered else "texts with a known n-gram"


def _vocabulary_ends(tokenizer: "Tokenizer") -> tuple[list[str], list[str]]:
    """The first tokens and, if the vocabulary is longer, the last."""
    size = tokenizer.vocab_size
    return (tokenizer.tokens(range(min(SHOWN_TOKENS, size))),
            tokenizer.tokens(range(max(SHOWN_TOKENS, size - SHOWN_TOKENS), size)))


def _print_pieces(tokenizer: "Tokenizer", texts: Sequence[str]) -> None:
    for text in texts:
        cut = pieces(tokenizer, text)
        print(f"\n{text!r}")
        for name, result in _steps(tokenizer, text).get("steps", {}).items():
            print(f"  {name + ':':<16} {on_one_line(result)}")
        print(f"  {_spaced(cut['tokens'])}")
        print(f"  {' '.join(map(str, cut['ids']))}")
    print()


def _spaced(tokens: Sequence[str]) -> str:
    """Tokens separated by spaces; white space inside them is shown as ␣, ⏎ and ⇥."""
    return " ".join(token.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥") for token in tokens)
