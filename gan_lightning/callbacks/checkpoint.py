"""Checkpoints by iterations: Lightning's own callback counts the steps of both optimizers."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L

from gan_lightning.callbacks import Watcher, epochs_done
from gan_lightning.data.images import EpochBatches
from gan_lightning.model import GenerativeModel
from gan_lightning.runs import LAST_CHECKPOINT


class Checkpoint(Watcher, L.callbacks.Checkpoint):
    """Writes ``checkpoints/last.ckpt`` every few minutes and at the end, and keeps one every few epochs.

    A checkpoint holds tensors and plain values only, and the resolved config. The state of Lightning's loops in it
    is computed from the iteration, not copied: a checkpoint written after the last batch of an epoch, or in the
    middle of one, then resumes with the very next batch.

    Args:
        config: the resolved config, plain values only.
        every_n_epochs: how often one is kept, as ``epoch_0025.ckpt``.
        after_epochs: after which epochs one is kept besides.
        every_n_minutes: how often ``last.ckpt`` is written.
    """

    def __init__(
        self, config: dict[str, Any], every_n_epochs: int, after_epochs: Sequence[int], every_n_minutes: float
    ) -> None:
        self.config = config
        self.every_n_epochs = every_n_epochs
        self.after_epochs = after_epochs
        self.every_n_minutes = every_n_minutes

    def on_train_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        self._saved_at = time.monotonic()
        sampler = trainer.train_dataloader.sampler  # type: ignore[union-attr]
        if isinstance(sampler, EpochBatches):
            _, sampler.start = epochs_done(trainer, pl_module.iteration)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: GenerativeModel, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if time.monotonic() - self._saved_at > 60 * self.every_n_minutes:
            self._save(trainer, LAST_CHECKPOINT.name)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        epoch, unfinished = epochs_done(trainer, pl_module.iteration)
        if not unfinished and (epoch % self.every_n_epochs == 0 or epoch in self.after_epochs):
            self._save(trainer, f"epoch_{epoch:04d}.ckpt")

    def on_train_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        self._save(trainer, LAST_CHECKPOINT.name)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: GenerativeModel, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = self.config
        epoch, batch = epochs_done(trainer, pl_module.iteration)
        begun = epoch + (batch > 0)
        epochs = {"ready": begun, "started": begun, "processed": epoch, "completed": epoch}
        loop = checkpoint["loops"]["fit_loop"]
        loop["epoch_progress"] = {"total": epochs, "current": dict(epochs)}
        loop["epoch_loop.batch_progress"] = {
            "total": dict.fromkeys(epochs, pl_module.iteration),
            "current": dict.fromkeys(epochs, batch),
            "is_last_batch": False,
        }

    def _save(self, trainer: L.Trainer, name: str) -> None:
        path = Path(trainer.default_root_dir, LAST_CHECKPOINT.parent, name)
        unfinished = path.with_name(f".{name}.tmp")  # beside it: a rename within a file system leaves no half file
        trainer.save_checkpoint(unfinished)
        unfinished.replace(path)
        self._saved_at = time.monotonic()
