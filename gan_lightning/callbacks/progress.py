"""A progress bar for the whole run, or lines in the log if there is no terminal."""

import logging
import sys
import time
from typing import Any

import lightning.pytorch as L
from tqdm import tqdm

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher
from gan_lightning.callbacks.stop import Stop

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 30


class Progress(Watcher):
    """Callback that shows iterations, epochs, losses and samples per second."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        self._last_line = time.monotonic()
        self._total = _total_iterations(trainer)
        if sys.stderr.isatty() and trainer.is_global_zero:
            self._bar = tqdm(
                desc="training", total=self._total, initial=pl_module.iteration, dynamic_ncols=True, leave=False
            )

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: GenerativeModel, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is not None:
            if self._bar.update():  # True only if the bar was redrawn, about ten times a second
                self._bar.set_postfix_str(_progress_text(trainer), refresh=False)
        elif time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            log.info("iteration %d/%s, %s", pl_module.iteration, self._total or "∞", _progress_text(trainer))

    def on_train_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        self._close()

    def on_exception(self, trainer: L.Trainer, pl_module: GenerativeModel, exception: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _total_iterations(trainer: L.Trainer) -> int | None:
    """Return the iteration at which the run will end; None if it has no limit."""
    if trainer.max_epochs is not None and trainer.max_epochs >= 0:
        return trainer.max_epochs * int(trainer.num_training_batches)
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return next((callback.max_iterations for callback in callbacks if isinstance(callback, Stop)), None)


def _progress_text(trainer: L.Trainer) -> str:
    """Return the epoch, and the losses and the speed that were logged last."""
    epochs = f"/{trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
    metrics = trainer.callback_metrics
    losses = [f"{name.split('/')[1]} {value:.3f}" for name, value in metrics.items() if name.startswith("loss/")]
    measured = "time/samples_per_second" in metrics
    speed = [f"{metrics['time/samples_per_second']:,.0f} samples/s"] if measured else []
    return ", ".join([f"epoch {trainer.current_epoch + 1}{epochs}", *losses, *speed])
