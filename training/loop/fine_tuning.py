"""Gradual unfreezing and layer-wise learning rates (Howard and Ruder 2018)."""

from collections.abc import Iterator, Mapping

from torch import nn

from ...configs.schema.training import FineTuneConfig
from ...datasets.encoded.batching import Plan, TimedPlan
from ...errors import ConfigError
from ...models.layers.lora import add_lora, is_adapter
from ...models.networks.network import Network


class FineTuning:
    """Freezes and unfreezes the layers of a network. With LoRA only adapters and the output are trained.

    `plan` maps a step to its epoch; it is None when parameters are only counted.

    If the output has no weights of its own because it is tied to the embedding, the last block counts as the output.
    """

    def __init__(self, config: FineTuneConfig, model: Network, plan: Plan | None = None) -> None:
        self.config, self.plan = config, plan
        self.learning = 0
        if self.config.lora is not None and not add_lora(model, **self.config.lora.model_dump()):
            raise ConfigError(f"training.fine_tune.lora: this {type(model).__name__} has no {' or '.join(self.config.lora.matrices)} "
                              "matrices to adapt; leave it out, or use a transformer.")
        layers = model.layers()
        if self.config.lora is not None:
            adapter_names = ([name for name in layer if is_adapter(name) or name.startswith("output.")] for layer in layers)
            layers = [layer for layer in adapter_names if layer]
        last, self.n_below = self.config.last_layers, len(layers) - 1
        self.layers = layers if last is None else layers[max(0, self.n_below - last) :]
        self.parameters = dict(model.named_parameters())

    @property
    def is_gradual(self) -> bool:
        """Whether the set of trainable layers changes during training."""
        return self.config.unfreeze_every is not None

    @property
    def n_first(self) -> int:
        """The number of parameters that are trained at the first step."""
        return sum(self.parameters[name].numel() for name in self._trained(self._count(1)))

    def notices(self) -> Iterator[str]:
        """Settings with a number above what the network or the run has."""
        last, every, lora = self.config.last_layers, self.config.unfreeze_every, self.config.lora
        if last is not None and last > self.n_below:
            yield (f"training.fine_tune.last_layers is {last:,}, but the network has {self.n_below} layers below the output"
                   f"{' with adapters' if lora else ''}, which are all trained.")
        if every is not None and (reached := self._count_at_end()) < len(self.layers):
            yield (f"training.fine_tune.unfreeze_every is {every:,}, so the run ends before all layers are unfrozen: only the last "
                   f"{reached} of {len(self.layers)} are trained.")
        if lora is not None and lora.rank > (full := self._full_rank()):
            yield (f"training.fine_tune.lora.rank is {lora.rank:,}, but the smallest adapted matrix has rank {full:,} at most; a higher "
                   "rank only adds parameters.")

    def _count_at_end(self) -> int:
        """The number of layers that are trained at the last step; all of them if it is not known which step is the last."""
        return len(self.layers) if self.plan is None or isinstance(self.plan, TimedPlan) else self._count(self.plan.n_steps)

    def _full_rank(self) -> int:
        """The smaller side of the smallest adapted matrix: A is (rank, d_in), B is (d_out, rank)."""
        return min(parameter.shape[name.endswith("lora_a")] for name, parameter in self.parameters.items() if is_adapter(name))

    def begin(self) -> None:
        """Freeze the layers that are never trained; call this before building an optimiser from the others."""
        self._unfreeze(len(self.layers))

    def rate_shares(self) -> Mapping[nn.Parameter, float]:
        """Each parameter's learning rate as a share of the recipe's."""
        from_the_top = enumerate(reversed(self.layers))
        return {self.parameters[name]: self.config.layer_decay**depth for depth, names in from_the_top for name in names}

    def at(self, step: int) -> None:
        """Unfreeze the layers that are trained at this step: a function of the step alone, so a resumed run does the same."""
        if (count := self._count(step)) != self.learning:
            self._unfreeze(count)

    def _count(self, step: int) -> int:
        """The number of layers that are trained at a step."""
        every = self.config.unfreeze_every
        return len(self.layers) if every is None or self.plan is None else min(len(self.layers), 1 + self.plan.epoch_of(step) // every)

    def _trained(self, count: int) -> set[str]:
        """The names of the parameters of the last `count` of the trainable layers."""
        return {name for layer in self.layers[len(self.layers) - count :] for name in layer}

    def _unfreeze(self, count: int) -> None:
        """Make only the last `count` of the trainable layers learn."""
        self.learning = count
        names = self._trained(count)
        for name, parameter in self.parameters.items():
            parameter.requires_grad_(name in names)
