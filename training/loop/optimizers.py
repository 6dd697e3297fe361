"""Optimisers by name, without weight decay on biases and norms."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...configs.schema.training import Adagrad, Adam, OptimizerConfig, RmsProp, Sgd

RateShares = Mapping[nn.Parameter, float]
NO_SHARES: RateShares = MappingProxyType({})


def build_optimizer(config: OptimizerConfig, module: nn.Module, rate_shares: RateShares = NO_SHARES, recorded: bool = False) -> Optimizer:
    """The recipe's optimiser. Uses fused kernels if torch has them: up to 2.5 times faster on a CPU for wide embeddings.

    `rate_shares`: each parameter's learning rate as a share of the recipe's, 1 by default; stored in its group as `rate_share`.
    `recorded`: its steps become part of a CUDA graph, which reads the learning rate from a tensor; for Adam and AdamW.
    """
    groups = _groups(module.parameters(), config.weight_decay, rate_shares)
    rate = config.learning_rate
    match config:
        case Sgd():
            return torch.optim.SGD(groups, lr=rate, momentum=config.momentum, nesterov=config.nesterov, fused=True)
        case Adam():
            betas = (config.betas[0], config.betas[1])
            kind = torch.optim.AdamW if config.type == "adamw" else torch.optim.Adam
            tensor = torch.tensor(rate, device=next(module.parameters()).device) if recorded else rate
            optimizer = kind(groups, lr=tensor, betas=betas, eps=config.eps, fused=True, capturable=recorded)
            optimizer._warned_capturable_if_run_uncaptured = True  # type: ignore[attr-defined]  # the steps before a recording would warn
            return optimizer
        case Adagrad():
            return torch.optim.Adagrad(groups, lr=rate, eps=config.eps, fused=_on_cpu(module) or None)
        case RmsProp():
            return torch.optim.RMSprop(groups, lr=rate, alpha=config.alpha, momentum=config.momentum, eps=config.eps)


def _groups(parameters: Iterable[nn.Parameter], weight_decay: float, rate_shares: RateShares) -> list[dict[str, object]]:
    """Group parameters by weight decay and learning-rate share. Matrices and embeddings decay; biases, norms and other vectors do not."""
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for parameter in parameters:
        if parameter.requires_grad:
            groups.setdefault((-rate_shares.get(parameter, 1.0), parameter.ndim < 2), []).append(parameter)
    return [{"params": groups[key], "weight_decay": 0.0 if key[1] else weight_decay, "rate_share": -key[0]} for key in sorted(groups)]


def load_optimizer(optimizer: Optimizer, config: OptimizerConfig, tensors: Mapping[str, Tensor]) -> None:
    """Restore the saved state, whose tensors are named `<parameter number>/<name>`. Raises ValueError if it does not fit."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    names, state = _state_names(config), dict[int, dict[str, Tensor]]()
    for path, tensor in tensors.items():
        place, _, name = path.partition("/")
        if not re.fullmatch("[0-9]{1,9}", place) or int(place) >= len(parameters) or name not in names:
            raise ValueError(f"its optimizer has the tensor {path}, which {config.type} does not use for this model")
        parameter = parameters[int(place)]
        shape = torch.Size() if name == "step" else parameter.shape
        if tensor.shape != shape or tensor.dtype != parameter.dtype or not tensor.isfinite().all():
            raise ValueError(f"the tensor {path} of its optimizer does not fit this model, or is not finite")
        state.setdefault(int(place), {})[name] = tensor
    if any(values.keys() != names for values in state.values()):
        raise ValueError("its optimizer state is missing a tensor")
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _state_names(config: OptimizerConfig) -> set[str]:
    """The tensors that torch keeps for each parameter after its first update."""
    match config:
        case Sgd():
            return {"momentum_buffer"} if config.momentum else set()
        case Adam():
            return {"step", "exp_avg", "exp_avg_sq"}
        case Adagrad():
            return {"step", "sum"}
        case RmsProp():
            return {"step", "square_avg", *(["momentum_buffer"] if config.momentum else [])}


def _on_cpu(module: nn.Module) -> bool:
    return all(parameter.device.type == "cpu" for parameter in module.parameters())
