"""The display of a run: a bar on a terminal, plain lines elsewhere, one row for each evaluation."""

import io
import re
from contextlib import redirect_stderr

import pytest
from nlp.training.log.display import Display, announce

FIGURES = {"loss": 0.5, "accuracy": 0.25, "learning_rate": 0.001, "throughput/tokens_per_second": 1234.0}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_an_evaluation_is_one_plain_line():
    with redirect_stderr(io.StringIO()) as plain, Display(20, seed="3") as display:
        assert display.bar is None
        display.step(10, FIGURES)
        display.evaluation(10, {"loss": 0.75, "accuracy": 0.9}, is_best=True)
        display.step(20, {"learning_rate": 0.001})  # keeps the last loss
        display.evaluation(20, {"loss": 1.0, "accuracy": 0.8}, is_best=False)
    rows = [re.sub(r" +\d+\.\d s", "  S", line) for line in plain.getvalue().splitlines()]
    assert rows == ["seed 3  S  step     10/20  train loss 0.500  validation loss 0.7500  accuracy 0.9000  best",
                    "seed 3  S  step     20/20  train loss 0.500  validation loss 1.0000  accuracy 0.8000"]


def test_a_terminal_has_a_bar_and_the_rows_above_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    with redirect_stderr(Terminal()) as terminal, Display(20, first_step=5) as display:
        assert display.bar is not None
        (task,) = display.bar.tasks
        assert (task.completed, task.total) == (5, 20)
        display.step(7, FIGURES)
        assert (task.completed, task.description) == (7, "loss 0.500  accuracy 0.250  rate 0.001  1,234 tokens/s")
        display.evaluation(7, {"accuracy": 0.9}, is_best=False)
    assert display.bar.finished is False
    assert not display.bar.live.is_started
    written = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", terminal.getvalue())
    assert len(re.findall("validation accuracy 0.9000", written)) == 1


@pytest.mark.parametrize(("n_steps", "silent"), [(1, False), (20, True)])
def test_no_bar_for_one_step_and_on_silent_ranks(n_steps, silent):
    with redirect_stderr(Terminal()) as terminal, Display(n_steps, silent=silent) as display:
        assert display.bar is None
        display.line("a notice")
    assert terminal.getvalue() == ("" if silent else "a notice\n")


def test_only_the_first_process_announces(monkeypatch):
    with redirect_stderr(io.StringIO()) as plain:
        announce("first")
        monkeypatch.setenv("RANK", "0")
        announce("again")
        monkeypatch.setenv("RANK", "1")
        announce("never")
    assert plain.getvalue() == "first\nagain\n"


@pytest.mark.parametrize("n_steps", [1, 20])
def test_lines_are_printed_literally(n_steps):
    with redirect_stderr(Terminal()) as terminal, Display(n_steps) as display:
        display.line("Notice: [bold]x[/bold] :smile:")
    assert "Notice: [bold]x[/bold]" in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", terminal.getvalue())
