"""Hydra callbacks: they check the config before anything is written, prepare folders, and end a sweep with a table."""

import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from gan_lightning.commands.session import Session, overrides_of_hydra
from gan_lightning.config.explain import explain_value
from gan_lightning.config.grammar import quote
from gan_lightning.errors import UserError, exit_with_error, os_errors_as_user_errors, user_error_from
from gan_lightning.paths import MANIFEST, expand_home, path_override
from gan_lightning.system import interrupts


def exit_on_error(hook: Callable[..., None]) -> Callable[..., None]:
    """Decorate a method of a Hydra callback: an error ends the command, where Hydra would only warn."""

    @functools.wraps(hook)
    def guarded_hook(self: Callback, config: DictConfig, **kwargs: Any) -> None:
        try:
            hook(self, config, **kwargs)
        except UserError as error:
            exit_with_error(error, Session.current().debug)
        except OSError as error:
            exit_with_error(user_error_from(error), Session.current().debug)
        except OmegaConfBaseException as error:
            exit_with_error(
                UserError(explain_value(error)).with_traceback(error.__traceback__), Session.current().debug
            )
        except Exception:
            traceback.print_exc()
            raise SystemExit(1) from None

    return guarded_hook


class RunGuard(Callback):
    """Checks a run, or the settings that hold for a whole sweep, and creates its folder before Hydra writes to it.

    Each job of a sweep is checked when it starts.
    """

    @exit_on_error
    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.config.settings import TrainSettings
        from gan_lightning.config.validation import validate
        from gan_lightning.runs.folders import check_folder
        from gan_lightning.system import distributed

        HydraConfig.instance().set_config(config)  # so that ${hydra:…} in the folder's name can be resolved
        run_dir, chosen = expand_home(config.hydra.run.dir, "hydra.run.dir"), _is_set(config, "hydra.run.dir")
        if isinstance(config.resume, str):
            config.resume = expand_home(config.resume, "resume")
        check_folder("hydra.run.dir", run_dir)
        if chosen and config.resume is not None and not _same_folder(run_dir, config.resume):
            raise UserError(f"hydra.run.dir={run_dir}: a resumed run stays in its own folder: leave out hydra.run.dir")
        distributed.join()
        resumed = _find_resumed_run(config, Path(run_dir), chosen)
        run_dir = resumed or run_dir

        with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
            config.hydra.runtime.output_dir = run_dir
        HydraConfig.instance().set_config(config)
        settings = config.copy()
        with open_dict(settings):
            del settings["hydra"]
        validate(settings, TrainSettings)

        if not distributed.first_process():
            _use_folder_of_first_process(config, *distributed.broadcast_from_first(("", None)))
            return
        _import_training()
        interrupts.raise_on_signals()
        if resumed:
            _prepare_folder("resume", run_dir)
        elif chosen:
            _prepare_folder("hydra.run.dir", run_dir)
            if Path(run_dir, MANIFEST).exists():
                resume = path_override("resume", Path(run_dir))
                raise UserError(f"hydra.run.dir={run_dir}: holds a run already: {resume}, or choose another folder")
        else:
            run_dir = _create_new_folder("hydra.run.dir", run_dir)
        with read_write(config.hydra.run):  # replaces the pattern that gave the name
            config.hydra.run.dir = run_dir
        distributed.broadcast_from_first((run_dir, config.resume))

    @exit_on_error
    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.runs.folders import check_folder

        if "TORCHELASTIC_RUN_ID" in os.environ:
            raise UserError(
                "torchrun: starts a single run; jobs of a sweep start processes themselves: python train.py -m …"
            )
        session, sweep_dir = Session.current(), expand_home(config.hydra.sweep.dir, "hydra.sweep.dir")
        check_folder("hydra.sweep.dir", sweep_dir)
        for key in ("resume", "reproduce"):
            if config[key] is not None:
                raise UserError(f"{key}={config[key]}: one run at a time: leave out -m")
        if not runs_jobs_in_processes(config.hydra):
            _import_training()
        interrupts.raise_on_signals()
        if sweep_dir == session.resumed_sweep:
            _prepare_folder("sweep.resume", sweep_dir)
        elif _is_set(config, "hydra.sweep.dir"):
            _prepare_folder("hydra.sweep.dir", sweep_dir)
            if any(Path(sweep_dir).rglob(MANIFEST)):
                raise UserError(f"hydra.sweep.dir={sweep_dir}: holds runs already: choose another folder")
        else:
            sweep_dir = _create_new_folder("hydra.sweep.dir", sweep_dir)
        session.sweep_dir = sweep_dir
        with read_write(config.hydra):
            config.hydra.sweep.dir = sweep_dir
            config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quote(sweep_dir)}")  # the jobs are composed with it
        HydraConfig.instance().set_config(config)  # so that the command to resume the sweep can be printed
        if runs_jobs_in_processes(config.hydra):
            signal.signal(signal.SIGINT, _wait_for_jobs)


class SweepSummary(Callback):
    """Ends a sweep with ``summary.csv``, a printed table, and exit code 1 if a job has not finished."""

    @exit_on_error
    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.runs.sweep import summarize

        sweep_dir = Path(config.hydra.sweep.dir)
        if summarize(sweep_dir, Session.current().resume_sweep_command(sweep_dir)):
            raise SystemExit(1)


def runs_jobs_in_processes(hydra: Any) -> bool:
    """Return True if the launcher runs each job of a sweep in a process of its own."""
    return not hydra.launcher._target_.endswith(".BasicLauncher")


def _import_training() -> None:
    """Import the slow modules of training before a folder is created, which an interruption would leave behind."""
    import gan_lightning.commands.train  # noqa: F401


def _prepare_folder(key: str, folder: str) -> None:
    """Create the folder that ``key`` names unless it exists, and note in the session how to undo that."""
    from gan_lightning.runs.folders import prepare_folder

    session = Session.current()
    session.place = f"{key}={folder}"
    with os_errors_as_user_errors(session.place):
        session.undo = prepare_folder(folder)


def _create_new_folder(key: str, folder: str) -> str:
    """Create a folder that did not exist, note in the session how to undo that, and return its name."""
    from gan_lightning.runs.folders import create_new_folder

    session = Session.current()
    with os_errors_as_user_errors(f"{key}={folder}"):
        created, session.undo = create_new_folder(folder)
    session.place = f"{key}={created}"
    return created


def _find_resumed_run(config: DictConfig, run_dir: Path, chosen: bool) -> str | None:
    """Return the folder of the run to resume; None for a new run.

    Where torchrun starts all processes again because it lost one, set ``resume`` to the run that they were training.

    Args:
        config: the config of the run.
        run_dir: the folder of a new run.
        chosen: True if the command line sets that folder.
    """
    from gan_lightning.runs.folders import newest_equal_run, newest_unfinished_run
    from gan_lightning.system import distributed

    plain = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
    del plain["hydra"]
    torchrun, restarted = distributed.torchrun_run_id(), distributed.restarted_by_torchrun()
    if config.resume is None and (torchrun or restarted):
        unfinished = newest_unfinished_run([run_dir] if chosen else run_dir.parent.glob("*"), plain, torchrun)
        config.resume = str(unfinished) if unfinished else None
    resumed = newest_equal_run(run_dir.parent, plain) if config.resume == "auto" else config.resume
    return None if resumed is None else str(resumed)


def _same_folder(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


def _wait_for_jobs(number: int, frame: Any) -> None:
    """Handle the first Ctrl-C: wait, because a terminal sends it to the jobs on this machine too, and they save."""
    interrupts.record_signal(number)
    signal.signal(signal.SIGINT, interrupts.raise_interrupt)
    print("waiting for the jobs to save and stop; Ctrl-C again stops those on this machine at once", file=sys.stderr)


def _use_folder_of_first_process(config: DictConfig, run_dir: str, resume: str | None) -> None:
    """Set the folder that the first process has created, and keep Hydra in this process from writing there."""
    config.resume = resume
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.run.dir = config.hydra.runtime.output_dir = run_dir
        config.hydra.output_subdir = None
        config.hydra.job_logging = {"version": 1, "root": {"level": "ERROR"}, "disable_existing_loggers": False}


def _is_set(config: DictConfig, key: str) -> bool:
    """Return True if the command line sets ``key``, one of Hydra's own keys."""
    return any(override.startswith(f"{key}=") for override in overrides_of_hydra(config.hydra))
