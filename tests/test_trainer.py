"""The loop by itself, with a learner that only counts and a task whose validation scores are given."""

import signal
import time
from contextlib import contextmanager

import numpy as np
import pytest
from command import write_names
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import SizesData
from nlp.datasets.encoded.batching import Plan, RowOrder, TimedPlan
from nlp.datasets.encoded.split import Batch, Data, Encoding, Target
from nlp.errors import TrainingError
from nlp.tasks.predictions import Predictions
from nlp.training.devices import Setting
from nlp.training.distributed import World
from nlp.training.folder.run_directory import create_run
from nlp.training.log.tracking import read_metrics
from nlp.training.loop.trainer import fit
from nlp.training.session import Meter, Progress, Session, open_session

ROWS, BATCH = 10, 4
"""Three steps in an epoch."""

RECIPE = """
data: {type: files, train: train.csv, columns: {text: name, label: language}}
tokenizer: {type: characters}
task: {type: classification}
model: {type: mlp, d_embedding: 4}
training: {epochs: 6, batch_size: 4, log_every: 2, optimizer: {type: sgd, learning_rate: 0.1}}
"""


class Rows:
    """A split of numbers."""

    def __init__(self, name):
        self.name, self.lengths = name, None

    def __len__(self):
        return ROWS

    def batch(self, rows, inputs, random=None):
        return Batch(rows, {"x": rows}, {"y": Target(rows, np.ones(len(rows), bool))})

    def evaluation_batches(self, most=None):
        return [np.arange(ROWS)]

    def length_notices(self, longest):
        return []

    def example(self, row):
        return {"where": f"row {row}", "text": f"text {row}", "label": ""}


class Counting:
    """A learner that notes what it is asked to do."""

    model = None

    def __init__(self, bad=0):
        self.steps, self.rows, self.watched, self.scores, self.saved, self.bad = [], [], [], [], [], bad

    def update(self, window, step, watched):
        self.steps.append(step)
        self.rows += [row for batch in window for row in batch.rows.tolist()]
        self.watched += [step] if watched else []
        return {"loss": (float(step), 1.0)}

    def figures(self):
        return {"learning_rate": 0.5}

    def bad_step(self):
        return self.bad

    def explain_bad_step(self, window, step):
        return f"layer 7 of {sum(map(len, window))} rows"

    def evaluated(self, score):
        self.scores.append(score)

    @contextmanager
    def evaluating(self):
        yield self.model

    def save(self, folder):
        self.saved.append(int(folder.name.split("-")[1].split(".")[0]))
        (folder / "weights").write_text("w")

    def state(self):
        return {"n": len(self.steps)}

    def resume(self, folder, state):
        self.resumed = state


class Scripted:
    """A task whose metrics are given, one dictionary for each evaluation."""

    def __init__(self, metrics):
        self.waiting = iter(metrics)

    key_metrics = ("loss", "accuracy")

    def heading(self, metric):
        return metric

    def traced(self, model, batch):
        return Predictions(batch.rows)

    def completed(self, predictions):
        return predictions

    def trouble(self, evaluations):
        return None

    def sample_texts(self, predictions):
        return ()

    def metrics(self, predictions):
        assert predictions.rows.tolist() == list(range(ROWS)), "every row once"
        return next(self.waiting)


class NoModel:
    """What prediction reads of a model."""

    class config:
        inputs = frozenset()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Train with these validation scores and overrides; returns learner, session, and what `fit` returned."""
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    write_names(tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")

    def run(scores, *overrides, directory=None, learner=None, stop_after=None, metric="accuracy", losses=None):
        recipe = load_recipe(str(tmp_path / "recipe.yaml"), overrides)
        learner = learner or Counting()
        learner.model = NoModel
        training = recipe.training
        order = RowOrder(ROWS, BATCH, seed=1)
        timed = training.budget is not None
        plan = TimedPlan(order, training.budget.seconds) if timed else Plan(order, training.epochs, training.steps, training.accumulate)
        data = Data({"train": Rows("train"), "validation": Rows("validation")}, Encoding(SizesData(type="sizes")))
        task = Scripted([{"loss": loss, metric: score} for score, loss in zip(scores, losses or [1.0] * len(scores), strict=True)])
        with open_session(recipe, Setting(1), directory or create_run("recipe", "a"), data, plan, learner) as session:
            if stop_after is not None:
                update = learner.update

                def stopping(window, step, watched):
                    if step == stop_after:
                        session.stop.received = signal.SIGTERM
                    return update(window, step, watched)

                learner.update = stopping
            finished = fit(learner, task, data, plan, session)
        return learner, session, finished

    return run


def test_every_step_is_taken_once_and_each_epoch_is_evaluated_and_saved(run):
    learner, session, finished = run([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert finished
    assert learner.steps == list(range(1, 19))
    assert sorted(learner.rows) == sorted([*range(ROWS)] * 6)
    assert learner.saved == [3, 6, 9, 12, 15, 18]
    assert learner.scores == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert (session.progress.best_step, session.progress.best_score, session.progress.waited) == (18, 0.6, 0)
    assert learner.watched == list(range(2, 19, 2))


def test_each_evaluation_is_shown_with_the_last_loss_and_whether_it_is_the_best(run, capsys):
    run([0.1, 0.3, 0.2, 0.4, 0.4, 0.1], "training.log_every=3")
    head, *rows = capsys.readouterr().err.splitlines()
    assert head.split() == ["time", "step", "train", "loss", "validation", "loss", "accuracy"]
    assert [row.split(" s ")[1].split() for row in rows] == [
        [f"{step}/18", f"{step - 1:.4f}", "1.0000", f"{score:.4f}", *best]
        for step, score, best in [(3, 0.1, ["best"]), (6, 0.3, ["best"]), (9, 0.2, []), (12, 0.4, ["best"]), (15, 0.4, []), (18, 0.1, [])]
    ]


def test_throughput_is_tokens_by_seconds_since_the_last_reading(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("nlp.training.session.time.monotonic", lambda: now[0])
    meter = Meter({})
    batch = Batch(np.arange(3), {"lengths": np.array([10, 20, 30])}, {})
    meter.add({"loss": (1.0, 2.0)}, [batch, batch])
    now[0] = 104.0
    assert meter.tokens_per_second(World()) == 30.0


def test_logs_are_means_since_the_last_one(run):
    _, session, _ = run([0.1] * 6, "training.log_every=4")
    train = [(line["step"], line["loss"]) for line in read_metrics(session.directory) if line["split"] == "train"]
    assert train == [(4, 2.5), (8, 6.5), (12, 10.5), (16, 14.5), (18, 17.5)]
    assert all(line["learning_rate"] == 0.5 for line in read_metrics(session.directory) if line["split"] == "train")


def test_of_equal_scores_the_lower_loss_is_best(run):
    _, session, _ = run([0.5, 0.5, 0.5, 0.4, 0.5, 0.5], losses=[0.9, 0.7, 0.8, 0.1, 0.7, 0.9])
    assert (session.progress.best_step, session.progress.best_loss) == (6, 0.7)
    assert session.progress.waited == 5, "an equal score is no improvement"
    assert (session.directory.checkpoints / "best").read_text() == "step-6\n"


def test_min_delta_is_for_stopping_alone(run):
    scores = [0.50, 0.54, 0.58, 0.64, 0.69, 0.70]
    learner, session, _ = run(scores, "training.early_stopping={patience: 3, min_delta: 0.1}")
    assert learner.steps[-1] == 18, "small gains add up: 0.64 is more than 0.1 above 0.50"
    assert (session.progress.best_step, session.progress.best_score, session.progress.waited) == (18, 0.70, 2)
    learner, session, _ = run([0.5, 0.51, 0.52, 0.53, 0.6, 0.7], "training.early_stopping={patience: 2, min_delta: 0.1}")
    assert (learner.steps[-1], session.progress.best_step) == (9, 9)


def test_training_stops_after_patience_evaluations_without_improvement(run):
    learner, session, finished = run([0.3, 0.5, 0.5, 0.4, 0.9, 0.9], "training.early_stopping={patience: 2}")
    assert finished
    assert learner.steps[-1] == 12
    assert (session.progress.best_step, session.progress.best_score, session.progress.waited) == (6, 0.5, 2)
    assert (session.directory.checkpoints / "best").read_text() == "step-6\n"
    assert (session.directory.checkpoints / "last").read_text() == "step-12\n"


def test_an_improvement_starts_the_patience_again(run):
    learner, session, _ = run([0.3, 0.2, 0.4, 0.3, 0.5, 0.4], "training.early_stopping={patience: 2}")
    assert learner.steps[-1] == 18
    assert session.progress.best_step == 15


def test_without_early_stopping_nothing_stops(run):
    learner, session, _ = run([0.9, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert learner.steps[-1] == 18
    assert session.progress.best_step == 3


def test_a_metric_that_is_better_when_lower(run):
    learner, session, _ = run([0.3, 0.2, 0.4, 0.1, 0.5, 0.6], "training.best_metric=loss", metric="loss")
    assert session.progress.best_step == 12
    assert learner.scores == [-0.3, -0.2, -0.4, -0.1, -0.5, -0.6]


def test_evaluations_and_checkpoints_between_the_ends_of_epochs(run):
    learner, session, _ = run([0.1] * 5, "training.evaluate_every=4", "training.checkpoints.every_steps=5")
    assert [line["step"] for line in read_metrics(session.directory) if line["split"] == "validation"] == [4, 8, 12, 16, 18]
    assert learner.saved == [4, 5, 8, 10, 12, 15, 16, 18]
    kept = sorted(int(path.name[5:]) for path in session.directory.checkpoints.glob("step-*"))
    assert kept == [4, 16, 18], "the best one, and the last two"


def test_checkpoints_by_the_clock(run, monkeypatch):
    """Steps of 16 seconds: one minute has passed after four of them, and an evaluation starts it again."""
    clock, learner = [0.0], Counting()
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    update = learner.update

    def slow(window, step, watched):
        clock[0] += 16
        return update(window, step, watched)

    learner.update = slow
    run([0.1] * 2, "training.evaluate_every=9", "training.checkpoints.every_minutes=1", learner=learner)
    assert learner.saved == [4, 8, 9, 13, 17, 18]


def test_steps_may_end_within_an_epoch(run):
    learner, session, _ = run([0.1, 0.2, 0.3], "training.epochs=null", "training.steps=7")
    assert learner.steps == list(range(1, 8))
    assert learner.saved == [3, 6, 7]
    assert session.progress.best_step == 7


def test_accumulated_micro_batches_are_one_step(run):
    learner, _, _ = run([0.1] * 6, "training.accumulate=2")
    assert learner.steps == list(range(1, 13)), "three micro-batches are two steps"
    assert sorted(learner.rows) == sorted([*range(ROWS)] * 6)


def test_a_signal_stops_after_the_step_and_saves_it(run):
    learner, session, finished = run([0.1] * 6, stop_after=8)
    assert not finished
    assert learner.steps[-1] == 8
    assert learner.saved[-1] == 8
    assert (session.directory.checkpoints / "last").read_text() == "step-8\n"


def test_a_resumed_run_takes_the_remaining_steps(run):
    first, session, _ = run([0.3, 0.5], stop_after=8)
    again, resumed, finished = run([0.4, 0.2, 0.6, 0.1], directory=session.directory)
    assert finished
    assert again.steps == list(range(9, 19))
    assert again.resumed == {"n": 8}
    assert sorted([*first.rows, *again.rows]) == sorted([*range(ROWS)] * 6)
    assert resumed.progress.best_step == 15
    train = [(line["step"], line["loss"]) for line in read_metrics(session.directory) if line["split"] == "train"]
    assert train[:6] == [(2, 1.5), (4, 3.5), (6, 5.5), (8, 7.5), (10, 9.5), (12, 11.5)]


def test_running_sums_are_kept_over_a_stop(run):
    _, session, _ = run([0.3, 0.5], "training.log_every=4", stop_after=6)
    run([0.4, 0.2, 0.6, 0.1], "training.log_every=4", directory=session.directory)
    train = [(line["step"], line["loss"]) for line in read_metrics(session.directory) if line["split"] == "train"]
    assert train == [(4, 2.5), (8, 6.5), (12, 10.5), (16, 14.5), (18, 17.5)]


def test_a_step_that_is_not_finite_ends_the_run_with_its_place_and_its_texts(run):
    with pytest.raises(TrainingError, match=r"Step 3: .* layer 7 of 2 rows") as error:
        run([0.1] * 6, learner=Counting(bad=3))
    assert "2 texts" in str(error.value)


def test_training_time_is_counted_over_resumptions(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    session = Session(*[None] * 6, progress=Progress(seconds=20.0), started=100.0)
    clock[0] = 103.0
    assert session.seconds() == 23.0
    clock[0] = 104.5
    assert session.seconds() == 24.5
    assert session.progress.seconds == 24.5


@pytest.fixture
def slow(monkeypatch):
    """A learner whose steps take 2 seconds each, and whose checkpoints take 50; nothing else takes time."""
    clock = [round(time.monotonic())]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def slow():
        learner = Counting()
        update, save = learner.update, learner.save
        learner.update = lambda *arguments: (clock.__setitem__(0, clock[0] + 2), update(*arguments))[1]
        learner.save = lambda folder: (clock.__setitem__(0, clock[0] + 50), save(folder))[1]
        return learner

    return slow


SECONDS = "training.budget.seconds=15"


def test_a_budget_of_seconds_counts_steps_alone(run, slow):
    learner, session, finished = run([0.1, 0.2, 0.3], SECONDS, learner=slow())
    assert finished
    assert learner.steps == list(range(1, 9)), "the eighth step of 2 seconds reaches 15"
    assert learner.saved == [3, 6, 8]
    assert learner.scores == [0.1, 0.2, 0.3], "the last step is evaluated"
    assert session.progress.step_seconds == 16.0
    assert session.progress.seconds > 100
    assert [line["step"] for line in read_metrics(session.directory) if line["split"] == "train"] == [2, 4, 6, 8]


def test_steps_that_a_device_has_yet_to_take_are_waited_for(run, monkeypatch):
    """As on a GPU: a step returns at once, and the time passes where something is read from the device."""
    learner, clock, waiting = Counting(), [round(time.monotonic())], [0]
    learner.update = lambda *arguments: (waiting.__setitem__(0, waiting[0] + 2), Counting.update(learner, *arguments))[1]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    learner.bad_step = lambda: clock.__setitem__(0, clock[0] + waiting[0]) or waiting.__setitem__(0, 0) or 0
    _, session, _ = run([0.1, 0.2, 0.3], SECONDS, learner=learner)
    assert session.progress.step_seconds == 16.0


def test_a_budget_of_seconds_goes_on_where_it_was_stopped(run, slow):
    first, session, finished = run([0.1], SECONDS, learner=slow(), stop_after=4)
    assert not finished and first.steps == [1, 2, 3, 4]
    again, resumed, finished = run([0.2, 0.3], SECONDS, learner=slow(), directory=session.directory)
    assert finished and again.steps == [5, 6, 7, 8]
    assert resumed.progress.step_seconds == 16.0
    over, _, finished = run([], SECONDS, learner=slow(), directory=session.directory)
    assert finished and over.steps == []


def test_early_stopping_ends_before_the_seconds_are_over(run, slow):
    learner, _, finished = run([0.5, 0.4], "training.budget.seconds=1000", "training.early_stopping={patience: 1}", learner=slow())
    assert finished and learner.steps[-1] == 6
