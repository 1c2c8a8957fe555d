"""Builds the parts of a run: data, model, callbacks, loggers and trainer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as L
import numpy as np
from lightning.pytorch.loggers import Logger

from gan_lightning.algorithms.model import CHECKED_SAMPLES, GenerativeModel
from gan_lightning.callbacks.checkpoint import Checkpoint
from gan_lightning.callbacks.divergence import Divergence
from gan_lightning.callbacks.loggers import LogWriter, log_writer
from gan_lightning.callbacks.stop import Stop
from gan_lightning.config.effects import result_settings
from gan_lightning.config.settings import Config, TrainSettings
from gan_lightning.config.validation import instantiate
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import UserError
from gan_lightning.runs.batches import fit_batches
from gan_lightning.runs.checkpoints import SynchronizedIO
from gan_lightning.runs.loggers import build_loggers
from gan_lightning.runs.processes import check_agreement
from gan_lightning.runs.reproduce import check_data
from gan_lightning.system.distributed import DDP, cluster_environment, first_process_before_others


@dataclass
class Run:
    """The parts of a run.

    Attributes:
        settings: the settings of the run.
        config: the same settings as plain values.
        data: the data module; :func:`read_data` reads its examples.
        model: the model to train.
        trainer: Lightning's trainer.
        stop: the callback that stops the run at a limit or a signal.
        watchers: the callbacks of the config.
        loggers: the loggers of the config, by name.
        batches_per_epoch: the number of batches in an epoch; 0 until the data have been read.
    """

    settings: TrainSettings
    config: Config
    data: Data
    model: GenerativeModel
    trainer: L.Trainer
    stop: Stop
    watchers: list[L.Callback]
    loggers: dict[str, Logger]
    batches_per_epoch: int = 0

    @property
    def folder(self) -> Path:
        return Path(self.settings.run_dir)

    @property
    def log_writers(self) -> dict[str, LogWriter]:
        return {name: log_writer(logger) for name, logger in self.loggers.items()}


def build(settings: TrainSettings, rollbacks: int) -> Run:
    """Build all parts of a run, without reading the data.

    Args:
        settings: the settings of the run.
        rollbacks: how often the run has returned to a checkpoint after it diverged.
    """
    config = settings.model_dump()
    data = instantiate(settings.data, "data")
    if settings.conditional and data.condition is None:
        name = type(data).__name__
        raise UserError(f"conditional=true: {name} has no condition: data.conditional, if its constructor takes that")
    model = instantiate(settings.model, "model")
    if settings.privacy is not None and model.privacy is None:
        raise UserError(
            f"privacy=dp: {type(model).__name__} is trained without differential privacy: model=table_private_gan or "
            "model=table_noisy_counts, or privacy=none"
        )
    model.rollbacks = rollbacks
    data.batches_per_iteration = model.batches_per_iteration
    data.poisson_sampling = model.poisson_sampling
    stop = Stop(settings.max_iterations, settings.max_cpu_minutes)
    watchers = [instantiate(node, f"callbacks.{name}") for name, node in settings.callbacks.items() if node]
    loggers = build_loggers(settings.logger)
    trainer = instantiate(
        settings.trainer,
        "trainer",
        callbacks=[stop, Divergence(), *watchers, Checkpoint(config, **dict(settings.checkpoint))],
        logger=list(loggers.values()),
        plugins=[SynchronizedIO(), cluster_environment()],
        max_epochs=-1 if settings.max_iterations else settings.trainer["max_epochs"],
    )
    if isinstance(trainer.strategy, DDP):
        trainer.strategy.job = {"config": config, "rollbacks": rollbacks}
    data.processes = trainer.world_size
    return Run(settings, config, data, model, trainer, stop, watchers, loggers)


def read_data(run: Run) -> None:
    """Read the training data, and check that the model can be trained on them.

    Raises:
        UserError: if the parts of the run do not fit together, if the data are not those of the run to reproduce, or
            if processes have different data.
    """
    with first_process_before_others():
        run.data.prepare_data()
        run.data.setup("fit")
    if run.settings.reproduce is not None:
        check_data(Path(run.settings.reproduce), run.data.describe())
    check_parts(run.model, run.data)
    fit_batches(run.model, run.data)
    run.batches_per_epoch = len(run.data.train_dataloader())
    settings = result_settings(run.config)
    check_agreement(settings | {"data": settings["data"] | run.data.describe()})


def check_parts(model: GenerativeModel, data: Data) -> None:
    """Raise UserError unless networks, data and modality fit together; nothing has been written yet."""
    condition = data.sample_conditions(CHECKED_SAMPLES, 0)
    with _errors_as_user_errors("model: the networks do not fit together or to the data"):
        sample = model.check_networks(data.modality.sample_shape, condition)
    with _errors_as_user_errors(f"data: {type(data.modality).__name__} does not fit the samples"):
        content = data.modality.check(data.modality.decode(sample), "what decode() returns")
        sheet = data.modality.sheet(content)
        if sheet.dtype != np.uint8 or sheet.ndim != 3 or sheet.shape[2] != 3:
            raise ValueError(f"sheet() returns {sheet.dtype} {sheet.shape}: must be uint8 (H, W, 3)")


@contextmanager
def _errors_as_user_errors(prefix: str) -> Iterator[None]:
    """Raise any error of the user's own networks or modality as a UserError of one line that starts with ``prefix``."""
    try:
        yield
    except Exception as error:
        reason = " ".join(f"{type(error).__name__} {error}".split())
        raise UserError(f"{prefix}: {reason.removeprefix('UserError ')}") from error
