"""The trials of a sweep in Optuna's storage: asks for new ones, records outcomes, and reclaims those of dead processes."""

import json
import re
import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from ...configs.search_space import Choices, Mark, Number, SearchSpace
from ...errors import ConfigError, RunError
from ...storage import make_folder
from ..folder.files import disk_errors
from ..folder.run_lock import RunLock, is_locked

Setting = dict[str, Number | str]
How = Literal["finished", "pruned", "diverged", "failed", "invalid"]
Sampler = Literal["tpe", "random"]
Pruner = Literal["median", "hyperband", "none"]

STARTUP_TRIALS = 5
"""Number of complete trials before the median pruner may prune."""
HEARTBEAT = 60
"""Seconds between two heartbeats in a database."""
PATIENCE = 60.0
"""Seconds to wait for another process that is asking for a trial."""


@dataclass(frozen=True)
class Tried:
    """A trial that has ended: its setting, how it ended, and its best validation figure."""

    run: str
    setting: Setting
    how: How
    metric: str = ""
    figure: float | None = None
    score: float | None = None
    """The figure, negated if lower is better."""
    evaluations: int = 0
    seconds: float = 0.0
    message: str = ""


class Trials:
    """The trials of one sweep, which several processes may share."""

    def __init__(self, space: SearchSpace, folder: Path, name: str, url: str | None) -> None:
        self.space, self.folder = space, folder
        with disk_errors(folder):
            make_folder(folder)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.storage, self.last_beat = _storage(folder, url), 0.0
        self.study = optuna.create_study(study_name=name, storage=self.storage, direction="maximize", load_if_exists=True)
        self.distributions = {mark.name: _distribution(mark) for mark in space.marks}
        self._refuse_another_recipe()

    def search_by(self, sampler: Sampler, pruner: Pruner, seed: int) -> None:
        """Set how settings are chosen and how hopeless trials are detected."""
        self.study.sampler = _SeededByTrial(sampler, seed)
        self.study.pruner = {"median": lambda: optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=2),
                             "hyperband": optuna.pruners.HyperbandPruner, "none": optuna.pruners.NopPruner}[pruner]()

    @contextmanager
    def worker(self) -> Iterator[str]:
        """Register as one of the processes that work on the sweep. The lock of a killed process is free, so its trials can be reclaimed."""
        host, number = re.sub(r"[^\w.-]", "-", socket.gethostname()), 0
        while is_locked(self._lock(f"{host}-{number}")):
            number += 1
        with RunLock(self._lock(f"{host}-{number}"), "this sweep"):
            self.reclaim(f"{host}-{number}")
            yield f"{host}-{number}"

    def ask(self, worker: str, most: float) -> optuna.Trial | None:
        """The next trial; None if there are `most` already, counting each setting once however often it was interrupted."""
        with self.alone("ask"):
            waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
            if not waiting and self._count() >= most:
                return None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about heartbeats outside `Study.optimize`
                trial = self.study.ask(self.distributions)
            trial.set_user_attr("worker", worker)
            if "run" not in trial.user_attrs:
                trial.set_user_attr("run", f"{_place(self.study, trial.number) + 1:04}")
            return trial

    def tell(self, trial: optuna.Trial, tried: Tried) -> None:
        """Record the outcome of a trial."""
        for key in ("how", "metric", "figure", "score", "evaluations", "seconds", "message"):
            trial.set_user_attr(key, getattr(tried, key))
        if tried.how == "finished":
            self.study.tell(trial, tried.score)
        else:  # a non-finite loss means a bad setting, from which the sampler learns as from a pruned trial
            self.study.tell(trial, state=TrialState.PRUNED if tried.how in ("pruned", "diverged") else TrialState.FAIL)

    def reclaim(self, worker: str) -> None:
        """Queue unfinished trials of dead processes, and of this one when it stops, to be tried again with the same run."""
        with self.alone("ask"):
            for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                owner = trial.user_attrs.get("worker", worker)
                if owner == worker or (self._lock(owner).is_file() and not is_locked(self._lock(owner))):
                    with suppress(ValueError, RuntimeError):  # another process was faster
                        self.study.tell(trial.number, state=TrialState.FAIL)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # experimental
                optuna.storages.fail_stale_trials(self.study)
            self._enqueue_lost()

    def _enqueue_lost(self) -> None:
        trials = self.study.get_trials(deepcopy=False)
        for place, trial in enumerate(trials):
            run = trial.user_attrs.get("run")
            if _is_lost(trial) and run and not any(other.user_attrs.get("run") == run for other in trials[place + 1 :]):
                self.study.enqueue_trial(trial.params, user_attrs={"run": run})

    def beat(self, trials: Sequence[optuna.Trial]) -> None:
        """Send a heartbeat for running trials, if the storage watches for it."""
        if isinstance(self.storage, optuna.storages.RDBStorage) and time.monotonic() - self.last_beat > HEARTBEAT / 2:
            self.last_beat = time.monotonic()
            for trial in trials:
                self.storage.record_heartbeat(trial._trial_id)

    def running(self) -> int:
        """The number of trials that any process is running."""
        return len(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def tried(self) -> list[Tried]:
        """All trials that have ended, in the order of their settings."""
        ended = [trial for trial in self.study.get_trials(deepcopy=False) if "how" in trial.user_attrs and trial.state.is_finished()]
        return sorted((_tried(trial) for trial in ended if trial.user_attrs["how"] != "invalid"), key=lambda tried: tried.run)

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Hold the lock `what` against other processes. Raises RunError if one holds it for too long."""
        start = time.monotonic()
        while is_locked(self.folder / f"{what}.lock") and time.monotonic() - start < PATIENCE:
            time.sleep(0.01)
        with RunLock(self.folder / f"{what}.lock", "the sweep"):
            yield

    def _lock(self, worker: str) -> Path:
        return self.folder / f"worker-{worker}.lock"

    def _count(self) -> int:
        trials = self.study.get_trials(deepcopy=False)
        return len({trial.user_attrs["run"] for trial in trials if "run" in trial.user_attrs and trial.user_attrs.get("how") != "invalid"})

    def _refuse_another_recipe(self) -> None:
        """Raises ConfigError unless all trials of the sweep share one recipe and the same ranges."""
        runs = sorted(path.parent.name for path in self.folder.glob("[0-9]*/config.yaml"))  # before the trials, which are recorded first
        if runs and not self.study.get_trials(deepcopy=False):
            raise ConfigError(f"{self.folder} has runs of a sweep ({runs[0]} to {runs[-1]}), but the storage has no trials of it, so "
                              "it cannot continue. Give the --storage that it was started with, or start another sweep with --name.")
        now = json.loads(json.dumps(self.space.plain()))
        before = self.study.user_attrs.get("recipe")
        if before is None or not self.study.get_trials(deepcopy=False):
            self.study.set_user_attr("recipe", now)
        elif before != now:
            changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
            raise ConfigError(f"{self.space.name} has changed in {', '.join(changed)} since the sweep in {self.folder} was started, so new "
                              "trials could not be compared with its earlier ones. Start another sweep with --name.")


def _tried(trial: FrozenTrial) -> Tried:
    figures = {key: value for key, value in trial.user_attrs.items() if key not in ("worker",)}
    return Tried(setting=dict(trial.params), **figures)


def _is_lost(trial: FrozenTrial) -> bool:
    """Whether the trial has no outcome: its process died or was stopped."""
    return trial.state == TrialState.FAIL and "how" not in trial.user_attrs


def _place(study: optuna.Study, number: int) -> int:
    """The number that a trial would have without interruptions, which give a new number to each attempt."""
    return number - sum(_is_lost(trial) for trial in study.get_trials(deepcopy=False))


class _SeededByTrial(BaseSampler):
    """A sampler that depends only on the seed and the trial's place, so that a resumed search continues as if never interrupted."""

    def __init__(self, kind: Sampler, seed: int) -> None:
        self.kind, self.seed = kind, seed
        self.inner: BaseSampler = RandomSampler(seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        seed = int(np.random.SeedSequence([self.seed, _place(study, trial.number)]).generate_state(1)[0])
        self.inner = TPESampler(seed=seed) if self.kind == "tpe" else RandomSampler(seed)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.inner.infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        return self.inner.sample_relative(study, trial, search_space)

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        return self.inner.sample_independent(study, trial, param_name, param_distribution)


def _distribution(mark: Mark) -> BaseDistribution:
    values = mark.values
    if isinstance(values, Choices):
        return CategoricalDistribution(list(values.options))
    if values.is_whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log, step=int(values.step or 1))
    return FloatDistribution(values.low, values.high, log=values.log, step=values.step)


def _storage(folder: Path, url: str | None) -> optuna.storages.BaseStorage:
    """A file in the sweep's folder, or the database at a URL."""
    if url is None:
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        path = folder / "trials.journal"
        try:
            with disk_errors(path):
                return JournalStorage(JournalFileBackend(str(path)))
        except (ValueError, KeyError) as error:
            raise RunError(f"{path} is damaged: {error}. Start another sweep with --name.") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # heartbeats are experimental
            return optuna.storages.RDBStorage(url, heartbeat_interval=HEARTBEAT)
    except Exception as error:
        message = _without_password(f"--storage {url!r} cannot be opened: {str(error).partition(chr(10))[0]}")
        raise ConfigError(f"{message}. Give a URL as for SQLAlchemy, such as sqlite:///sweep.db.") from None


def _without_password(text: str) -> str:
    """Mask passwords in URLs for screens and logs: `user:***@host` for `user:password@host`."""
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)


def best_of(tried: Sequence[Tried]) -> Tried | None:
    """The finished trial with the best score; the first of several equal ones."""
    finished = [trial for trial in tried if trial.how == "finished"]
    return max(finished, key=lambda trial: trial.score or 0.0, default=None)


def refuse_all_failed(tried: Sequence[Tried]) -> Tried:
    """The best trial. Raises RunError if none finished."""
    best = best_of(tried)
    if best is None:
        first = next((trial for trial in tried if trial.message), None)
        reason = f" Trial {first.run} reports: {first.message}" if first else ""
        raise RunError(f"None of {len(tried)} trials finished, so there is no setting to choose.{reason}")
    return best
