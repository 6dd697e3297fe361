"""Classical regression models, fitted by scikit-learn, which is imported on first use."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ...configs.schema.data import SizesData
from ...configs.schema.models.classical import GradientBoostingConfig, RidgeConfig
from ..head import Head
from .classifier import Classical, Targets, rows_of
from .explanations import Reason, number_reasons
from .rounds import Report, fit_in_rounds, silent
from .skops_file import read_estimator

AnyRegressorConfig = RidgeConfig | GradientBoostingConfig


class Regressor(Classical):
    """One scikit-learn regressor, with the same inputs as `Classical`; it predicts one number for each text."""

    scores_are: ClassVar[Literal["numbers"]] = "numbers"  # type: ignore[assignment]

    def __init__(self, config: AnyRegressorConfig, spec: SizesData, head: Head) -> None:
        super().__init__(config, spec, head)  # type: ignore[arg-type]  # only `input` and `type` are read there
        self.config: AnyRegressorConfig = config

    def fit(self, *, targets: Targets, seed: int, report: Report = silent, **inputs: Any) -> None:
        """Fit on the complete training split; `targets` has the `numbers` (batch,)."""
        numbers, _ = targets["numbers"]
        estimator = new_regressor(self.config, seed)
        fit_in_rounds(estimator, rows_of(inputs).matrix(self.n_features), numbers.astype(np.float64), report)
        self._estimator = estimator

    def scores(self, **inputs: Any) -> npt.NDArray[np.float64]:
        """(batch,) texts -> (batch, 1) numbers."""
        rows = rows_of(inputs)
        if not rows.n_rows:
            return np.zeros((0, 1))
        return self._fitted().predict(rows.matrix(self.n_features))[:, None]

    def why(self, *, predicted: Any, **inputs: Any) -> list[list[Reason]]:
        """For each text how much each of its features raises or lowers the number, the largest first; see `number_reasons`."""
        rows = rows_of(inputs)
        return number_reasons(self._fitted(), rows.matrix(self.n_features)) if rows.n_rows else []

    def load(self, folder: Path) -> None:
        """Read `model.skops`, as `Classical.load` does."""
        self._estimator, self.notices = read_estimator(folder, new_regressor(self.config, seed=0), self.n_features, None)

    def describe(self) -> dict[str, int]:
        """Number of features, and sizes of the fitted estimator."""
        return {name: size for name, size in super().describe().items() if name != "classes"}


def new_regressor(config: AnyRegressorConfig, seed: int) -> Any:
    """The unfitted regressor; scikit-learn is imported here."""
    match config:
        case RidgeConfig(alpha=alpha, max_iterations=most):
            from sklearn.linear_model import Ridge

            return Ridge(alpha=alpha, max_iter=most, tol=1e-6, solver="sparse_cg")
        case GradientBoostingConfig(shrinkage=rate, max_depth=depth, min_samples_leaf=leaf, n_rounds=n_rounds, max_features=features):
            from .estimators import BoostedNumbers

            return BoostedNumbers(rate, depth, leaf, n_rounds, "sqrt" if features == "sqrt" else None, seed)
