"""What is printed at the end of training: results that fit the terminal, and `Next:`, commands that fit the task."""

import json
import re
import shlex

import pytest
from nlp.cli.next_steps import print_next_steps
from nlp.cli.report import print_results
from nlp.training.finish import Results
from nlp.training.folder.run_directory import RunDirectory, find_run

TASKS = {
    "classification": ("{type: classification}", "Kowalski", 'nlp predict d/m "Kowalski"'),
    "tagging": ("{type: tagging, scheme: IOB2}", "Tuesday , 3 March", 'nlp predict d/m "Tuesday , 3 March"'),
    "language": ("{type: language_modeling}", "tokens 1 to 128",
                 'nlp predict d/m "The" --length 200 --temperature 0.8'),
    "translation": ("{type: sequence_to_sequence}", "A man said \"no\".", "nlp predict d/m 'A man said \"no\".' --beam-size 5"),
}


def make_run(root, recipe, task, text="x"):
    run = RunDirectory(root / recipe / "first", root)
    (run.path / "predictions").mkdir(parents=True)
    run.config.write_text(f"task: {task}\n", encoding="utf-8")
    run.results.parent.mkdir(parents=True, exist_ok=True)
    run.results.write_text("{}", encoding="utf-8")
    run.predictions("validation").write_text(json.dumps({"row": 0, "text": text}) + "\n", encoding="utf-8")
    return run


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.mark.parametrize("name", TASKS)
def test_each_task_offers_what_its_models_can_do(name, root, capsys):
    task, text, command = TASKS[name]
    print_next_steps(make_run(root, "d/m", task, text))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert any(line.startswith(f"{command}  ") for line in lines), lines
    assert lines[1].startswith("nlp eval d/m ")
    assert not any("compare" in line for line in lines), "there is nothing to compare it with"


def test_commands_can_be_pasted_whatever_the_names_and_texts(root, capsys):
    run = make_run(root, "-my data/it's", TASKS["translation"][0], "-- Oui, dit-il.")
    make_run(root, "-my data/$HOME", TASKS["translation"][0])
    print_next_steps(run)
    commands = [shlex.split(line.partition("  ")[0]) for line in capsys.readouterr().out.replace("\n  ", "\n").splitlines()]
    assert ["nlp", "predict", "./-my data/it's", "--beam-size", "5", "--", "-- Oui, dit-il."] in commands
    assert ["nlp", "compare", "./-my data/it's", "./-my data/$HOME"] in commands
    assert find_run("./-my data/it's").path == run.path


def test_other_recipes_of_the_task_are_compared(root, capsys):
    run = make_run(root, "d/m", TASKS["classification"][0])
    make_run(root, "d/other", TASKS["classification"][0])
    make_run(root, "e/third", TASKS["classification"][0])
    print_next_steps(run, evaluated=True)
    printed = capsys.readouterr().out
    assert "nlp compare d/m d/other  " in printed and "nlp eval" not in printed
    make_run(root, "d/more", TASKS["classification"][0])
    print_next_steps(run)
    assert "nlp compare 'd/*'  " in capsys.readouterr().out
    make_run(root, "d/tags", TASKS["tagging"][0])
    print_next_steps(run)
    assert "'d/*'" not in capsys.readouterr().out, "not all are of one task"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_explanations_go_below_commands_where_there_is_no_room(width, root, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    print_next_steps(make_run(root, "d/m", TASKS["classification"][0], "Kowalski"))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) == (7 if width == 60 else 4)


@pytest.mark.parametrize(("width", "heads"), [(60, "metric               train  validation    test"),
                                              (120, "split         loss  perplexity  accuracy  bits_per_character  word_perplexity")])
def test_results_are_turned_where_there_is_no_room_for_their_headings(width, heads, root, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    figures = {"loss": 1.2345, "perplexity": 3.4366, "accuracy": 0.6543, "bits_per_character": 1.781, "word_perplexity": 46_955.0}
    run = make_run(root, "d/m", TASKS["language"][0])
    print_results([Results(run, 1, dict.fromkeys(("train", "validation", "test"), figures), {"train_seconds": 1.0})], as_json=False)
    lines = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out).splitlines()
    assert lines[1].rstrip() == heads
    assert max(map(len, lines[:7])) <= width
    assert sum(line.count("46,955") for line in lines) == 3
