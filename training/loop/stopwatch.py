"""Measures the time of training steps."""

import time

from ...datasets.encoded.batching import Plan, TimedPlan
from ..session import Session
from .learner import Learner


class Stopwatch:
    """Sums the seconds of steps and of preparing their batches; logging, evaluations and checkpoints are not counted.

    The sum is part of the run's progress, so a resumed run continues it.
    """

    def __init__(self, learner: Learner, plan: Plan, session: Session) -> None:
        self.learner, self.plan, self.session = learner, plan, session
        self._update_plan()
        self.started = time.monotonic()

    def start(self) -> None:
        """Start timing a step."""
        self.started = time.monotonic()

    def stop(self, wait: bool) -> None:
        """Stop timing a step. A GPU runs steps asynchronously; `wait` until it has finished."""
        if wait:
            self.learner.bad_step()
        self.session.progress.step_seconds += time.monotonic() - self.started
        self._update_plan()

    def _update_plan(self) -> None:
        """Report the time to a timed plan. All ranks use the first one's clock, so that they end at the same step."""
        progress = self.session.progress
        if isinstance(self.plan, TimedPlan):
            progress.step_seconds = self.session.world.from_main(lambda: progress.step_seconds)
            self.plan.spend(progress.step, progress.step_seconds)
