"""Autoencoder options of `nlp predict`: interpolate between two texts, sample texts, or write codes to a file."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..datasets.arrays import FloatArray
from ..errors import ConfigError, DataError
from ..storage import write_file
from ..tasks.autoencoding import Autoencoding
from ..terminal import on_one_line
from .console import print_json

if TYPE_CHECKING:
    from ..tasks.task import PredictOptions
    from ..training.open_run import OpenedRun
    from .prediction_files import Source


class ByCodes(NamedTuple):
    """The autoencoder options of `nlp predict`, None if not given; `samples` is set only if no text is given."""

    interpolate: int | None
    codes: Path | None
    samples: int | None


def answer_by_codes(run: "OpenedRun", source: "Source", requested: ByCodes, options: "PredictOptions", as_json: bool) -> bool:
    """Carry out the options; returns False if none is given. Raises ConfigError if the run is not an autoencoder."""
    if requested.samples is not None and not (isinstance(run.task, Autoencoding) and run.model.config.variational is not None):
        requested = requested._replace(samples=None)  # they belong to texts from standard input
    given = [f"--{name}" for name, value in requested._asdict().items() if value is not None]
    if not given:
        return False
    if not isinstance(run.task, Autoencoding):
        raise ConfigError(f"{given[0]} is for autoencoders, but the task of {run.directory.address} is {run.task.type}. Leave it out, or "
                          "name a run whose task is autoencoding, such as one of names/autoencoder.")
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} cannot be combined; leave all but one of them out.")
    if requested.interpolate is not None:
        _print_interpolation(run, run.task, source, requested.interpolate, options, as_json)
    elif requested.samples is not None:
        _print_samples(run, run.task, requested.samples, options, as_json)
    elif requested.codes is not None:
        _write_codes(run, run.task, source, requested.codes)
    return True


def _print_interpolation(run: "OpenedRun", task: Autoencoding, source: "Source", n_between: int, options: "PredictOptions",
                         as_json: bool) -> None:
    """Decode the codes of two texts and codes at even steps between them."""
    import numpy as np

    texts = list(source.texts)
    if len(texts) != 2:
        raise ConfigError(f"--interpolate takes exactly two texts, but {len(texts)} are given.")
    first, last = task.codes(run.model, task.preparation.unlabelled(texts, run.encoding))
    shares = np.linspace(0, 1, n_between + 2)
    decoded = task.texts_of(run.model, first + shares[:, None] * (last - first), options)
    for share, text in zip(shares.tolist(), decoded, strict=True):
        if as_json:
            print_json({"share": round(share, 6), "prediction": text}, indent=None)
        else:
            print(f"{share:.2f}  {on_one_line(text)}")


def _print_samples(run: "OpenedRun", task: Autoencoding, n_texts: int, options: "PredictOptions", as_json: bool) -> None:
    """Decode codes sampled from a standard normal distribution, the prior of a variational autoencoder."""
    import numpy as np

    codes = np.random.default_rng(options.seed).standard_normal((n_texts, run.model.config.d_code))
    for text in task.texts_of(run.model, codes, replace(options, samples=None)):
        if as_json:
            print_json({"prediction": text}, indent=None)
        else:
            print(on_one_line(text))


def _write_codes(run: "OpenedRun", task: Autoencoding, source: "Source", path: Path) -> None:
    """Write the code of each text: as a NumPy array (texts, d_code), or as JSON Lines with the texts."""
    texts = list(source.texts)
    if path.suffix not in (".npy", ".jsonl"):
        raise ConfigError(f"--codes {path}: the name must end in .npy (a NumPy array) or .jsonl (a text and its code per line).")
    if not texts:
        raise ConfigError(f"--codes {path}: {source.name} contains no texts.")
    codes = task.codes(run.model, task.preparation.unlabelled(texts, run.encoding))
    try:
        write_file(path, _matrix(codes) if path.suffix == ".npy" else _lines(texts, codes))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}. Give another name with --codes.") from None
    print(f"Wrote {len(texts):,} codes of size {codes.shape[1]} to {path}")


def _matrix(codes: FloatArray) -> bytes:
    import numpy as np

    file = io.BytesIO()
    np.save(file, codes.astype(np.float32))
    return file.getvalue()


def _lines(texts: list[str], codes: FloatArray) -> bytes:
    """JSON Lines; nine significant digits restore each float32 exactly."""
    lines = ({"text": text, "code": [float(f"{number:.9g}") for number in code]} for text, code in zip(texts, codes, strict=True))
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode("utf-8")
