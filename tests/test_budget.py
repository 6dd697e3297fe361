"""Training that ends with a budget: steps counted beforehand for tokens and FLOPs, and by a watch for seconds."""

import json
import signal

import numpy as np
import pytest
from command import interrupted, metrics, nlp, results, timeless, weights
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.configs.load import load_recipe
from nlp.configs.schema.training import ScheduleConfig
from nlp.datasets.build import build_data
from nlp.datasets.encoded.batching import Plan, RowOrder, TimedPlan, steps_within, tokens_until
from nlp.tasks.build import preparation
from nlp.training.devices import Setting
from nlp.training.flops import training_flops_per_token
from nlp.training.loop.learner import build_plan
from nlp.training.loop.schedules import Schedule, TimedSchedule
from nlp.training.loop.trainer import window_batches
from tiny_runs import write_data, write_recipe

FAMILIES = ["mlp", "cnn", "gru", "transformer", "tagger", "language_lstm", "language_transformer", "seq2seq", "transformer_seq2seq"]
UNLIMITED = ["training.epochs=null"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("work")
    write_data(path)
    for family in FAMILIES:
        write_recipe(path, family)
    return path


def planned(folder, monkeypatch, family, *overrides):
    """The recipe, its data, and the plan that training would follow."""
    monkeypatch.chdir(folder)
    recipe = load_recipe(f"{family}.yaml", overrides)
    data = build_data(recipe.data, recipe.tokenizer, preparation(recipe.task))
    return recipe, data, build_plan(recipe, data, seed=1)


def tokens_by_hand(recipe, data, plan):
    """Tokens of each step, from the batches that training makes."""
    return [sum(batch.n_tokens for batch in window_batches(data.splits["train"], window, recipe.model.inputs, Setting(1), step))
            for step, window in plan.windows()]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("more", [[], ["training.accumulate=3"], ["training.batch_tokens=40"]], ids=["plain", "accumulated", "by-tokens"])
@pytest.mark.parametrize("budget", [37, 400, 1_111])
def test_as_many_steps_as_the_tokens_allow(folder, monkeypatch, family, more, budget):
    if more == ["training.batch_tokens=40"] and family.startswith("language"):
        pytest.skip("blocks of a language model have one length")
    recipe, data, plan = planned(folder, monkeypatch, family, *UNLIMITED, *more, f"training.budget.tokens={budget}")
    taken = np.cumsum(tokens_by_hand(recipe, data, plan))
    one_more = Plan(plan.order, None, plan.n_steps + 1, plan.accumulate)
    assert taken[-1] <= budget or plan.n_steps == 1
    assert sum(tokens_by_hand(recipe, data, one_more)) > budget
    tokens_of = data.splits["train"].tokens_of
    assert [tokens_until(plan, step, tokens_of) for step in range(plan.n_steps + 1)] == [0, *taken]


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 4), st.integers(1, 600), st.booleans())
def test_any_lengths_and_budgets(lengths, batch_size, accumulate, budget, by_tokens):
    held = np.array(lengths)
    order = RowOrder(len(held), batch_size, seed=4, lengths=held, batch_tokens=50 if by_tokens else None)
    if not held.sum():
        with pytest.raises(ValueError, match="0 tokens"):
            steps_within(order, lambda rows: held[rows], budget, accumulate)
        return
    steps = steps_within(order, lambda rows: held[rows], budget, accumulate)
    plan = Plan(order, None, steps + 1, accumulate)
    taken = [sum(int(held[rows].sum()) for rows in window) for _, window in plan.windows()]
    assert sum(taken[:-1]) <= budget or steps == 1
    assert sum(taken) > budget


def test_a_budget_that_is_never_used_up_is_refused(folder):
    printed = nlp("train", "--config", "mlp.yaml", "--set", "training.budget.tokens=1000000000", cwd=folder, code=2).stderr
    assert "training.budget.tokens is too large" in printed and "more than 1,000,000 epochs" in printed


def test_flops_are_those_of_the_matrix_products_of_texts_of_mean_length(folder, monkeypatch):
    """The bag: one hidden layer of 8 for each text, and an embedding of 8 for each token."""
    recipe, data, plan = planned(folder, monkeypatch, "mlp", *UNLIMITED, "training.budget.flops=1e6", "tokenizer={type: characters}")
    train = data.splits["train"]
    mean = train.lengths.mean()
    assert mean % 1, "otherwise this test does not show what becomes of the rest"
    by_hand = 3 * (2 * 8 * mean + 2 * 8 * 8 + 2 * 8 * 3) / mean
    each = training_flops_per_token(recipe, data)
    assert each == pytest.approx(by_hand)
    used = tokens_until(plan, plan.n_steps, train.tokens_of) * each
    assert 1e6 - 8 * train.lengths.max() * each < used <= 1e6


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_the_schedule_ends_where_the_budget_does(folder, kind):
    settings = [f"training.schedule={{type: {kind}, warmup_share: 0.2, final_share: 0.1}}", "training.log_every=1"]
    for budget in (60, 900):  # inside the first epoch, and beyond the three that the recipe asks for
        options = [part for each in (*settings, f"training.budget.tokens={budget}") for part in ("--set", each)]
        nlp("train", "--config", "gru.yaml", "--name", f"{kind}-{budget}", *options, cwd=folder)
        run = folder / "runs" / "gru" / f"{kind}-{budget}"
        rates = [line["learning_rate"] for line in metrics(run) if "learning_rate" in line]
        assert rates[-1] == pytest.approx(0.001)
        assert max(rates) == pytest.approx(0.01)
        steps, tokens = (results(run)["cost"][name] for name in ("steps", "tokens"))
        assert len(rates) == steps
        assert budget - 4 * 4 < tokens <= budget  # texts of four words in batches of four


def test_the_budget_is_more_than_the_epochs_or_less(folder, monkeypatch):
    _, _, long = planned(folder, monkeypatch, "gru", "training.budget.tokens=2000")
    assert len(long.epoch_ends) > 3
    _, _, short = planned(folder, monkeypatch, "gru", "training.budget.tokens=60")
    assert short.n_steps < short.epoch_ends[0]


@pytest.mark.parametrize("budget", ["tokens: 8000", pytest.param("flops: 1.5e+7", marks=pytest.mark.slow)])
def test_a_resumed_run_ends_as_one_that_never_stopped(folder, budget):
    kind = budget.split(":")[0]
    text = (folder / "gru.yaml").read_text(encoding="utf-8")
    text = text.replace("epochs: 3,", f"budget: {{{budget}}}, schedule: {{type: cosine}}, evaluate_every: 60,")
    text = text.replace("log_every: 2", "log_every: 20").replace("every_steps: 3", "every_steps: 60")
    (folder / f"{kind}.yaml").write_text(text, encoding="utf-8")
    nlp("train", "--config", f"{kind}.yaml", "--name", "full", cwd=folder)
    code, _ = interrupted(folder, f"{kind}.yaml", "parts", signal.SIGINT, delay=0.05)
    assert code == 130
    nlp("train", "--resume", f"{kind}/parts", cwd=folder)
    full, parts = (folder / "runs" / kind / name for name in ("full", "parts"))
    assert weights(parts) == weights(full)
    assert timeless(parts) == timeless(full)
    costs = [results(run)["cost"] for run in (full, parts)]
    assert all(costs[0][name] == costs[1][name] for name in {"steps", "tokens", kind})
    assert metrics(full)[-1]["step"] > 400


def test_early_stopping_ends_before_the_budget(folder):
    nlp("train", "--config", "gru.yaml", "--name", "early", "--set", "training.budget.tokens=100000", "--set",
        "training.early_stopping={patience: 1, min_delta: 100}", cwd=folder)
    cost = results(folder / "runs" / "gru" / "early")["cost"]
    assert 0 < cost["tokens"] < 1_000


def test_a_dry_run_speaks_of_the_budget(folder):
    def line(budget):
        printed = nlp("train", "--config", "gru.yaml", "--dry-run", "--set", f"training.budget.{budget}", cwd=folder).stdout
        return next(each for each in printed.splitlines() if each.startswith("budget"))

    assert line("tokens=200") == "budget      200 tokens; 12 steps use 188"  # an epoch of 27 texts, and 5 batches
    assert line("flops=1e6").startswith("budget      1e+06 FLOPs at ")
    assert line("seconds=2").startswith("budget      2 seconds of steps")


# Seconds


def test_with_even_steps_the_rates_are_those_of_a_run_of_so_many_steps():
    for config in (ScheduleConfig(type="linear"), ScheduleConfig(type="cosine", warmup_share=0.2), ScheduleConfig(type="inverse_sqrt",
                   warmup_steps=3), ScheduleConfig(type="constant", warmup_share=0.5)):
        plan, known = TimedPlan(RowOrder(10, 4, seed=1), 20.0), Schedule(config, 20)
        timed = TimedSchedule(config, plan)
        for step in range(1, 21):
            if step > 1:
                assert timed.factor(step) == pytest.approx(known.factor(step)), (config, step)
            assert 0 <= timed.factor(step) <= 1
            plan.spend(step, float(step))
        assert plan.n_steps == 20


def test_slow_steps_move_the_schedule_on():
    plan = TimedPlan(RowOrder(10, 4, seed=1), 100.0)
    schedule = TimedSchedule(ScheduleConfig(type="linear"), plan)
    plan.spend(10, 10.0)
    assert schedule.factor(11) == pytest.approx(1 - 11 / 100)
    plan.spend(11, 60.0)
    assert schedule.factor(12) == pytest.approx(1 - 12 / round(11 * 100 / 60))
    assert plan.n_steps > 1_000_000
    plan.spend(12, 100.5)
    assert plan.n_steps == 12
    assert plan.ends_epoch(12)


@pytest.mark.parametrize("batch_tokens", [None, 40])
def test_epochs_of_a_run_without_a_known_end(batch_tokens):
    order = RowOrder(300, 4, 1, np.random.default_rng(0).integers(1, 30, 300), batch_tokens=batch_tokens)
    known, timed = Plan(order, 3, None, accumulate=2), TimedPlan(order, 5.0, accumulate=2)
    for step, window in known.windows():
        assert timed.ends_epoch(step) == known.ends_epoch(step)
        assert [rows.tolist() for rows in timed.window(step)] == [rows.tolist() for rows in window]
    assert tokens_until(timed, 7, lambda rows: np.ones(len(rows), int)) == tokens_until(known, 7, lambda rows: np.ones(len(rows), int))


def test_a_run_of_some_seconds(folder):
    nlp("train", "--config", "gru.yaml", "--name", "timed", "--set", "training.budget.seconds=0.3", cwd=folder)
    run = folder / "runs" / "gru" / "timed"
    cost = results(run)["cost"]
    assert cost["step_seconds"] >= 0.3
    last = [line for line in metrics(run) if line["split"] == "validation"][-1]
    assert last["step"] == cost["steps"]
    progress = json.loads((run / "checkpoints" / f"step-{cost['steps']}" / "progress.json").read_text())["progress"]
    assert progress["step_seconds"] == pytest.approx(cost["step_seconds"], abs=1e-3)
