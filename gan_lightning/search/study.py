"""Runs trials of one Optuna study, beside other processes that do so, until it has as many as are wanted."""

import json
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy.exc
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from optuna.study import MaxTrialsCallback, Study
from optuna.trial import FrozenTrial, Trial, TrialState

from gan_lightning.config.settings import SearchSettings
from gan_lightning.errors import Interrupted, UserError, refusals_of
from gan_lightning.files import read_json
from gan_lightning.paths import MANIFEST, METRICS, spelled
from gan_lightning.runs.folders import finished, last_checkpoints, take
from gan_lightning.search import stopping
from gan_lightning.search.report import report
from gan_lightning.search.space import distribution, override, suggest

DONE = (TrialState.COMPLETE, TrialState.PRUNED)
MAX_TRIES, MAX_FAILURES = 3, 3
SETTINGS, DATA = "gan_lightning", "data"  # attributes of a study: what it was begun with, the digest of the examples
PRUNING = "callbacks.collapse_alarm._target_=gan_lightning.callbacks.collapse_alarm.CollapseStop"


class Failed(Exception):
    """A run of a trial has ended otherwise than by collapse or divergence; its error's line."""


def search(settings: SearchSettings) -> str:
    """Run trials of what ``conf/search.yaml`` describes; a table of all, when the study has enough of them.

    Raises:
        UserError: for settings that cannot work, a storage that does not answer, trials that keep failing.
        Interrupted: after Ctrl-C or SIGTERM.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", ExperimentalWarning)
    threading.excepthook = _pass_over_heartbeat
    folder = Path(settings.folder)
    with refusals_of(f"folder={folder}"):
        take(str(folder))
    url = settings.storage or f"sqlite:///{folder / 'study.db'}"
    with _storage_errors(url), stopping.signals():
        study = _study(settings, url)
        trials = Trials(settings, folder)
        if _done(study) < settings.trials:
            study.optimize(
                trials.run,
                catch=Failed,
                callbacks=[MaxTrialsCallback(settings.trials, DONE), trials.end_after_failures],
            )
        return report(study, folder, list(settings.search.overrides))


class Trials:
    """The objective of a study, as Optuna calls it.

    Args:
        settings: of the search.
        folder: of the trials' runs.
    """

    def __init__(self, settings: SearchSettings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.space = {key: distribution(key, tried) for key, tried in settings.search.space.items()}
        self.failures = 0

    def run(self, trial: Trial) -> float:
        """The mean of the metric over the seeds."""
        chosen = {key: suggest(trial, key, tried) for key, tried in self.space.items()}
        overrides = [*self.settings.search.overrides, *(override(key, value) for key, value in chosen.items())]
        folder = Path(trial.user_attrs.get("folder", self.folder / f"trial_{trial.number:04d}"))
        trial.set_user_attr("folder", str(folder))
        try:
            values = [self._value(overrides, seed, folder / f"seed_{seed}", trial) for seed in self.settings.seeds]
        except (optuna.TrialPruned, Failed) as error:
            trial.set_user_attr("why", str(error))
            print(f"trial {trial.number}: {error}", flush=True)
            raise
        except Interrupted:
            _try_again(trial.study, trial)
            raise
        trial.set_user_attr("values", values)
        print(f"trial {trial.number}: {values} {chosen}", flush=True)
        return statistics.fmean(values)

    def end_after_failures(self, study: Study, trial: FrozenTrial) -> None:
        self.failures += trial.state == TrialState.FAIL
        if self.failures >= MAX_FAILURES:
            raise UserError(f"{self.failures} trials have failed: see {trial.user_attrs['folder']}/*/train.log")

    def _value(self, overrides: list[str], seed: int, run: Path, trial: Trial) -> float:
        stopping.check()
        if not finished(run):
            _train([*overrides, PRUNING, f"seed={seed}"], run)
        if not any(key.startswith("data") for key in self.space):
            _check_data(trial.study, run)
        metrics = json.loads((run / METRICS).read_text(encoding="utf-8"))
        if self.settings.metric not in metrics:
            raise UserError(f"metric={self.settings.metric}: not in {run / METRICS}: one of {', '.join(metrics)}")
        return float(metrics[self.settings.metric])


def _train(overrides: list[str], run: Path) -> None:
    """A run in a process of its own, from its last checkpoint where it has one."""
    folder = spelled(run)
    where = [f"resume={folder}"] if last_checkpoints(run) else [*overrides, f"hydra.run.dir={folder}"]
    command = [sys.executable, "-m", "gan_lightning.commands.trial", *where]
    code, said = stopping.errors_of(command)
    if code == 0:
        return
    lines = said.splitlines() or [f"ended with {code}"]
    if not (run / MANIFEST).exists():
        raise UserError(lines[-1].removeprefix("error: "))
    if json.loads((run / MANIFEST).read_text(encoding="utf-8"))["status"] == "diverged":
        raise optuna.TrialPruned(lines[-1].removeprefix("error: "))
    raise Failed(lines[-1])


def _study(settings: SearchSettings, url: str) -> Study:
    try:
        storage = _storage(settings, url)
    except sqlalchemy.exc.DatabaseError:  # another search, begun at the same time, is making the tables
        time.sleep(1)
        storage = _storage(settings, url)
    sampler = optuna.samplers.TPESampler(seed=settings.sampler_seed, constant_liar=True)
    study = optuna.create_study(storage=storage, sampler=sampler, study_name=settings.name, load_if_exists=True)
    wanted = settings.model_dump(include={"search", "seeds", "metric"})
    begun: Any = study.user_attrs.get(SETTINGS)
    if begun is None:
        study.set_user_attr(SETTINGS, wanted)
    elif begun != wanted:
        raise UserError(f"name={settings.name}: this study was begun with other overrides, space, seeds or metric: "
                        "give another name")  # fmt: skip
    return study


def _check_data(study: Study, run: Path) -> None:
    """Refuse to compare trials that were trained on different examples."""
    digest = read_json(run / MANIFEST)["data"]["sha256"]
    if study.user_attrs.get(DATA, digest) != digest:
        raise UserError(f"name={study.study_name}: the data have changed since this study was begun: bring back those, "
                        "or give another name")  # fmt: skip
    study.set_user_attr(DATA, digest)


def _storage(settings: SearchSettings, url: str) -> RDBStorage:
    return RDBStorage(
        url,
        heartbeat_interval=settings.heartbeat_seconds,
        grace_period=3 * settings.heartbeat_seconds,
        heartbeat_stale_trial_callback=_try_again,
    )


def _try_again(study: Study, trial: Trial | FrozenTrial) -> None:
    """Put a trial that was stopped or killed in line once more; its run goes on in its folder."""
    tries = trial.user_attrs.get("tries", 1)
    if tries < MAX_TRIES:
        study.enqueue_trial(trial.params, user_attrs=trial.user_attrs | {"tries": tries + 1})


def _pass_over_heartbeat(arguments: threading.ExceptHookArgs) -> None:
    """Pass over what the database refuses in the thread of the heartbeat: the trial will be told the same."""
    if not isinstance(arguments.exc_value, StorageInternalError):
        threading.__excepthook__(arguments)


def _done(study: Study) -> int:
    return len(study.get_trials(deepcopy=False, states=DONE))


@contextmanager
def _storage_errors(url: str) -> Iterator[None]:
    """What a database says, as one line."""
    try:
        yield
    except Exception as error:
        # Where Optuna cannot write down how a trial has ended, it fails an assertion on top of that.
        cause = error.__context__ if isinstance(error, AssertionError) else error
        if not isinstance(cause, StorageInternalError | sqlalchemy.exc.SQLAlchemyError | ImportError | RuntimeError):
            raise
        reason = str(cause.__cause__ or cause).strip().splitlines()[0]
        shown = sqlalchemy.engine.make_url(url).render_as_string() if "://" in url else url
        remedy = f"pip install {cause.name}" if isinstance(cause, ImportError) else "is it there, and is it free?"
        raise UserError(f"storage={shown}: {reason}: {remedy}") from error
