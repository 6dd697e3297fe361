"""The Python API: `nlp.train`, `nlp.load`, `nlp.runs` and `nlp.read`, for notebooks and programs; docs/python.md has examples.

All return plain dictionaries and lists, raise the errors of `nlp.errors`, and import their dependencies when called.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from .errors import ConfigError, DataError

if TYPE_CHECKING:
    from .configs.schema.data import FileData, NamedData
    from .tasks.task import PredictOptions
    from .training.finish import Results
    from .training.open_run import OpenedRun

Row = dict[str, str]
SHOWN_ROWS, SHOWN_CHARACTERS = 5, 100
"""Limits for showing a split in a notebook."""
CHUNK = 64
"""Number of texts to predict together."""


@overload
def train(recipe: str | Path, settings: Mapping[str, Any] | None = None, *, seeds: None = None, name: str | None = None,
          device: str = "auto", threads: int | None = None, progress: bool = True) -> dict[str, Any]: ...
@overload
def train(recipe: str | Path, settings: Mapping[str, Any] | None = None, *, seeds: Sequence[int], name: str | None = None,
          device: str = "auto", threads: int | None = None, progress: bool = True) -> list[dict[str, Any]]: ...
def train(recipe: str | Path, settings: Mapping[str, Any] | None = None, *, seeds: Sequence[int] | None = None, name: str | None = None,
          device: str = "auto", threads: int | None = None, progress: bool = True) -> dict[str, Any] | list[dict[str, Any]]:
    """Train a recipe, given by name (`names/lstm`) or as a YAML file, and save the run under `runs/`, like `nlp train`.

    `settings` overrides keys: `{"training.epochs": 2}`. Returns the run's name, its metrics on each split and its cost; a list of these
    if `seeds` are given or the recipe has several. `progress=False` hides the progress line.
    """
    from .configs.load import load_recipe
    from .terminal import argument
    from .training.jobs import new_jobs
    from .training.log.progress_line import LineDisplay, on_one_line
    from .training.run import train_jobs

    overrides = [*_overrides(settings), *([f"seeds={json.dumps(list(seeds))}"] if seeds is not None else [])]
    loaded = load_recipe(str(recipe), overrides)
    with on_one_line(str(recipe), progress) as line:
        jobs = new_jobs(loaded, str(recipe), name, device, threads)
        trained = train_jobs(jobs, lambda n_steps, first: LineDisplay(n_steps, first, line))
        if trained.stopped_by is not None:
            address = jobs[len(trained.results)].directory.address
            raise KeyboardInterrupt(f"stopped and saved; `nlp train --resume {argument(address)}` continues")
        results = [_figures(result) for result in trained.results]
        line.show(f"finished, {results[-1]['run']}", end="\n")
    return results if seeds is not None or len(results) > 1 else results[0]


def load(run: str | Path, device: str = "auto") -> "Run":
    """Open a finished run by its path, by recipe (`names/lstm`, the latest run), or by name (`names/lstm/NAME`)."""
    from .training.folder.run_directory import find_run
    from .training.open_run import open_run

    return Run(open_run(find_run(str(run)), device))


def runs(recipe: str | None = None) -> list[dict[str, Any]]:
    """All runs, or those of a recipe (`names/lstm`) or dataset (`names`), newest first, as in `nlp runs --json`."""
    from .training.run_summary import summaries_of

    return summaries_of(recipe)


def read(source: str | Path) -> "Splits":
    """Read the splits of a named dataset (`trec`), of a recipe's data (`names/lstm`, `my.yaml`) or of a data file (`reviews.csv`).

    They have all columns and all rows, whatever the recipe's `train_share`.
    """
    import warnings

    from .datasets.read import read_dataset

    dataset = read_dataset(_data(str(source)))
    for notice in dataset.notices:
        warnings.warn(notice, stacklevel=2)
    return Splits({name: Split(table.columns) for name, table in dataset.splits.items()})


class Run:
    """A finished run with its model in memory."""

    def __init__(self, opened: "OpenedRun") -> None:
        from .training.run_summary import saved_results

        self._opened = opened
        self.name, self.path = opened.directory.address, opened.directory.path
        self.recipe: dict[str, Any] = opened.recipe.model_dump(mode="json")
        self.results: dict[str, Any] = dict(saved_results(opened.directory))

    def __repr__(self) -> str:
        return f"<run {self.name}: {self.recipe['model']['type']}>"

    def predict(self, texts: str | Iterable[str] = (), *, length: int | None = None, temperature: float | None = None,  # noqa: PLR0913
                top_k: int | None = None, top_p: float | None = None, beam_size: int | None = None, n_best: int | None = None,
                samples: int | None = None, seed: int = 0, explain: str | None = None, candidates: Iterable[str] | None = None,
                top: int | None = None) -> list[dict[str, Any]]:
        """A dictionary for each text: `text`, `prediction` and, by task and model, `probability`, `probabilities`, `why`, `scores`.

        If a text has no prediction, `prediction` is None and `problem` says why. The options are those of `nlp predict`. A ranking run
        needs `candidates`, texts of which it returns the `top` nearest; a generator takes no texts: `predict(samples=10)`. `explain` is an
        explanation method, such as `auto` or `leave_one_out`; instead of `why` the dictionary then has `explanation`: the `method`,
        `tokens` and `words` with a number each, above 0 for the class and below 0 against it, and the `completeness_error`. `words` is None
        if tokens cannot be mapped to words. Raises ConfigError for a method that does not fit the model.
        """
        from functools import partial

        from .analysis.explanations.methods import explainer
        from .analysis.explanations.own_reasons import own_reasons
        from .tasks.task import PredictOptions

        ranked = None if candidates is None else self._normalized(list(candidates))
        options = PredictOptions(length, temperature, top_k, top_p, beam_size, n_best, None, seed, samples, ranked, top)
        self._check(options)
        inputs = self._normalized([texts] if isinstance(texts, str) else list(texts))
        if inputs and not self._opened.task.reads_texts:
            raise ConfigError(f"{self.name} generates texts from noise and reads none. Leave the texts out: `predict(samples=10, seed=1)`.")
        chunks = [inputs[start : start + CHUNK] for start in range(0, len(inputs), CHUNK)]
        run = self._opened
        reasons = partial(own_reasons, run) if explain is None else explainer(run, explain)
        return [answer.to_json() for answer in run.task.answers(run.model, run.encoding, chunks, options, reasons)]

    def _check(self, options: "PredictOptions") -> None:
        if unused := self._opened.unused(options):
            raise ConfigError(f"{unused[0]} has no effect on predictions of {self.name}, a run of task "
                              f"{self._opened.task.type}. Leave it out.")
        self._opened.task.check_options(self._opened.model, options)

    def _normalized(self, texts: Sequence[str]) -> list[str]:
        """The texts in the Unicode normalisation form that the run was trained on."""
        from .datasets.read import normalized

        for number, text in enumerate(texts, 1):
            if not isinstance(text, str):
                kind = type(text).__name__
                raise DataError(f"Text {number} of {len(texts)} is not a string but {text!r} of type {kind}. Give only strings.")
        return list(normalized(texts, self.recipe["data"]["normalization"]))


class Split(list[Row]):
    """Rows, each a dictionary of text by column; the repr shows their number and columns."""

    def __init__(self, columns: Mapping[str, Sequence[str]]) -> None:
        super().__init__(dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
        self.columns = tuple(columns)

    def column(self, name: str) -> list[str]:
        """All values of a column. Raises DataError if there is no such column."""
        if name not in self.columns:
            raise DataError(f"There is no column {name!r}; the columns are {', '.join(self.columns)}.")
        return [row[name] for row in self]

    def __repr__(self) -> str:
        return f"<{len(self):,} row{'s' * (len(self) != 1)}: {', '.join(self.columns)}>"

    def _repr_html_(self) -> str:
        """The first rows as a table, for notebooks."""
        lines = ["".join(f"<td>{_cell(row[name])}</td>" for name in self.columns) for row in self[:SHOWN_ROWS]]
        head = "".join(f"<th>{_cell(name)}</th>" for name in self.columns)
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{_cell(repr(self))}</p>"


class Splits(dict[str, Split]):
    """The splits of a dataset by name; the repr shows a line for each."""

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {split!r}" for name, split in self.items())


def _overrides(settings: Mapping[str, Any] | None) -> list[str]:
    """The settings as arguments for `--set`; JSON is valid YAML."""
    try:
        return [f"{key}={json.dumps(value, ensure_ascii=False, default=_plain)}" for key, value in (settings or {}).items()]
    except TypeError as error:
        raise ConfigError(f"settings: {error}. Values must be strings, numbers, booleans, None, lists or dictionaries.") from None


def _plain(value: Any) -> Any:
    """Convert types that JSON lacks: numbers and arrays of NumPy and torch, and paths."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{value!r} of type {type(value).__name__} cannot be written in a recipe")


def _figures(results: "Results") -> dict[str, Any]:
    return {"run": results.directory.address, "path": str(results.directory.path), **results.to_json()}


def _data(source: str) -> "NamedData | FileData":
    from .configs.load import load_recipe
    from .configs.schema.data import FileData, NamedData, SizesData

    suffix = Path(source).suffix
    if suffix and suffix not in (".yaml", ".yml"):
        return FileData(type="files", train=source)
    if not suffix and "/" not in source:
        return NamedData(type="named", name=source)
    data = load_recipe(source).data
    if isinstance(data, SizesData):
        raise ConfigError(f"The recipe {source} has `data: {{type: sizes}}`, so there is no data to read.")
    return data


def _cell(text: str) -> str:
    """The text escaped for HTML, and truncated if it is long."""
    from html import escape

    return escape(text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} ...")
