"""What happens around Hydra's jobs: a config that cannot work leaves no trace, and a sweep ends with a table."""

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


def strict(hook: Callable[..., None]) -> Callable[..., None]:
    """Hydra turns what goes wrong in a callback into a warning; here it ends the command."""

    @functools.wraps(hook)
    def strict_hook(self: Callback, config: DictConfig, **kwargs: Any) -> None:
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

    return strict_hook


class RunGuard(Callback):
    """Checks a single run before Hydra makes its folder, and the folder of a sweep; its jobs are checked one by one."""

    @strict
    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.config.settings import TrainSettings
        from gan_lightning.config.validation import validate
        from gan_lightning.runs.folders import check_folder
        from gan_lightning.system import distributed

        HydraConfig.instance().set_config(config)  # for ${hydra:…} in the folder's name
        run_dir, chosen = expand_home(config.hydra.run.dir, "hydra.run.dir"), _chosen(config, "hydra.run.dir")
        if isinstance(config.resume, str):
            config.resume = expand_home(config.resume, "resume")
        check_folder("hydra.run.dir", run_dir)
        if chosen and config.resume is not None and not _same_folder(run_dir, config.resume):
            raise UserError(
                f"hydra.run.dir={run_dir}: a resumed run goes on in its own folder: leave out hydra.run.dir"
            )
        distributed.join()
        earlier = _earlier(config, Path(run_dir), chosen)
        run_dir = earlier or run_dir

        with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
            config.hydra.runtime.output_dir = run_dir
        HydraConfig.instance().set_config(config)
        settings = config.copy()
        with open_dict(settings):
            del settings["hydra"]
        validate(settings, TrainSettings)

        if not distributed.first_process():
            _join_run(config, *distributed.broadcast_from_first(("", None)))
            return
        _import_training()
        interrupts.raise_on_signals()
        if earlier:
            _take("resume", run_dir)
        elif chosen:
            _take("hydra.run.dir", run_dir)
            if Path(run_dir, MANIFEST).exists():
                go_on = path_override("resume", Path(run_dir))
                raise UserError(f"hydra.run.dir={run_dir}: holds a run already: {go_on}, or take another folder")
        else:
            run_dir = _claim("hydra.run.dir", run_dir)
        with read_write(config.hydra.run):  # in place of the pattern that it came from
            config.hydra.run.dir = run_dir
        distributed.broadcast_from_first((run_dir, config.resume))

    @strict
    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.runs.folders import check_folder

        if "TORCHELASTIC_RUN_ID" in os.environ:
            raise UserError("torchrun: for one run; those of a sweep begin processes themselves: python train.py -m …")
        session, sweep_dir = Session.current(), expand_home(config.hydra.sweep.dir, "hydra.sweep.dir")
        check_folder("hydra.sweep.dir", sweep_dir)
        for key in ("resume", "reproduce"):
            if config[key] is not None:
                raise UserError(f"{key}={config[key]}: one run at a time: leave out -m")
        if not beside_others(config.hydra):
            _import_training()
        interrupts.raise_on_signals()
        if sweep_dir == session.resumed_sweep:
            _take("sweep.resume", sweep_dir)
        elif _chosen(config, "hydra.sweep.dir"):
            _take("hydra.sweep.dir", sweep_dir)
            if any(Path(sweep_dir).rglob(MANIFEST)):
                raise UserError(f"hydra.sweep.dir={sweep_dir}: holds runs already: take another folder")
        else:
            sweep_dir = _claim("hydra.sweep.dir", sweep_dir)
        session.sweep_dir = sweep_dir
        with read_write(config.hydra):
            config.hydra.sweep.dir = sweep_dir
            config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quote(sweep_dir)}")  # by which jobs are composed
        HydraConfig.instance().set_config(config)  # for the command that goes on
        if beside_others(config.hydra):
            signal.signal(signal.SIGINT, _wait_for_jobs)


class SweepSummary(Callback):
    """Ends a sweep with ``summary.csv``, a table on screen, and exit code 1 if a job failed."""

    @strict
    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.runs.sweep import summarize

        sweep_dir = Path(config.hydra.sweep.dir)
        if summarize(sweep_dir, Session.current().sweep_call(sweep_dir)):
            raise SystemExit(1)


def beside_others(hydra: Any) -> bool:
    """Whether jobs run in processes of their own."""
    return not hydra.launcher._target_.endswith(".BasicLauncher")


def _import_training() -> None:
    """Import what the first job needs while nothing is there yet that an interruption would leave behind."""
    import gan_lightning.commands.train  # noqa: F401


def _take(key: str, folder: str) -> None:
    """Have the folder that ``key`` names."""
    from gan_lightning.runs.folders import take

    session = Session.current()
    session.place = f"{key}={folder}"
    with os_errors_as_user_errors(session.place):
        session.undo = take(folder)


def _claim(key: str, folder: str) -> str:
    """Have a folder that nobody else has, and return its name."""
    from gan_lightning.runs.folders import claim

    session = Session.current()
    with os_errors_as_user_errors(f"{key}={folder}"):
        claimed, session.undo = claim(folder)
    session.place = f"{key}={claimed}"
    return claimed


def _earlier(config: DictConfig, run_dir: Path, chosen: bool) -> str | None:
    """Return the folder of the run that goes on, if one does: where torchrun has lost a process, the one begun."""
    from gan_lightning.runs.folders import newest_begun, newest_equal
    from gan_lightning.system import distributed

    plain = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
    del plain["hydra"]
    torchrun, restarted = distributed.torchrun_run_id(), distributed.restarted_by_torchrun()
    if config.resume is None and (torchrun or restarted):
        begun = newest_begun([run_dir] if chosen else run_dir.parent.glob("*"), plain, torchrun)
        config.resume = str(begun) if begun else None
    earlier = newest_equal(run_dir.parent, plain) if config.resume == "auto" else config.resume
    return None if earlier is None else str(earlier)


def _same_folder(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


def _wait_for_jobs(number: int, frame: Any) -> None:
    """On Ctrl-C, which a terminal sends to jobs on this machine too: they save themselves."""
    interrupts.record_signal(number)
    signal.signal(signal.SIGINT, interrupts.raise_interrupt)
    print("waiting for the jobs to end; Ctrl-C again ends those on this machine at once", file=sys.stderr)


def _join_run(config: DictConfig, run_dir: str, resume: str | None) -> None:
    """Take part in a run of which the first process has made the folder, and write nothing there."""
    config.resume = resume
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.run.dir = config.hydra.runtime.output_dir = run_dir
        config.hydra.output_subdir = None
        config.hydra.job_logging = {"version": 1, "root": {"level": "ERROR"}, "disable_existing_loggers": False}


def _chosen(config: DictConfig, key: str) -> bool:
    """Whether the command line sets one of Hydra's own keys."""
    return any(override.startswith(f"{key}=") for override in overrides_of_hydra(config.hydra))
