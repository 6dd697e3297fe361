"""How far a budget goes: the plan whose steps use up a time, a number of tokens, or a number of FLOPs."""

from ...configs.schema.recipe import Recipe
from ...configs.schema.training import BudgetConfig
from ...datasets.encoded.batching import Order, Plan, TimedPlan, steps_within
from ...datasets.encoded.split import Data
from ...errors import ConfigError
from ..flops import training_flops_per_token


def plan_within(budget: BudgetConfig, recipe: Recipe, data: Data, order: Order, accumulate: int) -> Plan:
    """The steps that a budget allows. Tokens and FLOPs are counted beforehand, so that the last step is known, to the schedule as well.

    Raises ConfigError for a budget that training would not use up in a million epochs.
    """
    if budget.seconds is not None:
        return TimedPlan(order, budget.seconds, accumulate)
    try:
        steps = steps_within(order, data.splits["train"].tokens_of, tokens_within(budget, recipe, data), accumulate)
    except ValueError as error:
        kind = "tokens" if budget.tokens is not None else "flops"
        raise ConfigError(f"training.budget.{kind} is too large for the training split: {error}. Lower it.") from None
    return Plan(order, None, steps, accumulate)


def tokens_within(budget: BudgetConfig, recipe: Recipe, data: Data) -> int:
    """The tokens that a budget of tokens or FLOPs allows."""
    if budget.tokens is not None:
        return budget.tokens
    assert budget.flops is not None
    return int(budget.flops / training_flops_per_token(recipe, data))
