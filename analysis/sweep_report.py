"""What a sweep came to: its trials from best to worst, the expected best of fewer trials, and which settings mattered."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import optuna

from ..training.sweep.trials import Trials, Tried, refuse_all_failed
from .statistics.expected_best import expected_best

FEWEST = 10
"""Finished trials below which nothing is said about what mattered."""


@dataclass(frozen=True)
class SweepReport:
    """The trials of a sweep and what they tell."""

    best: Tried
    trials: Sequence[Tried]
    """From best to worst, those without a figure last."""
    expected: Sequence[float]
    """The expected figure of the best of 1, 2, ... trials."""
    importance: Mapping[str, float]
    """Share of the differences between finished trials that each setting explains; empty where they are too few."""

    def to_json(self) -> dict[str, Any]:
        return {"metric": self.best.metric, "best": asdict(self.best), "trials": [asdict(each) for each in self.trials],
                "expected_best": list(self.expected), "importance": dict(self.importance)}


def report(trials: Trials) -> SweepReport:
    """Raises RunError where no trial finished."""
    tried = trials.tried()
    best = refuse_all_failed(tried)
    ranked = sorted(tried, key=lambda each: (each.score is None, -(each.score or 0.0)))
    return SweepReport(best, ranked, expected_figures(tried), _importance(trials.study))


def expected_figures(tried: Sequence[Tried]) -> list[float]:
    """In the metric's own sign. A trial that was ended early counts with what it had reached."""
    scores = [each.score for each in tried if each.score is not None]
    lower_is_better = any(each.score != each.figure for each in tried)
    return [-value if lower_is_better else value for value in expected_best(scores).tolist()]


def _importance(study: optuna.Study) -> dict[str, float]:
    """By functional ANOVA (Hutter et al. 2014), the most important first."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    finished = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(finished) < FEWEST or len({trial.value for trial in finished}) == 1:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
