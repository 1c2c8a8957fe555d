"""Runs the trials of one Optuna study until it has the requested number; several processes may share a study."""

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
from gan_lightning.errors import Interrupted, UserError, os_errors_as_user_errors
from gan_lightning.files import read_json
from gan_lightning.paths import MANIFEST, METRICS, path_argument
from gan_lightning.runs.folders import finished_metrics, last_checkpoints, prepare_folder
from gan_lightning.search import stopping
from gan_lightning.search.report import write_report
from gan_lightning.search.space import format_override, parse_distribution, suggest

FINISHED_STATES = (TrialState.COMPLETE, TrialState.PRUNED)
MAX_TRIES, MAX_FAILURES = 3, 3
SETTINGS_ATTRIBUTE = "gan_lightning"  # of a study: the settings it was started with
DATA_ATTRIBUTE = "data"  # of a study: the digest of the examples
PRUNING = "callbacks.collapse_alarm._target_=gan_lightning.callbacks.collapse_alarm.CollapseStop"


class TrialFailed(Exception):
    """A run of a trial failed for a reason other than collapse or divergence."""


def search(settings: SearchSettings) -> str:
    """Run the search that ``conf/search.yaml`` describes and return a table of its trials.

    Raises:
        UserError: if the settings are invalid, the storage does not answer, or several trials fail.
        Interrupted: after Ctrl-C or SIGTERM.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", ExperimentalWarning)
    threading.excepthook = _ignore_heartbeat_errors
    folder = Path(settings.folder)
    with os_errors_as_user_errors(f"folder={folder}"):
        prepare_folder(str(folder))
    url = settings.storage or f"sqlite:///{folder / 'study.db'}"
    with _storage_errors_as_user_errors(url), stopping.deferred_signals():
        study = _open_study(settings, url)
        trials = Trials(settings, folder)
        if finished_trials(study) < settings.trials:
            study.optimize(
                trials.run,
                catch=TrialFailed,
                callbacks=[MaxTrialsCallback(settings.trials, FINISHED_STATES), trials.stop_after_failures],
            )
        return write_report(study, folder, list(settings.search.overrides))


class Trials:
    """The objective function of a study.

    Args:
        settings: settings of the search.
        folder: folder for the runs of the trials.
    """

    def __init__(self, settings: SearchSettings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.space = {key: parse_distribution(key, tried) for key, tried in settings.search.space.items()}
        self.failures = 0

    def run(self, trial: Trial) -> float:
        """Train one run for each seed and return the mean of the metric over them."""
        chosen = {key: suggest(trial, key, tried) for key, tried in self.space.items()}
        overrides = [*self.settings.search.overrides, *(format_override(key, value) for key, value in chosen.items())]
        folder = Path(trial.user_attrs.get("folder", self.folder / f"trial_{trial.number:04d}"))
        trial.set_user_attr("folder", str(folder))
        try:
            values = [self._evaluate(overrides, seed, folder / f"seed_{seed}", trial) for seed in self.settings.seeds]
        except (optuna.TrialPruned, TrialFailed) as error:
            trial.set_user_attr("why", str(error))
            print(f"trial {trial.number}: {error}", flush=True)
            raise
        except Interrupted:
            _retry(trial.study, trial)
            raise
        trial.set_user_attr("values", values)
        print(f"trial {trial.number}: {values} {chosen}", flush=True)
        return statistics.fmean(values)

    def stop_after_failures(self, study: Study, trial: FrozenTrial) -> None:
        """Raise UserError when MAX_FAILURES trials have failed in this process."""
        self.failures += trial.state == TrialState.FAIL
        if self.failures >= MAX_FAILURES:
            raise UserError(f"{self.failures} trials have failed: see {trial.user_attrs['folder']}/*/train.log")

    def _evaluate(self, overrides: list[str], seed: int, run: Path, trial: Trial) -> float:
        """Train the run of one seed, unless it has finished, and return the metric."""
        stopping.raise_if_interrupted()
        if not finished_metrics(run):
            _train_run([*overrides, PRUNING, f"seed={seed}"], run)
        if not any(key.startswith("data") for key in self.space):
            _check_same_data(trial.study, run)
        metrics = json.loads((run / METRICS).read_text(encoding="utf-8"))
        if self.settings.metric not in metrics:
            raise UserError(f"metric={self.settings.metric}: not in {run / METRICS}: one of {', '.join(metrics)}")
        return float(metrics[self.settings.metric])


def _train_run(overrides: list[str], run: Path) -> None:
    """Train a run in a child process; resume from its last checkpoint if it has one.

    Raises:
        UserError: if the run was rejected before it started.
        optuna.TrialPruned: if the run collapsed or diverged.
        TrialFailed: if the run failed for another reason.
    """
    folder = path_argument(run)
    arguments = [f"resume={folder}"] if last_checkpoints(run) else [*overrides, f"hydra.run.dir={folder}"]
    command = [sys.executable, "-m", "gan_lightning.commands.trial", *arguments]
    code, errors = stopping.run_child(command)
    if code == 0:
        return
    lines = errors.splitlines() or [f"exited with code {code}"]
    if not (run / MANIFEST).exists():
        raise UserError(lines[-1].removeprefix("error: "))
    if json.loads((run / MANIFEST).read_text(encoding="utf-8"))["status"] == "diverged":
        raise optuna.TrialPruned(lines[-1].removeprefix("error: "))
    raise TrialFailed(lines[-1])


def _open_study(settings: SearchSettings, url: str) -> Study:
    try:
        storage = _open_storage(settings, url)
    except sqlalchemy.exc.DatabaseError:  # a search that was started at the same time is creating the tables
        time.sleep(1)
        storage = _open_storage(settings, url)
    sampler = optuna.samplers.TPESampler(seed=settings.sampler_seed, constant_liar=True)
    study = optuna.create_study(storage=storage, sampler=sampler, study_name=settings.name, load_if_exists=True)
    wanted = settings.model_dump(include={"search", "seeds", "metric"})
    recorded: Any = study.user_attrs.get(SETTINGS_ATTRIBUTE)
    if recorded is None:
        study.set_user_attr(SETTINGS_ATTRIBUTE, wanted)
    elif recorded != wanted:
        raise UserError(
            f"name={settings.name}: this study was started with other overrides, space, seeds or metric: "
            "give another name"
        )
    return study


def _check_same_data(study: Study, run: Path) -> None:
    """Raise UserError if the run was trained on other examples than earlier runs of the study."""
    digest = read_json(run / MANIFEST)["data"]["sha256"]
    if study.user_attrs.get(DATA_ATTRIBUTE, digest) != digest:
        raise UserError(
            f"name={study.study_name}: the data have changed since this study was started: restore them, "
            "or give another name"
        )
    study.set_user_attr(DATA_ATTRIBUTE, digest)


def _open_storage(settings: SearchSettings, url: str) -> RDBStorage:
    return RDBStorage(
        url,
        heartbeat_interval=settings.heartbeat_seconds,
        grace_period=3 * settings.heartbeat_seconds,
        heartbeat_stale_trial_callback=_retry,
    )


def _retry(study: Study, trial: Trial | FrozenTrial) -> None:
    """Queue a trial that was stopped or killed again; its run resumes in its folder."""
    tries = trial.user_attrs.get("tries", 1)
    if tries < MAX_TRIES:
        study.enqueue_trial(trial.params, user_attrs=trial.user_attrs | {"tries": tries + 1})


def _ignore_heartbeat_errors(arguments: threading.ExceptHookArgs) -> None:
    """Ignore database errors in the heartbeat thread: the thread of the trial raises the same error."""
    if not isinstance(arguments.exc_value, StorageInternalError):
        threading.__excepthook__(arguments)


def finished_trials(study: Study) -> int:
    return len(study.get_trials(deepcopy=False, states=FINISHED_STATES))


@contextmanager
def _storage_errors_as_user_errors(url: str) -> Iterator[None]:
    """Raise errors of the storage as a UserError of one line."""
    try:
        yield
    except Exception as error:
        # Optuna raises an AssertionError while it handles the error if it cannot record the state of the trial.
        cause = error.__context__ if isinstance(error, AssertionError) else error
        if not isinstance(cause, StorageInternalError | sqlalchemy.exc.SQLAlchemyError | ImportError | RuntimeError):
            raise
        reason = str(cause.__cause__ or cause).strip().splitlines()[0]
        storage = sqlalchemy.engine.make_url(url).render_as_string() if "://" in url else url  # hides the password
        remedy = f"pip install {cause.name}" if isinstance(cause, ImportError) else "does it exist, and is it free?"
        raise UserError(f"storage={storage}: {reason}: {remedy}") from error
