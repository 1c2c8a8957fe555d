"""What happens around Hydra's jobs: nothing is written for a config that cannot work; a sweep ends with a table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write

from gan_lightning.errors import UserError, fail


class RunGuard(Callback):
    """Checks a single run before Hydra makes its folder; the jobs of a sweep are checked one by one."""

    undo: ClassVar[Callable[[], None]]

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.config import TrainSettings, validate
        from gan_lightning.runs import Undo, refuse_used_folder

        HydraConfig.instance().set_config(config)  # for ${hydra:…} in the folder's name, then in the config
        with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
            config.hydra.runtime.output_dir = config.hydra.run.dir
        HydraConfig.instance().set_config(config)
        settings = config.copy()
        with open_dict(settings):
            del settings["hydra"]
        try:
            validate(settings, TrainSettings)
            refuse_used_folder(config.hydra.run.dir, config.resume)
        except UserError as error:
            fail(error, debug=config.debug is True)
        RunGuard.undo = Undo(config.hydra.run.dir)


class SweepSummary(Callback):
    """Ends a sweep with ``summary.csv``, a table on screen, and exit code 1 if a job failed."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from gan_lightning.sweep import summarize

        if summarize(Path(config.hydra.sweep.dir)):
            raise SystemExit(1)
