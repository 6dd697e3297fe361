"""What data may do to a terminal (nothing), closed standard streams, and tables on narrow screens."""

import io
import json
import re
import subprocess
from pathlib import Path

import pytest
from command import NLP
from hypothesis import given
from hypothesis import strategies as st
from nlp.cli.console import explain, notice, print_error, print_json, say
from nlp.cli.tables import table
from nlp.terminal import Screen, argument, drawing_stream, figure, on_one_line, visible

RULES = """
data: {type: files, train: t.csv}
task: {type: classification}
model: {type: rules, default: a, rules: [{label: b, keywords: [x]}]}
"""


def test_control_characters_are_shown_as_escapes() -> None:
    assert visible("\x1b[31mred\x07\r\x9b\x7f") == "\\x1b[31mred\\x07\\r\\x9b\\x7f"
    assert visible("é 한국\tx\n") == "é 한국\tx\n"
    assert on_one_line("a\tb\nc\u2028d\r\n") == "a\\tb\\nc\\u2028d\\r\\n"


@given(st.text())
def test_no_text_reaches_a_terminal_as_a_control_sequence(text: str) -> None:
    screen = Screen(io.TextIOWrapper(io.BytesIO()))
    assert screen.write(text) == len(text)
    written = screen.original.buffer.getvalue().decode("utf-8")  # pyright: ignore[reportAttributeAccessIssue]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", written)
    assert len(on_one_line(text).splitlines()) <= 1


def test_messages_can_be_read_whatever_they_quote(capsys: pytest.CaptureFixture) -> None:
    print_error(f"t.csv:2 has the label {'x' * 100_000!r}, which no row of train has. Correct it.")
    printed = capsys.readouterr().err
    assert printed.startswith("Error: t.csv:2 has the label 'xxx") and len(printed) < 500
    assert printed.endswith("x', which no row of train has. Correct it.\n") and "[... 99," in printed
    notice(", ".join(f"`column {number}`" for number in range(5_000)))
    printed = capsys.readouterr().err
    assert len(printed) < 10_100 and "`column 0`" in printed and "`column 4999`" in printed
    print_error(mistakes := "\n  ".join(f"r.yaml:{line}:1: unknown key 'k{line}'" for line in range(200)))
    assert capsys.readouterr().err == f"Error: {mistakes}\n"


def test_lines_and_drawings_keep_their_order() -> None:
    screen = Screen(io.TextIOWrapper(io.BytesIO()))
    for number in range(3):
        print(f"line {number}", file=screen)
        print("\x1b[1mbar\x1b[0m", file=drawing_stream(screen))
    written = screen.original.buffer.getvalue().decode()  # pyright: ignore[reportAttributeAccessIssue]
    assert written.splitlines() == ["line 0", "\x1b[1mbar\x1b[0m", "line 1", "\x1b[1mbar\x1b[0m", "line 2", "\x1b[1mbar\x1b[0m"]


def test_json_says_the_same_with_escapes_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "\x1b\x9b\x7fé"})
    printed = capsys.readouterr().out
    assert "\\u009b\\u007fé" in printed
    assert json.loads(printed) == {"text": "\x1b\x9b\x7fé"}


@pytest.mark.parametrize(("closed", "lines"), [("<&-", 2), (">&-", 0), ("2>&-", 2), ("<&- >&- 2>&-", 0)])
@pytest.mark.slow
def test_streams_may_be_closed(tmp_path: Path, closed: str, lines: int) -> None:
    (tmp_path / "t.csv").write_text("text,label\nx y,b\nz,a\n" * 8, encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    subprocess.run([NLP, "train", "--config", "rules.yaml", "--name", "first"], cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(f"'{NLP}' predict rules/first 'one x' {closed}", shell=True, cwd=tmp_path, capture_output=True,
                          encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == lines


FIGURES = st.lists(st.tuples(st.text("ab ", min_size=1, max_size=30), st.floats(0, 1).map("{:.4f}".format),
                             st.integers(0, 10**7).map("{:,}".format)), min_size=1, max_size=4)


@given(rows=FIGURES, width=st.integers(20, 90))
def test_no_figure_is_broken_on_any_screen(rows: list[tuple[str, str, str]], width: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        screen = io.StringIO()
        patch.setattr("sys.stdout", screen)
        patch.setattr(screen, "isatty", lambda: True)
        patch.setenv("COLUMNS", str(width))
        table(["label", "accuracy", "examples"], rows, title="1,523 examples")
        say("accuracy 0.7209 of 14,600 texts, which is 0.0213 more than before")
    printed = re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue())
    assert max(map(len, printed.splitlines())) <= width
    words = printed.split()
    for _, *figures in rows:
        assert all(figure in words for figure in figures)
    assert {"1,523", "0.7209", "14,600", "0.0213"} <= set(words)


def test_a_row_that_has_no_room_is_printed_cell_by_cell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    table(["split", "loss", "f1"], [["test", "1.3618", "0.6286 to 0.9999"]])
    assert capsys.readouterr().out == "\nsplit: test\nloss: 1.3618\nf1: 0.6286 to 0.9999\n"


def test_columns_of_one_name_are_kept_apart(capsys: pytest.CaptureFixture[str]) -> None:
    table(["train", "train"], [["a", "1"], ["b", "2"]])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["train", "train"], ["a", "1"], ["b", "2"]]


@pytest.mark.parametrize("name", ["plain/run", "two words", "it's", '"quoted"', "$HOME", "~/runs", "a*", "", "back\\slash", "-v", "--help"])
def test_an_argument_reaches_the_program_through_a_shell(name: str) -> None:
    done = subprocess.run(["sh", "-c", f"printf '%s|' {argument(name)}"], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == ("./" if name.startswith("-") else "") + name + "|"


def test_a_name_that_is_not_utf8_is_named() -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        'data: {train: "caf\udce9.csv"}'.encode()
    message, code = explain(caught.value)
    assert message.startswith("the name 'caf\\udce9.csv' is not UTF-8")
    assert code == 2


@pytest.mark.parametrize(("value", "shown"), [
    (0.72091, "0.7209"), (-0.5, "-0.5000"), (999.99994, "999.9999"), (46955.8055, "46,956"), (1e6, "1e+06"), (1.2345e300, "1.23e+300"),
    (float("inf"), "inf"), (float("nan"), "nan"),
])
def test_figures_have_as_many_digits_as_say_something(value: float, shown: str) -> None:
    assert figure(value) == shown
