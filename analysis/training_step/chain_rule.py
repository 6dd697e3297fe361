"""The chain rule on a function that is small enough for a pencil: f(x) = mean((2x + 3)^2) at x = [1, 2]."""

from dataclasses import dataclass

import torch

from .gradient_check import central_difference

POINT = (1.0, 2.0)


@dataclass(frozen=True)
class Link:
    """One operation of a composed function: its formula, its value, and the derivative of its output with respect to its input."""

    formula: str
    value: list[float]
    derivative: str
    derivative_value: list[float]


@dataclass(frozen=True)
class ChainRule:
    """The links from the input to the output, and the gradient of the output in three ways."""

    function: str
    at: list[float]
    links: list[Link]
    chain_rule: list[float]
    autograd: list[float]
    finite_differences: list[float]


def worked_example() -> ChainRule:
    """The gradient as the product of three derivatives, 1/2 * 2u * 2, by autograd, and by finite differences: [10, 14]."""
    x = torch.tensor(POINT, dtype=torch.float64, requires_grad=True)
    u = 2 * x + 3
    v = u.square()
    f = v.mean()
    inner, square, mean = torch.full_like(x, 2.0), 2 * u, torch.full_like(x, 1 / len(x))
    links = [Link("u = 2x + 3", u.tolist(), "du/dx = 2", inner.tolist()),
             Link("v = u^2", v.tolist(), "dv/du = 2u", square.tolist()),
             Link("f = (v1 + v2) / 2", [f.item()], "df/dv = 1/2", mean.tolist())]
    (gradient,) = torch.autograd.grad(f, x)
    differences = [central_difference(lambda: (2 * x + 3).square().mean(), x, direction) for direction in torch.eye(2).double()]
    return ChainRule("mean((2x + 3)^2)", list(POINT), links, (mean * square * inner).tolist(), gradient.tolist(), differences)
