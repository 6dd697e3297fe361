"""Learning-rate schedules: a factor between 0 and 1 for each step."""

import math
from typing import Any

from ...configs.schema.base import Fraction
from ...configs.schema.saved import Count, Finite, Saved
from ...configs.schema.training import ScheduleConfig
from ...datasets.encoded.batching import Plan, TimedPlan


class Schedule:
    """`factor(step)` scales the peak learning rate at steps 1 to `n_steps`; only `plateau` is stateful."""

    def __init__(self, config: ScheduleConfig, n_steps: int) -> None:
        self.config = config
        self._set_length(n_steps)
        self.plateau_factor, self.best, self.waited = 1.0, -math.inf, 0

    def _set_length(self, n_steps: int) -> None:
        share = self.config.warmup_share or 0.0
        self.n_steps = n_steps
        self.warmup = self.config.warmup_steps if self.config.warmup_steps is not None else round(share * n_steps)

    def factor(self, step: int) -> float:
        """The share of the peak rate at `step`, counted from 1."""
        if step <= self.warmup:
            return step / max(self.warmup, 1)
        if self.config.type == "inverse_sqrt":
            return math.sqrt(max(self.warmup, 1) / step)
        if self.config.type == "plateau":
            return self.plateau_factor
        decay_steps = self.n_steps - self.warmup
        return self._decayed((step - self.warmup) / decay_steps) if decay_steps > 1 else 1.0  # a single step uses the full rate

    def _decayed(self, done: float) -> float:
        final = self.config.final_share
        if self.config.type == "linear":
            return final + (1 - final) * (1 - done)
        if self.config.type == "cosine":
            return final + (1 - final) * (1 + math.cos(math.pi * min(done, 1.0))) / 2
        return 1.0

    def evaluated(self, score: float) -> None:
        """Record a validation score; larger is better."""
        if self.config.type != "plateau":
            return
        if score > self.best:
            self.best, self.waited = score, 0
            return
        self.waited += 1
        if self.waited > self.config.patience:
            self.plateau_factor, self.waited = self.plateau_factor * self.config.factor, 0

    def state(self) -> dict[str, Any]:
        """The state that resuming needs."""
        best = self.best if math.isfinite(self.best) else None
        return {"plateau_factor": self.plateau_factor, "best": best, "waited": self.waited}

    def load_state(self, state: "ScheduleState") -> None:
        """Restore a saved `state()`."""
        self.plateau_factor, self.waited = state.plateau_factor, state.waited
        self.best = -math.inf if state.best is None else state.best


class TimedSchedule(Schedule):
    """A schedule for a run with a time limit, whose number of steps is estimated from the speed so far.

    `step / expected_steps` is the share of the time that is used. If all steps take equally long, the rates equal those of a run with
    that many steps.
    """

    def __init__(self, config: ScheduleConfig, plan: TimedPlan) -> None:
        super().__init__(config, plan.n_steps)
        self.plan = plan

    def factor(self, step: int) -> float:
        """The share of the peak rate, from the time used before this step."""
        self._set_length(self.plan.expected_steps(step))
        return super().factor(step)


def build_schedule(config: ScheduleConfig, plan: Plan) -> Schedule:
    """The schedule that spans the plan's steps."""
    return TimedSchedule(config, plan) if isinstance(plan, TimedPlan) else Schedule(config, plan.n_steps)


class ScheduleState(Saved):
    """The saved `Schedule.state`."""

    plateau_factor: Fraction
    best: Finite | None
    waited: Count
