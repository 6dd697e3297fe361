"""A network and hand-written rules that decide together through a learned fusion."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...configs.schema.models.neural_symbolic import NeuralSymbolicConfig
from ..layers.fusion import Distillation, Sides, build_fusion
from ..rules import Rules
from .network import Network, as_tensors


class NeuralSymbolic(Network):
    """A network over texts, the rules' evidence on the same texts, and the fusion of both.

    The rules' evidence on a text never changes, so it is computed once and cached. It is turned into arrays before the forward pass
    (`prepared`), which therefore takes only tensors, as `compile` and `cuda_graphs` require.
    """

    config: NeuralSymbolicConfig

    def __init__(self, config: NeuralSymbolicConfig, network: Network, rules: Rules, n_classes: int) -> None:
        super().__init__(config)
        self.network, self.rules = network, rules
        self.text_features = {"fired": len(rules.voters), "sums": n_classes}
        self.fusion = build_fusion(config.fusion, network.d_vector if config.fusion.needs_state else 0, len(rules.voters), n_classes)
        self._evidence_of: dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]] = {}

    def layers(self) -> list[list[str]]:
        """The layers of the network, then the fusion."""
        inner = [[f"network.{name}" for name in names] for names in self.network.layers()]
        return [*inner, [name for name, _ in self.named_parameters() if name.startswith("fusion.")]]

    def prepared(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs with the rules' evidence instead of the texts."""
        return {name: value for name, value in inputs.items() if name != "texts"} | self._evidence(inputs["texts"])

    def _evidence(self, texts: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
        """`fired` (batch, n_voters) and `sums` (batch, n_classes)"""
        new = [text for text in dict.fromkeys(texts) if text not in self._evidence_of]
        self._evidence_of.update(zip(new, zip(*self.rules.evidence(new), strict=True), strict=True))
        fired, sums = zip(*(self._evidence_of[text] for text in texts), strict=True)
        return {"fired": np.stack(fired), "sums": np.stack(sums)}

    @property
    def imitation(self) -> Callable[[int], float] | None:
        """The teacher's share of the loss as a function of the step; None without distillation."""
        return self.fusion.share if isinstance(self.fusion, Distillation) else None

    def _fused(self, fired: Tensor, sums: Tensor, **inputs: Any) -> Sides:
        return self.fusion(self.network(**inputs), fired, sums)

    def sides(self, inputs: Mapping[str, Any]) -> Sides:
        """The logits of each side and of both together for a batch of texts, without dropout."""
        with self.without_dropout():
            return self._fused(**as_tensors(self.prepared(inputs), self.device))

    def forward(self, **inputs: Any) -> Tensor | dict[str, Tensor]:
        """The network's inputs, `fired` (batch, n_voters) and `sums` (batch, n_classes) -> (batch, n_classes)

        In training with distillation: `scores` of the network, and `teacher`, the teacher's log-probabilities.
        """
        sides = self._fused(**inputs)
        if self.training and isinstance(self.fusion, Distillation):
            return {"scores": sides.network, "teacher": sides.both.detach()}
        return sides.scores

    def _logits(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        sides = self.sides(inputs)
        return {"scores": sides.scores.float(), "without_rules": sides.network.float()}

    @torch.inference_mode()
    def why(self, predicted: npt.NDArray[np.integer[Any]], **inputs: Any) -> list[dict[str, Any]]:
        """For each text the rules' reason, and in `sides` the probability that each side gives the predicted class; with a gate also the
        share of each side.
        """
        sides = self.sides(inputs)
        rows = torch.arange(len(predicted)), torch.from_numpy(predicted)
        probabilities = {name: side.cpu().softmax(dim=1)[rows].tolist()
                         for name, side in (("network", sides.network), ("rules", sides.rules))}
        shares = None if sides.network_share is None else sides.network_share.tolist()
        reasons = self.rules.why(inputs["texts"])
        for row, reason in enumerate(reasons):
            reason["sides"] = {name: {"probability": round(values[row], 6)} for name, values in probabilities.items()}
            if shares is not None:
                reason["sides"]["network"]["share"], reason["sides"]["rules"]["share"] = round(shares[row], 6), round(1 - shares[row], 6)
        return reasons
