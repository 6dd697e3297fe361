"""When one of the two players has won, or all samples become alike."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

Evaluations = Sequence[tuple[int, Mapping[str, float]]]
"""Steps, and the metrics of the validation split after each."""

IN_A_ROW = 3
"""Evaluations after which it counts; before, the players may only have begun."""
WON, LOST = 0.98, 0.02
"""Share of pairs of a real text and a sample that the discriminator puts in the right order."""
ALIKE = 0.5
"""Share of different samples below which the generator has collapsed."""
CALMER = "give the discriminator a lower learning rate (model.discriminator.optimizer) or dropout"
STRONGER = "give the discriminator more hidden units or a higher learning rate (model.discriminator.optimizer)"
SLOWER = "give the generator a lower learning rate (model.generator.optimizer)"
OTHER_LOSS = "use `task.loss.type: wasserstein` with `generator_every: 5`, or "
"""A remedy for those who do not use it yet."""

KINDS: Sequence[tuple[Callable[[Mapping[str, float]], bool], str, str, bool]] = (
    (lambda metrics: metrics["different"] < ALIKE,
     "the generator has collapsed: fewer than half of its samples were different ones", SLOWER, True),
    (lambda metrics: metrics["discriminator_accuracy"] >= WON,
     f"the discriminator has won: it gave {WON:.0%} of real texts and more a higher score than a sample", CALMER, True),
    (lambda metrics: metrics["discriminator_accuracy"] <= LOST,
     f"the generator has won: the discriminator gave {LOST:.0%} of real texts and fewer a higher score than a sample", STRONGER, False),
)
"""When it is so, what it is, what to change, and whether the other loss is a remedy too."""


def trouble_in(evaluations: Evaluations, loss: str) -> str | None:
    """What has gone wrong for longest, when, and what to change where this is the loss; None where nothing has."""
    found = [(_longest_while(evaluations, is_so), what, remedy, other) for is_so, what, remedy, other in KINDS]
    steps, what, remedy, other = max(found, key=lambda each: len(each[0]))
    if len(steps) < IN_A_ROW:
        return None
    remedy = OTHER_LOSS * (other and loss != "wasserstein") + remedy
    return f"{what}, in {len(steps):,} evaluations in a row (steps {steps[0]:,} to {steps[-1]:,}); to change that, {remedy}."


def _longest_while(evaluations: Evaluations, is_so: Callable[[Mapping[str, float]], bool]) -> list[int]:
    """The steps of the longest row of evaluations for which it is so."""
    rows = groupby(evaluations, key=lambda each: is_so(each[1]))
    return max(([step for step, _ in row] for so, row in rows if so), key=len, default=[])
