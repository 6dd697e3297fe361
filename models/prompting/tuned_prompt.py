"""A prompted language model that learns by gradient: cross-entropy over the same scores of the classes."""

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
    """The scores of `Prompted` without examples, as logits of a network.

    What is minimised is the cross-entropy of the class among the classes, not that of the label words among all words: it is what is
    evaluated, it compares with any other classifier's, and no update goes into words that no class is named by.
    """

    config: TunedPromptConfig

    def __init__(self, config: TunedPromptConfig, head: Head, model: LanguageModel) -> None:
        super().__init__(config)
        check_classes(config, head.labels)
        self.language_model = model
        self.scorer = LabelScorer(model, build_prompt(config, (), model.chat), config, head.labels)

    @property
    def notices(self) -> list[str]:
        """What a person should know of the scores so far."""
        return scoring_notices(self.language_model, self.scorer)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """(batch,) texts -> (batch, n_classes)"""
        return self.scorer.of_prompts(self.scorer.ids(texts))

    def _logits(self, inputs: Mapping[str, Any]) -> Tensor:
        """Of any number of texts; what they share is read once."""
        with self.without_dropout():
            return self.scorer.in_batches(inputs["texts"])
