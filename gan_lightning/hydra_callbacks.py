"""What happens around Hydra's jobs: a config that cannot work leaves no trace, and a sweep ends with a table."""

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from gan_lightning.errors import UserError, fail


def strict(hook: Callable[..., None]) -> Callable[..., None]:
    """Hydra turns what goes wrong in a callback into a warning; here it ends the command."""

    @functools.wraps(hook)
    def strict_hook(self: Callback, config: DictConfig, **kwargs: Any) -> None:
        try:
            hook(self, config, **kwargs)
        except UserError as error:
            fail(error, debug=OmegaConf.select(config, "debug") is True)
        except Exception:
            traceback.print_exc()
            raise SystemExit(1) from None

    return strict_hook


class RunGuard(Callback):
    """Checks a single run before Hydra makes its folder, and the folder of a sweep; its jobs are checked one by one."""

    undo: Callable[[], None] = staticmethod(lambda: None)
    resumed_sweep: str | None = None  # its folder

    @strict
    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.config import TrainSettings, validate
        from gan_lightning.runs import MANIFEST, Undo, claim, newest_equal

        HydraConfig.instance().set_config(config)  # for ${hydra:…} in the folder's name
        run_dir, chosen = config.hydra.run.dir, _chosen(config, "hydra.run.dir")
        if chosen and config.resume is not None:
            raise UserError(
                f"hydra.run.dir={run_dir}: a resumed run goes on in its own folder: leave out hydra.run.dir"
            )
        earlier = newest_equal(Path(run_dir).parent, config) if config.resume == "auto" else config.resume
        run_dir = str(earlier or run_dir)

        with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
            config.hydra.runtime.output_dir = run_dir
        HydraConfig.instance().set_config(config)
        settings = config.copy()
        with open_dict(settings):
            del settings["hydra"]
        validate(settings, TrainSettings)

        if chosen and Path(run_dir, MANIFEST).exists():
            raise UserError(f"hydra.run.dir={run_dir}: holds a run already: resume={run_dir}, or take another folder")
        RunGuard.undo = Undo(run_dir)
        if not (earlier or chosen):
            run_dir, RunGuard.undo = claim(run_dir)
        with read_write(config.hydra.run):  # in place of the pattern that it came from
            config.hydra.run.dir = run_dir

    @strict
    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.runs import MANIFEST, Undo, claim

        sweep_dir = config.hydra.sweep.dir
        for key in ("resume", "reproduce"):
            if config[key] is not None:
                raise UserError(f"{key}={config[key]}: one run at a time: leave out -m")
        if not _chosen(config, "hydra.sweep.dir"):
            with read_write(config.hydra.sweep):
                config.hydra.sweep.dir, RunGuard.undo = claim(sweep_dir)
        elif sweep_dir != RunGuard.resumed_sweep and any(Path(sweep_dir).rglob(MANIFEST)):
            raise UserError(f"hydra.sweep.dir={sweep_dir}: holds runs already: take another folder")
        else:
            RunGuard.undo = Undo(sweep_dir)


class SweepSummary(Callback):
    """Ends a sweep with ``summary.csv``, a table on screen, and exit code 1 if a job failed."""

    @strict
    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.sweep import summarize

        if summarize(Path(config.hydra.sweep.dir)):
            raise SystemExit(1)


def _chosen(config: DictConfig, key: str) -> bool:
    """Whether the command line sets one of Hydra's own keys."""
    return any(override.startswith(f"{key}=") for override in config.hydra.overrides.hydra)
