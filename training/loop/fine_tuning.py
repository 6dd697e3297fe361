"""Which layers of a network learn at a step, and how fast (Howard and Ruder 2018)."""

from collections.abc import Mapping

from torch import nn

from ...configs.schema.training import FineTuneConfig
from ...datasets.encoded.batching import Plan
from ...errors import ConfigError
from ...models.layers.lora import add_lora, is_adapter
from ...models.networks.network import Network


class FineTuning:
    """The layers that ever learn, of each the adapters alone where there are some; from the first step on only as many as are unfrozen.

    `plan` says which epoch a step belongs to; what is only counted has none.

    Where the output shares its weights with the embedding and has none of its own, the last block counts as the output.
    """

    def __init__(self, config: FineTuneConfig, model: Network, plan: Plan | None = None) -> None:
        self.config, self.plan = config, plan
        self.learning = 0
        if self.config.lora is not None and not add_lora(model, **self.config.lora.model_dump()):
            raise ConfigError(f"training.fine_tune.lora: this {type(model).__name__} has no {' or '.join(self.config.lora.matrices)} "
                              "to put adapters beside; leave it out, or use a transformer.")
        layers = model.layers()
        if self.config.lora is not None:
            adapted = ([name for name in layer if is_adapter(name) or name.startswith("output.")] for layer in layers)
            layers = [layer for layer in adapted if layer]
        last = self.config.last_layers
        self.layers = layers if last is None else layers[max(0, len(layers) - 1 - last) :]
        self.parameters = dict(model.named_parameters())

    @property
    def is_gradual(self) -> bool:
        """Whether steps differ in what learns."""
        return self.config.unfreeze_every is not None

    def begin(self) -> None:
        """Freeze the layers that never learn, before anything is made of the parameters that do."""
        self._let_learn(len(self.layers))

    def rate_shares(self) -> Mapping[nn.Parameter, float]:
        """Of each parameter: its learning rate as a share of the recipe's."""
        from_above = enumerate(reversed(self.layers))
        return {self.parameters[name]: self.config.layer_decay**depth for depth, names in from_above for name in names}

    def at(self, step: int) -> None:
        """Let the layers learn that do at this step: a function of the step, so that a resumed run has the same."""
        every = self.config.unfreeze_every
        count = len(self.layers) if every is None or self.plan is None else min(len(self.layers), 1 + self.plan.epoch_of(step) // every)
        if count != self.learning:
            self._let_learn(count)

    def _let_learn(self, count: int) -> None:
        """The last so many layers, of those that ever learn."""
        self.learning = count
        names = {name for layer in self.layers[len(self.layers) - count :] for name in layer}
        for name, parameter in self.parameters.items():
            parameter.requires_grad_(name in names)
