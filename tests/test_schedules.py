"""Schedules against their formulas and torch's own."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.schema.saved import checked
from nlp.configs.schema.training import ScheduleConfig
from nlp.training.loop.schedules import Schedule, ScheduleState

KINDS = ["constant", "linear", "cosine", "inverse_sqrt", "plateau"]


@given(st.sampled_from(KINDS), st.integers(1, 200), st.integers(0, 50))
def test_a_factor_is_between_0_and_1_and_warms_up_evenly(kind, n_steps, warmup):
    schedule = Schedule(ScheduleConfig(type=kind, warmup_steps=warmup), n_steps)
    for step in range(1, n_steps + 1):
        assert 0 <= schedule.factor(step) <= 1
    for step in range(1, min(warmup, n_steps) + 1):
        assert schedule.factor(step) == step / warmup


@pytest.mark.parametrize("final_share", [0.0, 0.1])
def test_linear_and_cosine_end_at_the_final_share(final_share):
    for kind in ("linear", "cosine"):
        schedule = Schedule(ScheduleConfig(type=kind, warmup_share=0.1, final_share=final_share), 100)
        assert schedule.factor(10) == 1.0
        assert schedule.factor(100) == pytest.approx(final_share, abs=1e-12)
        assert schedule.factor(55) == pytest.approx(final_share + (1 - final_share) / 2)


def test_cosine_equals_torchs():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    schedule = Schedule(ScheduleConfig(type="cosine"), 20)
    for step in range(1, 21):
        optimizer.step()
        reference.step()
        assert schedule.factor(step) == pytest.approx(reference.get_last_lr()[0], abs=1e-9)


def test_inverse_square_root_falls_from_the_end_of_warm_up():
    schedule = Schedule(ScheduleConfig(type="inverse_sqrt", warmup_steps=4), 100)
    assert schedule.factor(4) == 1.0
    assert schedule.factor(16) == pytest.approx(math.sqrt(4 / 16))


def test_plateau_waits_and_remembers():
    config = ScheduleConfig(type="plateau", factor=0.5, patience=1)
    schedule = Schedule(config, 100)
    for score in (0.1, 0.2, 0.2, 0.2):  # better, better, then twice no better: patience 1 is used up
        schedule.evaluated(score)
    assert schedule.factor(50) == 0.5
    again = Schedule(config, 100)
    again.load_state(checked(ScheduleState, schedule.state()))
    for each in (schedule, again):
        each.evaluated(0.2)
        each.evaluated(0.2)
    assert schedule.factor(60) == again.factor(60) == 0.25


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n_steps", "warmup"), [(1, 0), (2, 0), (2, 1), (3, 2), (1, 5), (3, 10)])
def test_a_run_of_few_steps_learns(kind, n_steps, warmup):
    schedule = Schedule(ScheduleConfig(type=kind, warmup_steps=warmup), n_steps)
    assert schedule.factor(1) > 0
    assert schedule.factor(1) == 1.0 or n_steps > 1 or warmup > 1


def test_plateau_counts_from_the_last_better_result():
    schedule = Schedule(ScheduleConfig(type="plateau", factor=0.5, patience=2), 100)
    for score in (0.1, 0.1, 0.1, 0.2, 0.2, 0.2):
        schedule.evaluated(score)
    assert schedule.factor(50) == 1.0, "twice no better, better, and twice no better: patience 2 is never used up"
    schedule.evaluated(0.2)
    assert schedule.factor(50) == 0.5
    for score in (0.2, 0.2):
        schedule.evaluated(score)
    assert schedule.factor(50) == 0.5, "it waits anew after each change"


def test_a_warm_up_of_one_step_is_over_at_once():
    for kind in KINDS:
        assert Schedule(ScheduleConfig(type=kind, warmup_steps=1), 100).factor(1) == 1.0
    assert Schedule(ScheduleConfig(type="inverse_sqrt"), 100).factor(4) == 0.5
