"""A prompted language model trained by gradient descent: cross-entropy over the same class scores."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ...configs.schema.models.prompting import TunedPromptConfig
from ..head import Head
from ..networks.network import Network
from .label_scorer import LabelScorer
from .language_model import LanguageModel
from .prompt import build_prompt, check_classes
from .prompted import scoring_notices


class TunedPrompt(Network):
    """The class scores of `Prompted` without examples, as the logits of a network.

    The loss is the cross-entropy over the classes, not over the vocabulary: it matches the evaluation, it is comparable with the loss of
    any other classifier, and no update is spent on words that name no class.
    """

    config: TunedPromptConfig

    def __init__(self, config: TunedPromptConfig, head: Head, model: LanguageModel) -> None:
        super().__init__(config)
        check_classes(config, head.labels)
        self.language_model = model
        self.scorer = LabelScorer(model, build_prompt(config, (), model.chat), config, head.labels)

    @property
    def notices(self) -> list[str]:
        """Warnings about the scores so far, for the user."""
        return scoring_notices(self.language_model, self.scorer)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """(batch,) texts -> (batch, n_classes)"""
        return self.scorer.of_prompts(self.scorer.ids(texts))

    def _logits(self, inputs: Mapping[str, Any]) -> Tensor:
        """Logits of any number of texts; their shared prefix is run once."""
        with self.without_dropout():
            return self.scorer.in_batches(inputs["texts"])
