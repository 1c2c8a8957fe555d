"""TensorBoard's files: how far they were written, and how to forget what came later."""

import os
import time
from pathlib import Path

from lightning.pytorch.loggers import Logger, TensorBoardLogger

from gan_lightning.system.distributed import first_process

EVENT_FILES = "events.out.tfevents.*"


def flushed_sizes(logger: Logger) -> dict[str, int]:
    """The files of a logger, and how many bytes of each are on the disk: all that was logged so far."""
    if not isinstance(logger, TensorBoardLogger) or not first_process():
        return {}
    logger.experiment.flush()
    sizes = {}
    for path in Path(logger.log_dir).glob(EVENT_FILES):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            sizes[path.name] = file.seek(0, os.SEEK_END)
    return sizes


def rewind(logger: Logger, sizes: dict[str, int]) -> None:
    """Forget what was logged after ``written`` returned ``sizes``.

    TensorBoard reads files in the order of their names, which begin with the second they were made in: so the next one
    must not be made in the same.
    """
    if not isinstance(logger, TensorBoardLogger):
        return
    for path in Path(logger.log_dir).glob(EVENT_FILES):
        if path.name not in sizes:
            path.unlink()
        elif path.stat().st_size > sizes[path.name]:
            os.truncate(path, sizes[path.name])
    while any(int(name.split(".")[3]) >= int(time.time()) for name in sizes):
        time.sleep(0.05)
