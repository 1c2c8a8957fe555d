"""Checkpoints by iterations; Lightning's own callback counts the steps of all optimizers."""

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
from gan_lightning.data.batches import Batches
from gan_lightning.errors import UserError
from gan_lightning.files import file_digest
from gan_lightning.paths import EARLIER_CHECKPOINT, LAST_CHECKPOINT, STATEMENT_SUFFIX
from gan_lightning.system.distributed import first_process, max_over_processes

log = logging.getLogger(__name__)


class Checkpoint(Watcher, L.callbacks.Checkpoint):
    """Callback that writes ``checkpoints/last.ckpt`` regularly and at the end, and keeps one every few epochs.

    A checkpoint holds only tensors and plain values, with the resolved config. It records how far the logs were
    written, and the data that the run was trained on with the iteration from which they were used. The state of
    Lightning's loops is computed from the iteration, not copied, so that a checkpoint written within an epoch or after
    its last batch resumes with the very next batch.

    A file takes its name only after it is complete on the disk. The previous ``last.ckpt`` stays as
    ``last.ckpt.earlier``. A checkpoint that cannot be written is a warning during training, and an error at the end. A
    checkpoint that signed statements refer to is kept with them in a separate folder when a new one replaces it.

    Args:
        config: the resolved config, plain values only.
        every_n_epochs: epochs between checkpoints that are kept, such as ``epoch_0025.ckpt``.
        after_epochs: further epochs after which a checkpoint is kept.
        every_n_minutes: minutes between writes of ``last.ckpt``.
        every_n_iterations: iterations between further writes of ``last.ckpt``; None for no further writes.
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
        self.trained_on = add_data(self.trained_on, data_of(trainer).describe(), pl_module.iteration)
        sampler = trainer.train_dataloader.sampler  # type: ignore[union-attr]
        if isinstance(sampler, Batches):
            _, sampler.start = epochs_done(trainer, pl_module.iteration)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: GenerativeModel, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        _, unfinished = epochs_done(trainer, pl_module.iteration)
        if unfinished and self._is_due(pl_module.iteration):
            self._save_last(trainer, pl_module.iteration)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        epoch, unfinished = epochs_done(trainer, pl_module.iteration)
        if not unfinished and (epoch % self.every_n_epochs == 0 or epoch in self.after_epochs):
            self._save(trainer, f"epoch_{epoch:04d}.ckpt")
        if not unfinished and self._is_due(pl_module.iteration):  # here, after the epoch's end was logged
            self._save_last(trainer, pl_module.iteration)

    def on_train_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        if not self._save_last(trainer, pl_module.iteration):
            raise UserError(
                f"the end of the run is not saved: {trainer.default_root_dir}: fix what the warning above reports, "
                f"then resume={trainer.default_root_dir}"
            )

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: GenerativeModel, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = self.config
        checkpoint["trained_on"] = self.trained_on
        checkpoint["logs"] = [writer.position() for writer in log_writers(trainer)] if first_process() else []
        epoch, batch = epochs_done(trainer, pl_module.iteration)
        started = epoch + (batch > 0)
        epochs = {"ready": started, "started": started, "processed": epoch, "completed": epoch}
        loop = checkpoint["loops"]["fit_loop"]
        loop["epoch_progress"] = {"total": epochs, "current": dict(epochs)}
        loop["epoch_loop.batch_progress"] = {
            "total": dict.fromkeys(epochs, pl_module.iteration),
            "current": dict.fromkeys(epochs, batch),
            "is_last_batch": False,
        }
        loop["epoch_loop.state_dict"]["_batches_that_stepped"] = pl_module.iteration

    def _is_due(self, iteration: int) -> bool:
        by_count = self.every_n_iterations is not None and iteration % self.every_n_iterations == 0
        return by_count or max_over_processes(time.monotonic() - self._saved_at) > 60 * self.every_n_minutes

    def _save_last(self, trainer: L.Trainer, iteration: int) -> bool:
        self._saved_at = time.monotonic()
        if saved := self._save(trainer, LAST_CHECKPOINT.name, Path(trainer.default_root_dir, EARLIER_CHECKPOINT)):
            self._saved_iteration = iteration
        return saved

    def _save(self, trainer: L.Trainer, name: str, earlier: Path | None = None) -> bool:
        """Write a checkpoint; return False, after a warning, if it cannot be written.

        Args:
            trainer: the trainer whose state is saved.
            name: the file's name in ``checkpoints/``.
            earlier: the path that a previous file of this name is moved to; None to replace that file.
        """
        path = Path(trainer.default_root_dir, LAST_CHECKPOINT.parent, name)
        unfinished = path.with_name(f".{name}.tmp")  # in the same folder, where a rename is atomic
        try:
            self._write(trainer, unfinished)
            if trainer.is_global_zero:
                keep_signed_checkpoint(path)
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
            trainer.strategy.barrier()  # the other processes wait at the barrier in save_checkpoint
            raise


def add_data(trained_on: list[dict[str, Any]], data: dict[str, Any], iteration: int) -> list[dict[str, Any]]:
    """Return the record of a run's training data, with an entry for ``data`` if they differ from the last entry.

    Args:
        trained_on: the entries so far: descriptions of data, each with the iteration from which they were used.
        data: the description of the present data, from :meth:`Data.describe`.
        iteration: the iteration that the run has reached.
    """
    entry = {"from_iteration": iteration} | data
    same = trained_on and trained_on[-1] | {"from_iteration": iteration} == entry
    return trained_on if same else [*trained_on, entry]


def keep_signed_checkpoint(checkpoint: Path) -> None:
    """Copy a checkpoint with signed statements, and move the statements, to a folder named by its digest."""
    statements = list(checkpoint.parent.glob(f"{checkpoint.name}*{STATEMENT_SUFFIX}"))
    if not statements or not checkpoint.exists():
        return
    folder = checkpoint.with_name(f"signed_{file_digest(checkpoint)[:8]}")
    folder.mkdir(exist_ok=True)
    shutil.copy2(checkpoint, folder)
    for statement in statements:
        statement.replace(folder / statement.name)
