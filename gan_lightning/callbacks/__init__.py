"""What watches a run; the module itself only trains."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import lightning.pytorch as L
import torch
from torch import nn
from torch.optim import Optimizer

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.data.datamodule import Data


class Watcher(L.Callback):
    """A callback without the hooks of an iteration but those that a subclass has.

    Lightning calls each of them for each callback, which takes longer than what ours do in theirs; it passes over what
    cannot be called.
    """

    on_train_batch_start = None  # type: ignore[assignment]
    on_train_batch_end = None  # type: ignore[assignment]
    on_before_backward = None  # type: ignore[assignment]
    on_after_backward = None  # type: ignore[assignment]
    on_before_optimizer_step = None  # type: ignore[assignment]


@runtime_checkable
class Reporter(Protocol):
    """A callback that has something to say at the end of a run."""

    def report(self) -> list[str]:
        """Lines of the closing summary."""


@runtime_checkable
class Recorder(Protocol):
    """A callback with facts for the manifest of a run, where the model card finds them."""

    def record(self) -> dict[str, Any]:
        """Return the facts as plain values; a key of the manifest for each."""


def data_of(trainer: L.Trainer) -> Data:
    """The run's data module, an attribute that the Trainer gets from outside, where type checkers do not look."""
    return trainer.datamodule  # type: ignore[attr-defined]


def epochs_done(trainer: L.Trainer, iteration: int) -> tuple[int, int]:
    """Whole epochs, and batches of the next one."""
    return divmod(iteration, int(trainer.num_training_batches))


def trained_by(optimizer: Optimizer, pl_module: GenerativeModel) -> dict[str, list[nn.Parameter]]:
    """Return the parameters that the optimizer trains, by the name of the module's network that they belong to."""
    trained = {parameter for group in optimizer.param_groups for parameter in group["params"]}
    networks = {
        name: [parameter for parameter in network.parameters() if parameter in trained]
        for name, network in pl_module.named_children()
    }
    return {name: parameters for name, parameters in networks.items() if parameters}


def log_figures(trainer: L.Trainer, figures: Mapping[str, float], iteration: int) -> None:
    """To the loggers, on the axis of iterations, and to the final metrics of the run."""
    for logger in trainer.loggers:
        logger.log_metrics(dict(figures), step=iteration)
    keep_figures(trainer, figures)


def keep_figures(trainer: L.Trainer, figures: Mapping[str, float]) -> None:
    """To the final metrics of the run, where other callbacks find them too."""
    trainer.callback_metrics.update({name: torch.tensor(value, dtype=torch.float64) for name, value in figures.items()})
