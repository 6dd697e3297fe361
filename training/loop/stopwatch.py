"""The time that steps take."""

import time

from ...datasets.encoded.batching import Plan, TimedPlan
from ..session import Session
from .learner import Learner


class Stopwatch:
    """Adds up the seconds of steps and of their batches; logs, evaluations and checkpoints are not counted.

    The sum is kept with the run's progress, so it goes on where a resumed run stopped.
    """

    def __init__(self, learner: Learner, plan: Plan, session: Session) -> None:
        self.learner, self.plan, self.session = learner, plan, session
        self._tell_plan()
        self.started = time.monotonic()

    def start(self) -> None:
        """Begin a step."""
        self.started = time.monotonic()

    def stop(self, wait: bool) -> None:
        """End a step. A GPU runs steps after the call has returned; `wait` until it is done."""
        if wait:
            self.learner.bad_step()
        self.session.progress.step_seconds += time.monotonic() - self.started
        self._tell_plan()

    def _tell_plan(self) -> None:
        """A plan that ends with its time must know it; all ranks go by the first one's watch, so that they end at the same step."""
        progress = self.session.progress
        if isinstance(self.plan, TimedPlan):
            progress.step_seconds = self.session.world.from_main(lambda: progress.step_seconds)
            self.plan.spend(progress.step, progress.step_seconds)
