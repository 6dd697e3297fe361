"""The command as a person uses it, on small real data, in a folder of its own."""

import io
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from forked import start

NLP = Path(sys.executable).with_name("nlp")

DATA = """
data: {type: files, train: train.csv, test: test.csv, columns: {text: name, label: language}}
task: {type: classification}
"""
MODELS = {
    "rules": "model: {type: rules, default: Italian, rules: [{label: Polish, pattern: '(ski|cki|icz|ak)$'}, "
             "{label: Spanish, keywords: [Garcia]}]}",
    "naive_bayes": "tokenizer: {type: ngrams, characters: [1, 3]}\nmodel: {type: naive_bayes, alpha: 0.1}",
    "mlp": "tokenizer: {type: characters}\nmodel: {type: mlp, d_embedding: 16, hidden_sizes: [16], dropout: 0.2}",
    "lstm": "tokenizer: {type: characters}\nmodel: {type: lstm, d_embedding: 12, hidden_size: 16, bidirectional: true, dropout: 0.2}",
    "cnn": "tokenizer: {type: characters}\nmodel: {type: cnn, d_embedding: 12, n_filters: 8, filter_widths: [2, 3], dropout: 0.2}",
    "transformer": "tokenizer: {type: characters}\n"
                   "model: {type: transformer, d_model: 16, n_layers: 1, n_heads: 2, d_ff: 32, dropout: 0.1}",
}
TRAINING = "training: {epochs: 3, batch_size: 16, log_every: 5, clip_norm: 1.0, optimizer: {type: adamw, learning_rate: 0.01}}"
NETWORKS = ["mlp", "lstm", "cnn", "transformer"]
LANGUAGES = ("Polish", "Spanish", "Italian")


def names_rows() -> list[tuple[str, str]]:
    """Real surnames of three languages, as the embedded dataset has them."""
    from nlp.configs.schema.data import NamedData
    from nlp.datasets.read import read_dataset

    table = read_dataset(NamedData(type="named", name="names"), ["name", "language"]).splits["train"]
    rows = zip(table.columns["name"], table.columns["language"], strict=True)
    by_language = {language: [] for language in LANGUAGES}
    for name, language in rows:
        if language in by_language:
            by_language[language].append((name, language))
    return [row for language in LANGUAGES for row in by_language[language][:120]]


def write_names(folder: Path) -> None:
    """`train.csv` and `test.csv` with a header."""
    rows = names_rows()
    for name, part in (("train", [row for place, row in enumerate(rows) if place % 5]), ("test", rows[::5])):
        lines = [f'"{surname}",{language}\n' for surname, language in part]
        (folder / f"{name}.csv").write_text("name,language\n" + "".join(lines), encoding="utf-8")


def write_recipe(folder: Path, model: str, training: str = TRAINING, name: str | None = None) -> Path:
    """A small recipe over `train.csv`; `training` is left out for models that have none."""
    path = folder / f"{name or model}.yaml"
    path.write_text("\n".join([DATA, MODELS[model], training if model in NETWORKS else ""]), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Done:
    """What a command printed and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def nlp(*arguments: str | Path, cwd: Path, code: int = 0) -> Done:
    """Run `nlp ARGUMENTS` inside this process, which saves the seconds that importing torch takes, and hold it to an exit code."""
    from nlp.cli.main import run

    arguments = _on_one_thread(arguments)
    printed, warned, before = io.StringIO(), io.StringIO(), Path.cwd()
    os.chdir(cwd)
    try:
        with redirect_stdout(printed), redirect_stderr(warned):
            done = Done(run([str(argument) for argument in arguments]), printed.getvalue(), warned.getvalue())
    finally:
        os.chdir(before)
    return _held(Done(done.returncode, printed.getvalue(), warned.getvalue()), code)


def nlp_process(*arguments: str | Path, cwd: Path, code: int = 0, text: str = "", **variables: str) -> Done:
    """Run `nlp ARGUMENTS` in a process of its own, with `text` on standard input; the libraries are loaded already."""
    with TemporaryDirectory() as folder:
        given, printed, warned = (Path(folder) / name for name in ("given", "printed", "warned"))
        given.write_text(text, encoding="utf-8", newline="")
        process = start(_on_one_thread(arguments), cwd, printed, errors=warned, given=given, **variables)
        process.join(240)
        process.kill()  # where it has not ended
        process.join()
        assert process.exitcode is not None, "it has ended"
        done = Done(process.exitcode, printed.read_text(encoding="utf-8"), warned.read_text(encoding="utf-8"))
    return _held(done, code)


def heeds_ctrl_c() -> None:
    """To be called in a process before its program starts: what a shell starts in the background ignores SIGINT, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _on_one_thread(arguments: Sequence[str | Path]) -> Sequence[str | Path]:
    """So that tests are quick on a busy machine too, where threads that wait for one another are slow."""
    trains = arguments[:1] == ("train",) and "--config" in arguments and "--threads" not in arguments
    return [*arguments, "--threads", "1"] if trains else arguments


def _held(done: Done, code: int) -> Done:
    assert done.returncode == code, f"exit code {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}"
    return done


def results(run: Path) -> dict:
    return json.loads((run / "results.json").read_text(encoding="utf-8"))


def metrics(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def weights(run: Path, which: str = "last") -> bytes:
    """The bytes of the weights that a pointer names."""
    folder = (run / "checkpoints" / which).read_text(encoding="utf-8").strip()
    return (run / "checkpoints" / folder / "model.safetensors").read_bytes()


def interrupted(folder: Path, recipe: str, name: str, number: int, delay: float, **variables: str) -> tuple[int, str]:
    """Train, and send a signal after `delay` seconds of training; the exit code, and what was printed on standard error."""
    printed = folder / f"{name}.printed"
    process = start(["train", "--config", recipe, "--name", name, "--threads", "1"], folder, Path(os.devnull), errors=printed, **variables)
    run = folder / "runs" / recipe.removesuffix(".yaml") / name
    while not (run / "checkpoints" / "last").exists() and process.exitcode is None:
        time.sleep(0.002)
    time.sleep(delay)
    assert process.pid is not None and process.exitcode is None, "still running"
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode is not None, "it has ended"
    return process.exitcode, printed.read_text(encoding="utf-8")


@contextmanager
def failing_at(step: int, error: type[BaseException] = AssertionError) -> Iterator[None]:
    """Training raises this error after so many steps."""
    from nlp.training.loop import trainer

    is_over = trainer._is_over

    def fails(session, cadence):
        if session.progress.step == step:
            raise error("pulled the plug")
        return is_over(session, cadence)

    with patch.object(trainer, "_is_over", fails):
        yield


@contextmanager
def signalled_at(step: int) -> Iterator[None]:
    """Training sees Ctrl-C when it has saved what there is after so many steps."""
    from nlp.training.loop import trainer

    saves = trainer._save

    def stops(learner, meter, session):
        saves(learner, meter, session)
        if session.progress.step == step:
            session.stop.received = signal.SIGINT

    with patch.object(trainer, "_save", stops):
        yield


def timeless(run: Path) -> list[dict]:
    """The log without what depends on the machine's mood."""
    return [{key: value for key, value in line.items() if not key.startswith(("seconds", "throughput", "memory"))} for line in metrics(run)]
