"""Runs the commands that have a config with Hydra; a user's mistake is one line and exit code 2.

Neither torch nor lightning is imported here, so that ``--help`` and tab completion answer at once: what a command does
is in the module of its name, which is imported when there is something to do.
"""

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

import gan_lightning.config.resolvers  # noqa: F401  registers them
from gan_lightning.commands.hydra_callbacks import beside_others
from gan_lightning.commands.session import Session
from gan_lightning.config.settings import Settings, TrainSettings
from gan_lightning.errors import Busy, Interrupted, NotWritten, UserError, exit_with_error, user_error_from
from gan_lightning.paths import CONF_DIR
from gan_lightning.system import interrupts

LAUNCHERS = ("joblib", "submitit")  # packages that run jobs beside each other


def train_job(cfg: DictConfig) -> dict[str, float] | None:
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
    """A job of a sweep: when it fails it says why, and the sweep goes on. What it did before, it need not do again."""
    from gan_lightning.commands.train import train
    from gan_lightning.config.validation import validate
    from gan_lightning.runs.folders import finished, last_checkpoints
    from gan_lightning.runs.manifest import record_failure
    from gan_lightning.runs.sweep import summarize

    run_dir = Path(HydraConfig.get().runtime.output_dir)
    if Session.current().interrupted:
        return None
    try:
        settings = validate(cfg, TrainSettings)
        if metrics := finished(run_dir):
            return metrics
        if last_checkpoints(run_dir):
            settings = settings.model_copy(update={"resume": str(run_dir)})
        return train(settings)
    except Interrupted as interruption:
        if beside_others(HydraConfig.get()) and interruption.signal in interrupts.STOP_SIGNALS:
            # Who has begun it makes the table.
            Session.current().interrupted = True
            return None
        sweep_dir = Path(HydraConfig.get().sweep.dir)
        summarize(sweep_dir, Session.current().sweep_call(sweep_dir))
        interruption.exit_process()
    except Exception as error:
        if not isinstance(error, UserError | OSError) or OmegaConf.select(cfg, "debug") is True:
            traceback.print_exc()
        told = user_error_from(error) if isinstance(error, OSError) else error
        line = " ".join(str(told).split()) or type(error).__name__
        print(f"error: job {HydraConfig.get().job.num}: {line}", file=sys.stderr)
        if not isinstance(error, Busy):
            with suppress(OSError):  # the table says of that job that it is lost
                record_failure(run_dir, line)
        return None


def printed(cfg: DictConfig) -> None:
    """Check the config, run the command and print what it returns: NAME of conf/NAME.yaml and commands/NAME.py."""
    from gan_lightning.config.validation import validate
    from gan_lightning.system.machine import prepare_process

    session = Session.current()
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
    """Hand over to Hydra, and put what it or a job refuses in one line."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors instead of printing them
    session = Session(config_name, settings, sys.argv)
    try:
        session.read_command_line()
    except UserError as error:
        exit_with_error(error, session.debug)
    sys.argv = [session.program, *session.arguments]  # where Hydra looks
    try:
        hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name=config_name)(job)()
    except Exception as error:
        _end(session, error)
    except KeyboardInterrupt:
        session.summarize_sweep()
        session.undo()
        raise


def _end(session: Session, error: Exception) -> None:
    """Say in one line what Hydra or a launcher refuses; raise what is no error of use."""
    if _is_from(error, *LAUNCHERS):
        session.summarize_sweep()
        if interrupts.was_interrupted():  # before a job could heed it
            interrupts.exit_interrupted()
        said = (str(error).strip() or type(error).__name__).splitlines()[:2]  # submitit's line has a break in it
        line = f"hydra/launcher: {' '.join(' '.join(said).split())}"
    elif isinstance(cause := error.__cause__ or error, OSError) and not isinstance(error, HydraException):
        line = str(user_error_from(cause, session.place))  # logging's is the cause of another
    elif (
        isinstance(error, HydraException | OmegaConfBaseException)
        or _is_from(error, "hydra", "omegaconf")
        or _is_of_a_config_file(error)
    ):
        from gan_lightning.config.explain import explain

        line = explain(error, session.config_name, session.typed)
    else:
        raise error
    session.undo()
    exit_with_error(UserError(line).with_traceback(error.__traceback__), session.debug)


def _is_from(error: Exception, *packages: str) -> bool:
    """Return whether one of them raised it, and not what they called."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals["__name__"].partition(".")[0] in packages


def _is_of_a_config_file(error: Exception) -> bool:
    """Return whether it was raised while Hydra read one of the config's files."""
    return any("config_source" in frame.f_globals["__name__"] for frame, _ in traceback.walk_tb(error.__traceback__))
