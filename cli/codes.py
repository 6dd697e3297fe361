"""What `nlp predict` does with the codes of an autoencoder: texts between two, texts from codes that are drawn, and codes in a file."""

import io
import json
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
    """Options of `nlp predict` that are about codes, None where they are not given."""

    interpolate: int | None
    draw: int | None
    codes: Path | None


def answer_by_codes(run: "OpenedRun", source: "Source", asked: ByCodes, options: "PredictOptions", as_json: bool) -> bool:
    """Do what the options ask for; False where there are none. Raises ConfigError where the run is no autoencoder."""
    given = [f"--{name}" for name, value in asked._asdict().items() if value is not None]
    if not given:
        return False
    if not isinstance(run.task, Autoencoding):
        raise ConfigError(f"{given[0]} is for autoencoders, and the task of {run.directory.address} is {run.task.type}. Leave it out, or "
                          "name a run whose task is autoencoding, such as one of names/autoencoder.")
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} are different things to do; leave all but one of them out.")
    if asked.interpolate is not None:
        _print_between(run, run.task, source, asked.interpolate, options, as_json)
    elif asked.draw is not None:
        _print_drawn(run, run.task, asked.draw, options, as_json)
    elif asked.codes is not None:
        _write_codes(run, run.task, source, asked.codes)
    return True


def _print_between(run: "OpenedRun", task: Autoencoding, source: "Source", n_between: int, options: "PredictOptions",
                   as_json: bool) -> None:
    """The texts that are written from the codes of two texts, and from codes in even steps between them."""
    import numpy as np

    texts = list(source.texts)
    if len(texts) != 2:
        raise ConfigError(f"--interpolate goes from one text to another, so it takes two texts, and {len(texts)} are given.")
    first, last = task.codes(run.model, task.preparation.unlabelled(texts, run.encoding))
    shares = np.linspace(0, 1, n_between + 2)
    written = task.written(run.model, first + shares[:, None] * (last - first), options)
    for share, text in zip(shares.tolist(), written, strict=True):
        if as_json:
            print_json({"share": round(share, 6), "prediction": text}, indent=None)
        else:
            print(f"{share:.2f}  {on_one_line(text)}")


def _print_drawn(run: "OpenedRun", task: Autoencoding, n_texts: int, options: "PredictOptions", as_json: bool) -> None:
    """Texts that are written from codes drawn from the normal distribution that those of a variational autoencoder are held near."""
    import numpy as np

    if run.model.config.variational is None:
        raise ConfigError(f"--draw draws codes from a normal distribution, and those of {run.directory.address} have none that is known. "
                          "Name a run with model.variational, such as one of names/autoencoder-variational.")
    drawn = np.random.default_rng(options.seed).standard_normal((n_texts, run.model.config.d_code))
    for text in task.written(run.model, drawn, options):
        if as_json:
            print_json({"prediction": text}, indent=None)
        else:
            print(on_one_line(text))


def _write_codes(run: "OpenedRun", task: Autoencoding, source: "Source", path: Path) -> None:
    """Write the code of each text: as a matrix of numpy (texts, d_code), or as lines of JSON beside the texts."""
    texts = list(source.texts)
    if path.suffix not in (".npy", ".jsonl"):
        raise ConfigError(f"--codes {path}: give a name that ends in .npy, for a matrix of numpy, or in .jsonl, for a text and its code in "
                          "each line.")
    if not texts:
        raise ConfigError(f"--codes {path}: there is no text in {source.name}.")
    codes = task.codes(run.model, task.preparation.unlabelled(texts, run.encoding))
    try:
        write_file(path, _matrix(codes) if path.suffix == ".npy" else _lines(texts, codes))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}. Give another name with --codes.") from None
    print(f"{len(texts):,} codes of {codes.shape[1]} numbers are in {path}")


def _matrix(codes: FloatArray) -> bytes:
    import numpy as np

    file = io.BytesIO()
    np.save(file, codes.astype(np.float32))
    return file.getvalue()


def _lines(texts: list[str], codes: FloatArray) -> bytes:
    """Nine digits give each number of single precision back."""
    lines = ({"text": text, "code": [float(f"{number:.9g}") for number in code]} for text, code in zip(texts, codes, strict=True))
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode("utf-8")
