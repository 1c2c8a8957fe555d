"""Sheets of samples from the same latents in the course of training."""

from pathlib import Path
from typing import Any

import lightning.pytorch as L
from pydantic import NonNegativeInt, PositiveInt

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, data_of, epochs_done
from gan_lightning.callbacks.loggers import log_writers
from gan_lightning.callbacks.sheets import samples_for_sheet, sheet
from gan_lightning.modalities.sheets import SUFFIX, write_sheet


class SampleGrid(Watcher):
    """Callback that generates samples from fixed latents after the first epoch, every few epochs, and at the end.

    A sheet of them is written to ``samples/`` in the run's folder, and to the loggers that hold images.

    Args:
        every_n_epochs: epochs between two sheets.
        n: number of samples.
        seed: seed of the latents and conditions.
    """

    def __init__(self, every_n_epochs: PositiveInt, n: PositiveInt, seed: NonNegativeInt) -> None:
        self.every_n_epochs = every_n_epochs
        self.n = n
        self.seed = seed
        self._last_iteration = 0

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        epoch, unfinished = epochs_done(trainer, pl_module.iteration)
        if not unfinished and (epoch == 1 or epoch % self.every_n_epochs == 0):
            self._write_samples(trainer, pl_module)

    def on_fit_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        if pl_module.iteration != self._last_iteration:
            self._write_samples(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        return {"last_iteration": self._last_iteration}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._last_iteration = state_dict["last_iteration"]

    def _write_samples(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        self._last_iteration = pl_module.iteration
        if not trainer.is_global_zero:
            return
        data = data_of(trainer)
        drawn = samples_for_sheet(pl_module, data, self.n, self.seed)
        folder = Path(trainer.default_root_dir, "samples")
        folder.mkdir(parents=True, exist_ok=True)
        write_sheet(folder / f"iteration_{pl_module.iteration:07d}{SUFFIX}", sheet(data, drawn))
        for writer in log_writers(trainer):
            writer.content(data.modality, "samples", drawn.content, pl_module.iteration, drawn.columns)
            if data.condition is not None and drawn.condition is not None:
                writer.content(data.condition, "conditions", drawn.condition, pl_module.iteration, drawn.columns)
