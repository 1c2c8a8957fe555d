"""What watches a run; the module itself only trains."""

import lightning.pytorch as L

from gan_lightning.data.images import ImageData


def data_of(trainer: L.Trainer) -> ImageData:
    """The run's data module, an attribute that the Trainer gets from outside, where type checkers do not look."""
    return trainer.datamodule  # type: ignore[attr-defined]


def epochs_done(trainer: L.Trainer, iteration: int) -> tuple[int, int]:
    """Whole epochs, and batches of the next one."""
    return divmod(iteration, int(trainer.num_training_batches))
