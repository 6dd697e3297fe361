"""Detects that one of the two players has won, or that the generator has collapsed."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

Evaluations = Sequence[tuple[int, Mapping[str, float]]]
"""Step numbers, each with the metrics of the validation split."""

IN_A_ROW = 3
"""Consecutive evaluations before a problem is reported; fewer may be just the start of training."""
WON, LOST = 0.98, 0.02
"""Share of pairs of a real text and a sample in which the discriminator scores the real text higher."""
ALIKE = 0.5
"""Share of distinct samples below which the generator has collapsed."""
CALMER = "give the discriminator a lower learning rate (model.discriminator.optimizer) or dropout"
STRONGER = "give the discriminator more hidden units or a higher learning rate (model.discriminator.optimizer)"
SLOWER = "give the generator a lower learning rate (model.generator.optimizer)"
OTHER_LOSS = "use `task.loss.type: wasserstein` with `generator_every: 5`, or "
"""A remedy for runs that do not use this loss yet."""

KINDS: Sequence[tuple[Callable[[Mapping[str, float]], bool], str, str, bool]] = (
    (lambda metrics: metrics["different"] < ALIKE,
     "the generator has collapsed: fewer than half of its samples were distinct", SLOWER, True),
    (lambda metrics: metrics["discriminator_accuracy"] >= WON,
     f"the discriminator has won: it gave at least {WON:.0%} of real texts a higher score than a sample", CALMER, True),
    (lambda metrics: metrics["discriminator_accuracy"] <= LOST,
     f"the generator has won: the discriminator gave at most {LOST:.0%} of real texts a higher score than a sample", STRONGER, False),
)
"""Condition, message, remedy, and whether the other loss is a remedy too."""


def trouble_in(evaluations: Evaluations, loss: str) -> str | None:
    """The problem that lasted longest, at which steps, and what to change with this loss; None if there is no problem."""
    problems = [(_longest_streak(evaluations, occurs), message, remedy, other) for occurs, message, remedy, other in KINDS]
    steps, message, remedy, other = max(problems, key=lambda problem: len(problem[0]))
    if len(steps) < IN_A_ROW:
        return None
    remedy = OTHER_LOSS * (other and loss != "wasserstein") + remedy
    return f"{message}, in {len(steps):,} evaluations in a row (steps {steps[0]:,} to {steps[-1]:,}); to change that, {remedy}."


def _longest_streak(evaluations: Evaluations, occurs: Callable[[Mapping[str, float]], bool]) -> list[int]:
    """The steps of the longest streak of evaluations in which a problem occurs."""
    streaks = groupby(evaluations, key=lambda evaluation: occurs(evaluation[1]))
    return max(([step for step, _ in streak] for problem, streak in streaks if problem), key=len, default=[])
