"""When one of the two players has won, or all samples become alike."""

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile

Evaluations = Sequence[tuple[int, Mapping[str, float]]]
"""Steps, and the metrics of the validation split after each."""

IN_A_ROW = 3
"""Evaluations after which it counts; before, the players may only have begun."""
WON, LOST = 0.98, 0.02
"""Share of pairs of a real and a generated code that the discriminator puts in the right order."""
ALIKE = 0.5
"""Share of different samples below which the generator has collapsed."""
LESS_SURE = "give the discriminator a lower learning rate (model.discriminator.optimizer) or dropout, or use `task.loss.type: wasserstein`"
MORE_SURE = "give the discriminator more hidden units or a higher learning rate (model.discriminator.optimizer)"
MORE_KINDS = "use `task.loss.type: wasserstein` with `generator_every: 5`, or a lower learning rate for the generator"


def trouble_in(evaluations: Evaluations) -> str | None:
    """What is wrong at the last evaluation and those before it, since when, and what to change; None where all is well."""
    kinds = (
        (lambda metrics: metrics["different"] < ALIKE,
         "the generator has collapsed: of its samples fewer than half are different ones", MORE_KINDS),
        (lambda metrics: metrics["discriminator_accuracy"] >= WON,
         f"the discriminator has won: it gives {WON:.0%} of real texts and more a higher score than a generated one", LESS_SURE),
        (lambda metrics: metrics["discriminator_accuracy"] <= LOST,
         "the generator has won: the discriminator gives nearly all generated codes a higher score than a real one", MORE_SURE),
    )
    for is_so, what, remedy in kinds:
        steps = _last_while(evaluations, is_so)
        if len(steps) >= IN_A_ROW:
            return f"{what}, in each of the last {len(steps):,} evaluations, since step {steps[0]:,}; to change that, {remedy}."
    return None


def _last_while(evaluations: Evaluations, is_so: Callable[[Mapping[str, float]], bool]) -> list[int]:
    """The steps of the last evaluations for which it is so."""
    found = [step for step, _ in takewhile(lambda each: is_so(each[1]), reversed(evaluations))]
    return found[::-1]
