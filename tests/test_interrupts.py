"""Ctrl-C during calls of libraries that do not look at signals, and where the end of a step would save nothing."""

import os
import signal
import threading
import time

import pytest
from nlp.datasets.interruptible import interruptible
from nlp.training.jobs import Job, discarded_unless_started
from nlp.training.stop_signal import StopSignal


@pytest.fixture
def ctrl_c(monkeypatch):
    """Python's own handler, which a shell takes away from what it starts in the background; then Ctrl-C after 0.2 seconds."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    yield timer.start
    timer.cancel()
    timer.join()
    signal.signal(signal.SIGINT, before)


def test_a_long_call_is_interrupted(ctrl_c):
    end, started = threading.Event(), time.monotonic()
    ctrl_c()
    with pytest.raises(KeyboardInterrupt):
        interruptible(lambda: end.wait(60))
    end.set()
    assert time.monotonic() - started < 5


def test_results_and_errors_are_those_of_the_call():
    assert interruptible(lambda: threading.current_thread() is threading.main_thread()) is False
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 / 0)


def test_a_fit_is_stopped_by_the_first_signal_and_steps_by_the_second(ctrl_c):
    with StopSignal().listening() as stop:
        ctrl_c()
        time.sleep(0.5)
        assert stop.received == signal.SIGINT
        stop.at_once = True
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_solvers_stop_at_once(tmp_path, monkeypatch):
    """As the command trains them: the signal comes in the middle of the fit."""
    from command import write_names, write_recipe
    from nlp.cli.main import INTERRUPTED, run
    from nlp.models.classical.classifier import Classical

    monkeypatch.chdir(tmp_path)
    write_names(tmp_path)
    write_recipe(tmp_path, "naive_bayes")
    monkeypatch.setattr(Classical, "fit", lambda *_, **__: (os.kill(os.getpid(), signal.SIGINT), time.sleep(60)))
    assert run(["train", "--config", "naive_bayes.yaml", "--name", "a"]) == INTERRUPTED
    assert not (tmp_path / "runs/naive_bayes/a/results.json").exists()


@pytest.mark.parametrize("started", [True, False])
def test_what_is_said_where_a_run_is_interrupted(started, tmp_path, monkeypatch, capsys):
    from nlp.training.folder.run_directory import create_run

    monkeypatch.setenv("NLP_RUNS", str(tmp_path))
    directory = create_run("recipe", "a")
    if started:
        directory.data.write_text("{}")
    with pytest.raises(KeyboardInterrupt), discarded_unless_started([Job(None, directory, "cpu", 1, is_new=True)]):
        raise KeyboardInterrupt
    printed = capsys.readouterr().err
    assert ("nlp train --resume" in printed) == started
    assert directory.path.exists() == started
