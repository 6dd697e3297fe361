"""`task: {type: regression}`."""

from typing import ClassVar, Literal

from .task_base import Suggestion
from .texts_task import TextsTask


class RegressionConfig(TextsTask):
    """Predict a number for each text or pair of texts: a rating, a price, their similarity."""

    needs: ClassVar[str] = "number"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "rmse", "mae"})
    default_metric: ClassVar[str] = "pearson"

    type: Literal["regression"]
    target: str = "target"
    """Column with the number to predict. Models learn it standardised by the training split; predictions are in the original units."""

    @property
    def main_metric(self) -> str:
        return "pearson"

    @property
    def suggestion(self) -> Suggestion:
        return self._suggestion("the number for a text")

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", "pearson", "spearman", "rmse", "mae")
