"""Training plans that use up a budget of seconds, tokens or FLOPs."""

from ...configs.schema.recipe import Recipe
from ...configs.schema.training import BudgetConfig
from ...datasets.encoded.batching import Order, Plan, TimedPlan, steps_within
from ...datasets.encoded.split import Data
from ...errors import ConfigError
from ..flops import training_flops_per_token


def plan_within(budget: BudgetConfig, recipe: Recipe, data: Data, order: Order, accumulate: int) -> Plan:
    """The plan that a budget allows. Tokens and FLOPs are counted in advance, so the schedule knows the last step.

    Raises ConfigError for a budget that would take more than a million epochs to use up.
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
    """The number of training tokens that a token or FLOP budget allows."""
    if budget.tokens is not None:
        return budget.tokens
    assert budget.flops is not None
    return int(budget.flops / training_flops_per_token(recipe, data))
