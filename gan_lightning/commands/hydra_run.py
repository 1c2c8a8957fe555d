"""Runs the commands that have a config with Hydra; a user's error is one line and exit code 2.

Neither torch nor lightning is imported here, so that ``--help`` and tab completion are quick. The module of a command
is imported when the command runs.
"""

import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import gan_lightning.config.resolvers  # noqa: F401  registers the resolvers
from gan_lightning.commands.hydra_callbacks import runs_jobs_in_processes
from gan_lightning.commands.session import Session
from gan_lightning.config.settings import Settings, TrainSettings
from gan_lightning.errors import Busy, Interrupted, NotWritten, UserError, exit_with_error, user_error_from
from gan_lightning.paths import CONF_DIR
from gan_lightning.system import interrupts

LAUNCHERS = ("joblib", "submitit")  # packages that run the jobs of a sweep in parallel


def train_job(cfg: DictConfig) -> dict[str, float] | None:
    """Train a run, or a job of a sweep, and return its metrics; None for a job that failed or was interrupted."""
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return _sweep_job(cfg)
    try:
        from gan_lightning.commands.train import train_and_compare
        from gan_lightning.config.validation import validate

        return train_and_compare(validate(cfg, TrainSettings))
    except Interrupted as interruption:
        interruption.exit_process()
    except BaseException as error:
        Session.current().undo()
        if isinstance(error, UserError):
            exit_with_error(error, debug=OmegaConf.select(cfg, "debug") is True)
        raise


def _sweep_job(cfg: DictConfig) -> dict[str, float] | None:
    """Train a job of a sweep: resume it if it has a checkpoint, skip it if it has finished.

    A job that fails prints its error, and the sweep continues.
    """
    from gan_lightning.commands.train import train
    from gan_lightning.config.validation import validate
    from gan_lightning.runs.folders import finished_metrics, last_checkpoints
    from gan_lightning.runs.manifest import record_failure
    from gan_lightning.runs.sweep import summarize

    run_dir = Path(HydraConfig.get().runtime.output_dir)
    if Session.current().interrupted:
        return None
    try:
        settings = validate(cfg, TrainSettings)
        if metrics := finished_metrics(run_dir):
            return metrics
        if last_checkpoints(run_dir):
            settings = settings.model_copy(update={"resume": str(run_dir)})
        return train(settings)
    except Interrupted as interruption:
        if runs_jobs_in_processes(HydraConfig.get()) and interruption.signal in interrupts.STOP_SIGNALS:
            # The process that started this one writes the table.
            Session.current().interrupted = True
            return None
        sweep_dir = Path(HydraConfig.get().sweep.dir)
        summarize(sweep_dir, Session.current().resume_sweep_command(sweep_dir))
        interruption.exit_process()
    except Exception as error:
        if not isinstance(error, UserError | OSError) or OmegaConf.select(cfg, "debug") is True:
            traceback.print_exc()
        explained = user_error_from(error) if isinstance(error, OSError) else error
        line = " ".join(str(explained).split()) or type(error).__name__
        print(f"error: job {HydraConfig.get().job.num}: {line}", file=sys.stderr)
        if not isinstance(error, Busy):
            with suppress(OSError):  # without a manifest, the table lists the job as lost
                record_failure(run_dir, line)
        return None


def print_result(cfg: DictConfig) -> None:
    """Run the current command and print what it returns; for conf/NAME.yaml that is NAME() of commands/NAME.py."""
    from gan_lightning.config.validation import validate
    from gan_lightning.system.machine import prepare_process

    session = Session.current()
    for handler in logging.getLogger().handlers:  # Hydra's own format puts the time before each message
        handler.setFormatter(logging.Formatter("%(message)s"))
    try:
        settings = validate(cfg, session.settings)
        prepare_process()
        command = getattr(import_module(f"gan_lightning.commands.{session.config_name}"), session.config_name)
        interrupts.raise_on_signals()
        print(command(settings))
    except UserError as error:
        if isinstance(error, NotWritten):
            print(error.output)
        exit_with_error(error, debug=OmegaConf.select(cfg, "debug") is True)


def run(config_name: str, settings: type[Settings], job: Callable[[DictConfig], Any]) -> None:
    """Let Hydra compose the config and call ``job``; explain errors of Hydra in one line.

    Args:
        config_name: the name of the command's config.
        settings: the class of the command's settings.
        job: the function to call with the config.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors instead of printing them
    session = Session(config_name, settings, sys.argv)
    try:
        session.read_command_line()
    except UserError as error:
        exit_with_error(error, session.debug)
    sys.argv = [session.program, *session.arguments]  # Hydra reads this
    try:
        hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name=config_name)(job)()
    except Exception as error:
        _exit_or_raise(session, error)
    except KeyboardInterrupt:
        session.summarize_sweep()
        session.undo()
        raise


def _exit_or_raise(session: Session, error: Exception) -> None:
    """Exit with one line for an error of Hydra, a launcher or the system; raise other errors again."""
    if _raised_in(error, *LAUNCHERS):
        session.summarize_sweep()
        if interrupts.was_interrupted():  # before a job could handle the signal
            interrupts.exit_interrupted()
        lines = (str(error).strip() or type(error).__name__).splitlines()[:2]  # submitit's sentence has a line break
        line = f"hydra/launcher: {' '.join(' '.join(lines).split())}"
    elif isinstance(cause := error.__cause__ or error, OSError) and not isinstance(error, HydraException):
        line = str(user_error_from(cause, session.place))  # logging raises a ValueError from an OSError
    elif (
        isinstance(error, HydraException | OmegaConfBaseException)
        or _raised_in(error, "hydra", "omegaconf")
        or _raised_in_config_file(error)
    ):
        from gan_lightning.config.explain import explain

        line = explain(error, session.config_name, session.typed)
    else:
        raise error
    session.undo()
    exit_with_error(UserError(line).with_traceback(error.__traceback__), session.debug)


def _raised_in(error: Exception, *packages: str) -> bool:
    """Return True if a module of one of the packages raised the error itself, not a function that it called."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals["__name__"].partition(".")[0] in packages


def _raised_in_config_file(error: Exception) -> bool:
    """Return True if the error was raised while Hydra read a file of the config."""
    return any("config_source" in frame.f_globals["__name__"] for frame, _ in traceback.walk_tb(error.__traceback__))
