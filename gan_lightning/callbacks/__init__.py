"""Callbacks that log, evaluate, save and stop a run; the module itself only trains."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import lightning.pytorch as L
import torch
from torch import nn
from torch.optim import Optimizer

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.data.datamodule import Data


class Watcher(L.Callback):
    """Callback whose hooks within an iteration are None unless a subclass defines them.

    Lightning calls every hook of every callback in each iteration, which takes longer than the work of our hooks. It
    skips attributes that are not callable.
    """

    on_train_batch_start = None  # type: ignore[assignment]
    on_train_batch_end = None  # type: ignore[assignment]
    on_before_backward = None  # type: ignore[assignment]
    on_after_backward = None  # type: ignore[assignment]
    on_before_optimizer_step = None  # type: ignore[assignment]


@runtime_checkable
class Reporter(Protocol):
    """Callback that adds lines to the summary at the end of a run."""

    def report(self) -> list[str]:
        """Return lines for the closing summary."""


@runtime_checkable
class Recorder(Protocol):
    """A callback with facts for the manifest of a run, where the model card finds them."""

    def record(self) -> dict[str, Any]:
        """Return the facts as plain values; a key of the manifest for each."""


def data_of(trainer: L.Trainer) -> Data:
    """Return the run's data module, which Lightning sets on the Trainer without declaring the attribute."""
    return trainer.datamodule  # type: ignore[attr-defined]


def epochs_done(trainer: L.Trainer, iteration: int) -> tuple[int, int]:
    """Return how many epochs are complete, and how many batches of the next one are done."""
    return divmod(iteration, int(trainer.num_training_batches))


def trained_by(optimizer: Optimizer, pl_module: GenerativeModel) -> dict[str, list[nn.Parameter]]:
    """Return the parameters that the optimizer trains, by the name of the network that they belong to."""
    trained = {parameter for group in optimizer.param_groups for parameter in group["params"]}
    networks = {
        name: [parameter for parameter in network.parameters() if parameter in trained]
        for name, network in pl_module.named_children()
    }
    return {name: parameters for name, parameters in networks.items() if parameters}


def log_metrics(trainer: L.Trainer, metrics: Mapping[str, float], iteration: int) -> None:
    """Write metrics to all loggers as of ``iteration``, and add them to the final metrics of the run."""
    for logger in trainer.loggers:
        logger.log_metrics(dict(metrics), step=iteration)
    keep_metrics(trainer, metrics)


def keep_metrics(trainer: L.Trainer, metrics: Mapping[str, float]) -> None:
    """Add metrics to the final metrics of the run, which other callbacks read too."""
    trainer.callback_metrics.update({name: torch.tensor(value, dtype=torch.float64) for name, value in metrics.items()})
