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
    rows = [re.sub(r"\d+\.\d s", "0.0 s", line) for line in plain.getvalue().splitlines()]
    assert rows == ["            time   step  train loss  validation loss  accuracy",
                    "seed 3     0.0 s  10/20      0.5000           0.7500    0.9000  best",
                    "seed 3     0.0 s  20/20      0.5000           1.0000    0.8000"]


def test_a_terminal_has_a_bar_and_the_rows_above_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    with redirect_stderr(Terminal()) as terminal, Display(20, first_step=5) as display:
        assert display.bar is not None
        (task,) = display.bar.bar.tasks
        assert (task.completed, task.total) == (5, 20)
        display.step(7, FIGURES)
        assert (task.completed, task.description) == (7, "loss 0.500  accuracy 0.250  rate 0.001  1,234 tokens/s")
        display.evaluation(7, {"accuracy": 0.9}, is_best=False)
    assert display.bar is None
    written = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", terminal.getvalue())
    assert len(re.findall(r"\d s +7/20 +0.5000 +0.9000", written)) == 1


BITS = {"loss": 3.3786, "bits_per_character": 4.875}


@pytest.mark.parametrize(("width", "figures"), [(60, "loss 0.500"), (80, "loss 0.500  accuracy 0.250  rate 0.001"),
                                                (120, "loss 0.500  accuracy 0.250  rate 0.001  1,234 tokens/s")])
def test_step_total_and_time_left_are_whole_on_any_terminal(monkeypatch, width, figures):
    monkeypatch.setenv("COLUMNS", str(width))
    with redirect_stderr(Terminal()) as terminal, Display(20_000, seed="3") as display:
        display.step(12_345, FIGURES)
        assert display.bar is not None
        display.bar.bar.refresh()
        display.evaluation(12_345, BITS, is_best=True)
    lines = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", terminal.getvalue()).replace("\r", "\n").splitlines()
    assert max(map(len, lines)) <= width
    assert any(re.fullmatch(rf"step 12345/20000 [━╸╺ ]+ {figures} +[-\d:]+ left *", line) for line in lines), lines
    (row,) = [line.rstrip() for line in lines if line.startswith("seed 3")]
    assert row.endswith("12345/20000     3.3786              4.8750  best" if width == 60 else "3.3786              4.8750  best")
    assert ("0.5000" in row) == (width == 120)


def test_a_solver_shows_how_far_it_is_and_leaves_only_its_evaluation():
    with redirect_stderr(Terminal()) as terminal, Display(1) as display:
        display.fitting("tree", 40, 100)
        assert display.bar is not None
        display.bar.bar.refresh()
        display.scoring("validation")
        display.evaluation(1, BITS, is_best=True)
    written = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", terminal.getvalue())
    assert "fitting: tree 40 of 100" in written
    assert "time  validation loss  bits_per_character" in written


def test_a_long_fit_says_now_and_then_how_far_it_is_where_there_is_no_terminal(monkeypatch):
    monkeypatch.setattr("nlp.training.log.display.PAUSE_SECONDS", 0.0)
    with redirect_stderr(io.StringIO()) as plain, Display(1) as display:
        display.fitting("", 0, None)
        display.fitting("iteration", 2, None)
        monkeypatch.setattr("nlp.training.log.display.PAUSE_SECONDS", 60.0)
        display.fitting("iteration", 4, None)
    assert re.fullmatch(r" +\d\.\d s  fitting: iteration 2\n", plain.getvalue())


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
