"""The tool from Python: what `import nlp` offers, and the examples of docs/python.md."""

import ast
import doctest
import io
import re
import threading
from contextlib import redirect_stdout
from pathlib import Path

import nlp
import numpy as np
import pytest
from command import nlp as command
from command import write_names, write_recipe
from nlp.errors import ConfigError, DataError, RunError
from nlp.training.stop_signal import StopSignal

PAGE = Path(nlp.__file__).parent / "docs" / "python.md"
RULES = "names/rules"


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """Runs and the working folder are the test's own."""
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)


def evaluated(code: str, names: dict) -> str:
    """What a notebook would show of a cell: what it prints, or the value of its last expression."""
    body, printed = ast.parse(code).body, io.StringIO()
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    with redirect_stdout(printed):
        exec(compile(ast.Module(body, []), "<page>", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "<page>", "eval"), names) if last is not None else None
    return printed.getvalue() if value is None else f"{value!r}\n"


def test_the_examples_of_the_page_give_what_it_shows():
    text, names = PAGE.read_text(encoding="utf-8"), {}
    cells = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL)
    assert len(cells) == text.count("```python")
    for code, shown in cells:
        got = evaluated(code, names)
        assert doctest.OutputChecker().check_output(shown, got, doctest.ELLIPSIS), f"{code}\ngives\n{got}"


def test_a_run_is_the_same_as_one_of_the_command(tmp_path, capsys):
    write_names(tmp_path)
    recipe = write_recipe(tmp_path, "cnn")
    ours = nlp.train(recipe, {"training.epochs": np.int64(2)}, name="ours", threads=1)
    shown = capsys.readouterr()
    command("train", "--config", recipe, "--set", "training.epochs=2", "--name", "theirs", cwd=tmp_path)
    theirs = nlp.load("cnn/theirs")
    assert {split: ours[split] for split in ("train", "validation", "test")} == {
        split: theirs.results[split] for split in ("train", "validation", "test")}
    assert (ours["run"], ours["seed"]) == ("cnn/ours", 1)
    assert repr(theirs) == "<run cnn/theirs: cnn>"
    assert shown.out == ""
    assert shown.err.startswith("\r")
    assert shown.err.count("\n") == 1
    assert shown.err.endswith(": finished, cnn/ours\n")


def test_predictions_are_those_of_the_command(tmp_path):
    trained = nlp.train(RULES, progress=False)
    printed = command("predict", RULES, "Kowalski", "Smith", "--json", cwd=tmp_path).stdout
    answers = nlp.load(trained["path"]).predict(text for text in ("Kowalski", "Smith"))
    assert [answer["prediction"] for answer in answers] == re.findall(r'"prediction": "(\w+)"', printed)
    assert answers[0]["why"]["rule"] is not None
    assert nlp.load(RULES).predict("Kowalski") == answers[:1]
    assert nlp.load(RULES).predict([]) == []


def test_more_texts_than_are_predicted_at_a_time_keep_their_order():
    nlp.train(RULES, progress=False)
    texts = [f"name{number}ski" for number in range(nlp.api.CHUNK + 3)]
    assert [answer["text"] for answer in nlp.load(RULES).predict(texts)] == texts


def test_a_decomposed_text_is_read_as_in_training():
    nlp.train(RULES, progress=False)
    assert nlp.load(RULES).predict("Nova\u0301k")[0]["text"] == "Nov\u00e1k"


def test_progress_and_notices(capsys):
    settings = {"data.train_rows": 100, "model.max_iterations": 1}
    with pytest.warns(UserWarning, match="converge") as caught:
        nlp.train("names/logistic-regression", settings, progress=False)
    assert caught[0].filename == __file__
    assert capsys.readouterr() == ("", "")


def test_seeds_give_a_list():
    found = nlp.train(RULES, seeds=[3], progress=False)
    assert [run["seed"] for run in found] == [3]


def test_a_run_in_another_thread():
    """Signals reach the main thread alone, so there is nothing to listen to."""
    found = []
    thread = threading.Thread(target=lambda: found.append(nlp.train(RULES, progress=False)))
    thread.start()
    thread.join()
    assert found[0]["test"]["accuracy"] > 0


def test_a_stopped_run_says_how_to_go_on(tmp_path, monkeypatch):
    write_names(tmp_path)
    recipe = write_recipe(tmp_path, "mlp")
    listening = StopSignal.listening

    def stopped(self):
        self.received = 2
        return listening(self)

    monkeypatch.setattr(StopSignal, "listening", stopped)
    with pytest.raises(KeyboardInterrupt, match="nlp train --resume mlp/mine"):
        nlp.train(recipe, name="mine", progress=False)
    assert nlp.runs("mlp")[0]["status"] == "interrupted"


def test_runs_of_a_recipe():
    assert nlp.runs() == []
    trained = nlp.train(RULES, progress=False)
    (run,) = nlp.runs("names")
    assert (run["run"], run["test"]) == (trained["run"], trained["test"])
    assert nlp.runs("trec") == []


def test_data_of_a_file_and_of_a_recipe(tmp_path):
    write_names(tmp_path)
    whole, of_recipe = nlp.read(tmp_path / "train.csv"), nlp.read(write_recipe(tmp_path, "rules"))
    assert list(whole) == ["train", "validation"]
    assert list(of_recipe) == ["train", "validation", "test"]
    assert repr(nlp.Split({"a": ["x"]})) == "<1 row: a>"


def test_a_split_is_shown_as_html_that_holds_no_markup_of_the_data():
    shown = nlp.Split({"text": ["<b>", "x" * 5000, *"abcdef"]})._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert shown.count("<tr>") == 1 + nlp.api.SHOWN_ROWS
    assert len(shown) < 1000


WRONG = {
    "unknown key": (lambda: nlp.train(RULES, {"model.typ": 1}), ConfigError, "unknown key 'typ'"),
    "no value of a recipe": (lambda: nlp.train(RULES, {"seeds": {1, 2}}), ConfigError, "of type set cannot be written"),
    "no run": (lambda: nlp.load("names/rules"), RunError, "There is no run"),
    "no dataset": (lambda: nlp.read("nams"), DataError, "Did you mean `names`"),
    "no file": (lambda: nlp.read("nothing.csv"), DataError, "nothing.csv"),
    "no data": (lambda: nlp.read("counting/gpt3"), ConfigError, "there is no data to read"),
    "no column": (lambda: nlp.read("names")["test"].column("text"), DataError, "the columns are name, language"),
}


@pytest.mark.parametrize("how", WRONG)
def test_errors_are_the_packages_own(how):
    call, kind, message = WRONG[how]
    with pytest.raises(kind, match=message):
        call()


def test_bad_texts_and_options():
    nlp.train(RULES, progress=False)
    model = nlp.load(RULES)
    with pytest.raises(DataError, match="Text 2 of 2 is not a string but nan of type float"):
        model.predict(["Kowalski", float("nan")])
    with pytest.raises(ConfigError, match="beam_size has no effect"):
        model.predict("Kowalski", beam_size=3)
