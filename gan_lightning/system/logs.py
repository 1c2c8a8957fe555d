"""Records the sizes of TensorBoard's files at a checkpoint, and truncates them when a run resumes from it."""

import os
import time
from pathlib import Path

from lightning.pytorch.loggers import Logger, TensorBoardLogger

from gan_lightning.system.distributed import first_process

EVENT_FILES = "events.out.tfevents.*"


def flushed_sizes(logger: Logger) -> dict[str, int]:
    """Flush the event files of a logger to disk and return the size of each in bytes, by name."""
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
    """Remove what was logged after ``flushed_sizes`` returned ``sizes``.

    TensorBoard reads event files in the order of their names, which start with the second of their creation. Wait, so
    that the next file is not created in the same second as the last one.
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
