"""Latencies of small runs: their shape, and that runs are measured in turns. No assertion is about time."""

import dataclasses

import pytest
from command import nlp
from nlp.analysis.comparison.latency import LEAST_REPEATS, latencies
from nlp.training.folder.run_directory import find_run
from nlp.training.open_run import open_run
from tiny_runs import write_data, write_recipe

FAMILIES = ["naive_bayes", "mlp", "tagger", "language_lstm", "seq2seq"]


class Recording:
    """A task that notes who asks for answers, and of which texts."""

    def __init__(self, task, name, notes):
        self.task, self.name, self.notes = task, name, notes
        self.predict_options, self.preparation = task.predict_options, task.preparation

    def answers(self, model, encoding, chunks, options):
        chunks = [list(chunk) for chunk in chunks]
        self.notes.append((self.name, chunks[0]))
        return self.task.answers(model, encoding, chunks, options)


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Runs of these families, trained and opened again."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)

    def opened(*families):
        for family in families:
            write_recipe(tmp_path, family)
            settings = () if family == "naive_bayes" else ("--set", "training.epochs=1")
            nlp("train", "--config", f"{family}.yaml", "--name", "a", *settings, cwd=tmp_path)
        return [open_run(find_run(f"{family}/a")) for family in families]

    return opened


@pytest.mark.slow
def test_every_run_has_a_latency_for_each_size(opened):
    found = latencies(opened(*FAMILIES), seconds=0.01)
    assert [(each.run, each.texts) for each in found] == [(f"{family}/a", size) for family in FAMILIES for size in (1, 64)]
    for each in found:
        assert 0 < each.lower <= each.milliseconds <= each.upper
        assert each.repeats == LEAST_REPEATS


def test_runs_take_turns_over_the_same_texts(opened):
    notes = []
    runs = [dataclasses.replace(run, task=Recording(run.task, run.recipe.model.type, notes)) for run in opened("naive_bayes", "mlp")]
    latencies(runs, "test", sizes=(1, 3), seconds=0.01)
    assert [name for name, _ in notes] == ["naive_bayes", "naive_bayes", "mlp", "mlp"] * (1 + LEAST_REPEATS)
    for start in range(0, len(notes), 4):
        (_, one), (_, three), (_, one_again), (_, three_again) = notes[start : start + 4]
        assert one == one_again and three == three_again
        assert (len(one), len(three)) == (1, 3)
    assert len({text for _, texts in notes for text in texts}) == 3, "texts of the split, in turns"
    assert all(text.startswith("the ") for _, texts in notes for text in texts)
