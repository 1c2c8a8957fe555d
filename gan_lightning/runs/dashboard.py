"""What TensorBoard shows of a run besides its scalars and pictures: the config, and a row in the HPARAMS tab."""

import os
import time
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from omegaconf import OmegaConf
from torch.utils.tensorboard.summary import hparams

from gan_lightning.config.validation import flat
from gan_lightning.system.distributed import first_process

# Parts of the config that say how to get data or where to put results, and repetitions.
NOT_HYPERPARAMETERS = {"seed", "root", "download", "checksums", "cache_dir", "sample_shape", "num_classes"}
TRAINER = ("max_epochs", "precision")
EVENT_FILES = "events.out.tfevents.*"


def written(logger: Logger) -> dict[str, int]:
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


def log_config(logger: Logger, config: dict[str, Any]) -> None:
    """The resolved config, in the TEXT tab."""
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_text("config", f"```yaml\n{OmegaConf.to_yaml(OmegaConf.create(config))}```")


def log_hyperparameters(logger: Logger, config: dict[str, Any], metrics: dict[str, float]) -> None:
    """Hyperparameters beside the last value of each metric, so that the HPARAMS tab sorts the runs of a sweep."""
    if isinstance(logger, TensorBoardLogger):
        names = [name for name in metrics if "/" in name]  # those that are scalars on the dashboard too
        writer = logger.experiment._get_file_writer()  # as Lightning does; open even after the fit
        for summary in hparams(hyperparameters(config), dict.fromkeys(names, 0.0)):
            writer.add_summary(summary)
        logger.finalize("success")


def hyperparameters(config: dict[str, Any]) -> dict[str, Any]:
    """One level of plain values: 'data': 'MNIST', 'model/generator/hidden_dims': '[256, 512, 1024]', …"""
    chosen = {key: config[key] for key in ("seed", "max_iterations", "data", "model")}
    chosen["trainer"] = {key: config["trainer"][key] for key in TRAINER}
    return {
        key: value if isinstance(value, bool | int | float) else str(value)
        for key, value in flat(chosen)
        if "/" not in key or key.split("/")[-1] not in NOT_HYPERPARAMETERS
    }
