"""Checkpoints by iterations: Lightning's own callback counts the steps of both optimizers."""

import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, data_of, epochs_done
from gan_lightning.callbacks.loggers import log_writers
from gan_lightning.data.datamodule import EpochBatches
from gan_lightning.errors import UserError
from gan_lightning.files import file_digest
from gan_lightning.paths import EARLIER_CHECKPOINT, LAST_CHECKPOINT, STATEMENT_SUFFIX
from gan_lightning.system.distributed import first_process, largest

log = logging.getLogger(__name__)


class Checkpoint(Watcher, L.callbacks.Checkpoint):
    """Writes ``checkpoints/last.ckpt`` now and then and at the end, and keeps one every few epochs.

    A checkpoint holds tensors and plain values only, and the resolved config. The state of Lightning's loops in it
    is computed from the iteration, not copied: a checkpoint written after the last batch of an epoch, or in the
    middle of one, then resumes with the very next batch. How far the logs were written is in it too, and which data the
    run was trained on, from which iteration on.

    A file is whole on the disk before it takes its name, and the last but one stays as ``last.ckpt.earlier``. One that
    cannot be written costs a warning; only at the end is it an error. One that signed statements speak of is kept, with
    them, in a folder of its own when another takes its name.

    Args:
        config: the resolved config, plain values only.
        every_n_epochs: how often one is kept, as ``epoch_0025.ckpt``.
        after_epochs: after which epochs one is kept besides.
        every_n_minutes: how often ``last.ckpt`` is written.
        every_n_iterations: and after how many; None for no count.
    """

    def __init__(
        self,
        config: dict[str, Any],
        every_n_epochs: int,
        after_epochs: Sequence[int],
        every_n_minutes: float,
        every_n_iterations: int | None,
    ) -> None:
        self.config = config
        self.every_n_epochs = every_n_epochs
        self.after_epochs = after_epochs
        self.every_n_minutes = every_n_minutes
        self.every_n_iterations = every_n_iterations
        self.trained_on: list[dict[str, Any]] = []

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        self.trained_on = checkpoint["trained_on"]

    def on_train_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        Path(trainer.default_root_dir, LAST_CHECKPOINT.parent).mkdir(exist_ok=True)
        self._saved_at = time.monotonic()
        self._saved_iteration = pl_module.iteration
        self.trained_on = with_data(self.trained_on, data_of(trainer).describe(), pl_module.iteration)
        sampler = trainer.train_dataloader.sampler  # type: ignore[union-attr]
        if isinstance(sampler, EpochBatches):
            _, sampler.start = epochs_done(trainer, pl_module.iteration)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: GenerativeModel, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        _, unfinished = epochs_done(trainer, pl_module.iteration)
        if unfinished and self._due(pl_module.iteration):
            self._save_last(trainer, pl_module.iteration)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        epoch, unfinished = epochs_done(trainer, pl_module.iteration)
        if not unfinished and (epoch % self.every_n_epochs == 0 or epoch in self.after_epochs):
            self._save(trainer, f"epoch_{epoch:04d}.ckpt")
        if not unfinished and self._due(pl_module.iteration):  # now that the epoch's end has been logged
            self._save_last(trainer, pl_module.iteration)

    def on_train_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        if not self._save_last(trainer, pl_module.iteration):
            raise UserError(f"the end of the run is not saved: {trainer.default_root_dir}: see the warning above")

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: GenerativeModel, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = self.config
        checkpoint["trained_on"] = self.trained_on
        checkpoint["logs"] = [writer.position() for writer in log_writers(trainer)] if first_process() else []
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
        loop["epoch_loop.state_dict"]["_batches_that_stepped"] = pl_module.iteration

    def _due(self, iteration: int) -> bool:
        counted = self.every_n_iterations is not None and iteration % self.every_n_iterations == 0
        return counted or largest(time.monotonic() - self._saved_at) > 60 * self.every_n_minutes

    def _save_last(self, trainer: L.Trainer, iteration: int) -> bool:
        self._saved_at = time.monotonic()
        if saved := self._save(trainer, LAST_CHECKPOINT.name, Path(trainer.default_root_dir, EARLIER_CHECKPOINT)):
            self._saved_iteration = iteration
        return saved

    def _save(self, trainer: L.Trainer, name: str, earlier: Path | None = None) -> bool:
        """Whether it could be written; what has the name takes that of ``earlier``."""
        path = Path(trainer.default_root_dir, LAST_CHECKPOINT.parent, name)
        unfinished = path.with_name(f".{name}.tmp")  # beside it: a rename within a file system leaves no half file
        try:
            self._write(trainer, unfinished)
            if trainer.is_global_zero:
                keep_signed(path)
                if earlier is not None and path.exists():
                    path.replace(earlier)
                unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            log.warning(
                "%s: not written: %s; the last checkpoint is of iteration %s",
                path, error.strerror, f"{self._saved_iteration:,}",
            )  # fmt: skip
            return False
        return True

    @staticmethod
    def _write(trainer: L.Trainer, path: Path) -> None:
        try:
            trainer.save_checkpoint(path)
        except OSError:
            trainer.strategy.barrier()  # that of save_checkpoint, where other processes wait
            raise


def with_data(trained_on: list[dict[str, Any]], data: dict[str, Any], iteration: int) -> list[dict[str, Any]]:
    """Return what a run was trained on, with the data that it goes on with.

    Args:
        trained_on: the data of each part of the run so far, with the iteration that it began after.
        data: what :meth:`Data.describe` returns.
        iteration: that the run has reached.
    """
    part = {"from_iteration": iteration} | data
    same = trained_on and trained_on[-1] | {"from_iteration": iteration} == part
    return trained_on if same else [*trained_on, part]


def keep_signed(checkpoint: Path) -> None:
    """Keep a checkpoint that signed statements speak of, with them, in a folder named by its digest beside it."""
    statements = list(checkpoint.parent.glob(f"{checkpoint.name}*{STATEMENT_SUFFIX}"))
    if not statements or not checkpoint.exists():
        return
    folder = checkpoint.with_name(f"signed_{file_digest(checkpoint)[:8]}")
    folder.mkdir(exist_ok=True)
    shutil.copy2(checkpoint, folder)
    for statement in statements:
        statement.replace(folder / statement.name)
