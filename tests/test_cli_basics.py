"""The command itself: help, version, errors in one paragraph, exit codes, completion, and `nlp config`."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import NLP
from command import nlp_process as nlp
from nlp import __version__
from nlp.cli import console, main
from nlp.cli.tables import table
from nlp.configs.load import load_recipe
from nlp.errors import DataError, MissingExtraError, TrainingError

VERBS = ("train", "eval", "predict", "learning-curve", "count-params", "config", "data", "tokenizer", "runs", "tensorboard", "plot",
         "doctor")


def test_help_names_every_verb(tmp_path: Path) -> None:
    for arguments in (("--help",), ("-h",), ()):
        printed = nlp(*arguments, cwd=tmp_path).stdout
        assert all(f"\n  {verb} " in printed for verb in VERBS)
    assert "validate" in nlp("config", cwd=tmp_path).stdout
    assert nlp("--version", cwd=tmp_path).stdout == f"nlp {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(tmp_path: Path, verb: str) -> None:
    assert nlp(verb, "--help", cwd=tmp_path).stdout.startswith(f"Usage: nlp {verb} ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("trian",), "Error: No such command 'trian'. Did you mean 'train'? Try `nlp --help`."),
        (("config", "show"), "Error: Missing argument 'recipe'. Try `nlp config show --help`."),
        (("config", "list", "--jsn"), "Error: No such option: --jsn"),
        (("config", "validate", "names/lsmt"), "Error: There is no recipe 'names/lsmt'; did you mean names/lstm"),
    ],
)
def test_a_wrong_command_line_is_reported_in_one_paragraph(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = nlp(*arguments, cwd=tmp_path, code=2)
    assert done.stderr.startswith(words)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def app(**_: object) -> None:
        raise error

    monkeypatch.setattr(main, "app", app)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (DataError("a.csv:3: there is no column 'text'."), 2, ["Error: a.csv:3: there is no column 'text'."]),
        (MissingExtraError("install nlp-generations[hf]"), 2, ["Error: install nlp-generations[hf]"]),
        (TrainingError("the loss is not finite"), 1, ["Error: the loss is not finite"]),
        (OSError(errno.ENOSPC, "No space left", "runs/x"), 2, ["the disk is full: runs/x could not be written", "NLP_RUNS"]),
        (OSError(errno.ENOSPC, "No space left"), 2, ["the disk is full: a file or connection could not be written"]),
        (OSError(errno.EIO, "Input/output error"), 2, ["a file or connection cannot be used: input/output error"]),
        (UnicodeDecodeError("utf-8", b"a\xff", 1, 2, "invalid start byte"), 2, ["the input is not UTF-8: it contains the byte 0xff"]),
        (PermissionError(errno.EACCES, "Not permitted", "x"), 2, ["x cannot be used: not permitted. Change its permissions"]),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), 2, ["x cannot be used: no such file. Check the path"]),
        (MemoryError(), 2, ["there is not enough memory", "training.batch_size"]),
        (KeyError("x"), 1, ["Error: KeyError: 'x'", "This is a bug in nlp, not in your input", "--debug"]),
        (KeyboardInterrupt(), 130, []),
    ],
)
def test_every_error_ends_in_one_paragraph_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, words: list[str]
) -> None:
    raising(monkeypatch, error)
    assert main.run([]) == code
    printed = capsys.readouterr().err
    assert all(word in printed for word in words)
    assert printed.count("\n") == bool(words)
    assert "Traceback" not in printed
    assert main.run([], debug=True) == code
    assert ("Traceback" in capsys.readouterr().err) == bool(words)


def test_a_fault_names_the_line_it_comes_from(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(console, "json", None)
    monkeypatch.setattr(main, "app", lambda **_: console.print_json({}))
    assert main.run([]) == 1
    assert "(in cli/console.py:" in capsys.readouterr().err


def test_debug_may_come_before_and_after_the_verb(tmp_path: Path) -> None:
    for arguments, variables in (
        (("--debug", "config", "show", "gone.yaml"), {}),
        (("config", "show", "gone.yaml", "--debug"), {}),
        (("config", "show", "gone.yaml"), {"NLP_DEBUG": "1"}),
    ):
        printed = nlp(*arguments, cwd=tmp_path, code=2, **variables).stderr
        assert printed.startswith("Traceback")
        assert printed.splitlines()[-1].startswith("Error: There is no recipe file gone.yaml")
    assert "Traceback" not in nlp("config", "show", "gone.yaml", cwd=tmp_path, code=2).stderr
    assert nlp("config", "show", "--", "--debug", cwd=tmp_path, code=2).stderr.startswith("Error: There is no recipe '--debug'")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        for arguments in (("config", "schema"), ("--version",)):
            done = subprocess.run([NLP, *arguments], cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, check=False)
            assert (done.returncode, done.stderr) == (1, b"")
    finally:
        os.close(writer)


def test_output_is_utf8_wherever_it_goes(tmp_path: Path) -> None:
    recipe = tmp_path / "한국어.yaml"
    recipe.write_text("extends: names/lstm\ndescription: 한국어 – straße\n", encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = nlp("config", "show", recipe, cwd=tmp_path, **ascii_only)
    assert "description: 한국어 – straße" in done.stdout
    assert "\033" not in done.stdout


def test_colours_only_on_a_terminal_and_where_wanted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    console.print_error("x")
    monkeypatch.setenv("NO_COLOR", "1")
    console.print_error("x")
    assert capsys.readouterr().err == "\033[31mError:\033[0m x\nError: x\n"


def test_tables_print_text_literally_and_do_not_break_rows(capsys: pytest.CaptureFixture[str]) -> None:
    table(["token", "count"], [["[CLS] [bold]x", "1,234"], ["y" * 200, "5"]], title="[title]")
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "[title]"
    assert lines[2] == "[CLS] [bold]x" + " " * (200 - 13) + "  1,234"
    assert lines[3] == "y" * 200 + "      5"


def test_completion_of_recipes_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "names/lstm" in console.complete_recipe("names/l")
    assert console.complete_recipe("nothing") == []
    monkeypatch.setenv("NLP_RUNS", str(tmp_path))
    assert console.complete_run("") == []
    (tmp_path / "names" / "lstm" / "first").mkdir(parents=True)
    (tmp_path / "names" / "lstm" / "first" / "config.yaml").touch()
    assert console.complete_run("names") == ["names/lstm", "names/lstm/first"]
    asked = {"_NLP_COMPLETE": "complete_bash", "COMP_WORDS": "nlp config show names/ls", "COMP_CWORD": "3"}
    done = subprocess.run([NLP], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True, env={**os.environ, **asked})
    assert done.stdout.split() == ["names/lstm"]


def test_config_list_and_show(tmp_path: Path) -> None:
    listed = json.loads(nlp("config", "list", "--json", cwd=tmp_path).stdout)
    assert {"name", "description", "task", "dataset", "data"} == set(listed[0])
    rows = [line.split()[0] for line in nlp("config", "list", cwd=tmp_path).stdout.splitlines()]
    assert [row for row in rows if row not in ("recipe", "Next:")] == [each["name"] for each in listed]
    shown = nlp("config", "show", "names/lstm", "--set", "training.epochs=3", cwd=tmp_path).stdout
    assert "  epochs: 3                               # --set training.epochs=3\n" in shown
    plain = nlp("config", "show", "names/lstm", "--plain", cwd=tmp_path).stdout
    assert "#" not in plain
    (tmp_path / "plain.yaml").write_text(plain, encoding="utf-8")
    assert load_recipe(str(tmp_path / "plain.yaml")) == load_recipe("names/lstm")
    reported = json.loads(nlp("config", "show", "names/lstm", "--json", cwd=tmp_path).stdout)
    assert reported["recipe"] == load_recipe("names/lstm").model_dump()
    assert reported["origins"]["model.type"].startswith("configs/names/lstm.yaml:")


def test_config_validate_checks_all(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("extends: names/lstm\nmodel: {hiden_size: 3}\n", encoding="utf-8")
    done = nlp("config", "validate", "bad.yaml", "names/lstm", cwd=tmp_path, code=2)
    assert done.stdout == "names/lstm: OK\n"
    assert done.stderr == "Error: bad.yaml:2:9: model.hiden_size: unknown key 'hiden_size'; did you mean 'hidden_size'?\n"
    assert nlp("config", "validate", "names/lstm", "--set", "seeds=[3]", cwd=tmp_path).stdout == "names/lstm: OK\n"


def test_config_init_writes_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("text,label\na b,x\nc d,y\ne f,x\ng h,y\n", encoding="utf-8")
    printed = nlp("config", "init", "mine.csv", "--model", "cnn", cwd=tmp_path).stdout
    assert printed.startswith("Wrote mine.yaml, a recipe for classification with the model cnn.")
    assert "Text from column 'text', class from column 'label'; train 3, validation 1 rows." in printed
    assert printed.endswith("Next:\n  nlp train --config mine.yaml\n  nlp predict mine --input NEW.csv --output PREDICTED.csv\n")
    assert nlp("config", "validate", "mine.yaml", cwd=tmp_path).stdout == "mine.yaml: OK\n"
    assert "already exists and was not changed" in nlp("config", "init", "mine.csv", cwd=tmp_path, code=2).stderr


def test_a_run_s_recipe_can_be_shown_and_trained_again_under_its_own_name(tmp_path: Path) -> None:
    nlp("train", "--config", "names/rules", "--name", "first", cwd=tmp_path)
    assert "type: rules" in nlp("config", "show", "names/rules/first", cwd=tmp_path).stdout
    assert "There is no recipe 'names/rules/second'" in nlp("config", "show", "names/rules/second", cwd=tmp_path, code=2).stderr
    nlp("train", "--config", "runs/names/rules/first/config.yaml", "--name", "second", cwd=tmp_path)
    assert (tmp_path / "runs" / "names" / "rules" / "second" / "results.json").exists()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["names"]


def test_the_summaries_of_all_commands_fit_on_a_narrow_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    commands = nlp("--help", cwd=tmp_path).stdout.partition("Commands:\n")[2].strip().splitlines()[:-2]
    assert len(commands) == 19
    assert all(line[-1] in ".?" and not line.endswith("...") and len(line) <= 60 for line in commands)


def test_recipes_are_listed_with_task_and_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLP_DATA", str(tmp_path))
    listed = nlp("config", "list", "names/lstm", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[:4] for line in listed] == [["recipe", "task", "data", "description"],
                                                     ["names/lstm", "classification", "built", "in"]]
    assert "to download" in nlp("config", "list", "trec/cnn", cwd=tmp_path).stdout
    (listed,) = json.loads(nlp("config", "list", "counting/gpt2-small", "--json", cwd=tmp_path).stdout)
    assert (listed["name"], listed["task"], listed["data"]) == ("counting/gpt2-small", "language_modeling", "")
    assert "`nlp config list` shows all" in nlp("config", "list", "nothing", cwd=tmp_path, code=2).stderr
