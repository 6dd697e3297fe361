"""Results of a sweep: ranked trials, the expected best of fewer trials, and the importance of each setting."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import optuna

from ..training.sweep.trials import Trials, Tried, refuse_all_failed
from .statistics.expected_best import expected_best

FEWEST = 10
"""Minimum number of finished trials for estimating importance."""


@dataclass(frozen=True)
class SweepReport:
    """The trials of a sweep and their summary."""

    best: Tried
    trials: Sequence[Tried]
    """From best to worst; trials without a figure come last."""
    expected: Sequence[float]
    """The expected figure of the best of 1, 2, ... trials."""
    importance: Mapping[str, float]
    """Share of the variance between finished trials that each setting explains; empty if there are too few trials."""

    def to_json(self) -> dict[str, Any]:
        return {"metric": self.best.metric, "best": asdict(self.best), "trials": [asdict(each) for each in self.trials],
                "expected_best": list(self.expected), "importance": dict(self.importance)}


def report(trials: Trials) -> SweepReport:
    """Summarise the trials. Raises RunError if none finished."""
    tried = trials.tried()
    best = refuse_all_failed(tried)
    ranked = sorted(tried, key=lambda each: (each.score is None, -(each.score or 0.0)))
    return SweepReport(best, ranked, expected_figures(tried), _importance(trials.study))


def expected_figures(tried: Sequence[Tried]) -> list[float]:
    """The expected best of 1, 2, ... trials, in the metric's own sign. A pruned trial counts with the figure that it had reached."""
    scores = [each.score for each in tried if each.score is not None]
    lower_is_better = any(each.score != each.figure for each in tried)
    return [-value if lower_is_better else value for value in expected_best(scores).tolist()]


def _importance(study: optuna.Study) -> dict[str, float]:
    """Importance by functional ANOVA (Hutter et al. 2014), most important first."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    finished = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(finished) < FEWEST or len({trial.value for trial in finished}) == 1:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
