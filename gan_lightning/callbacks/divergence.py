"""Ends a run that has left the finite numbers, before that is saved."""

import math
from collections.abc import Sequence, Set
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, trained_by
from gan_lightning.errors import Diverged

CPU_INTERVAL = 1  # iterations
GPU_INTERVAL = 50  # a look makes it finish its work


class Divergence(Watcher):
    """Raises :class:`Diverged` when a loss or a gradient is NaN or infinite.

    Of each layer's gradient it looks at a small part, in every iteration. All weights are looked at before a
    checkpoint is written.
    """

    def __init__(self) -> None:
        self._unseen: list[tuple[int, str, Tensor]] = []  # the iteration, what it is, its value
        self._gradients: dict[str, Tensor] = {}  # of this iteration; a failed capture of a CUDA graph is overwritten
        self._watched: dict[Optimizer, dict[str, list[nn.Parameter]]] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        self._interval = CPU_INTERVAL if pl_module.device.type == "cpu" else GPU_INTERVAL
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            return  # 16-mixed tries larger and larger factors, and passes over a step whose gradient is infinite
        for optimizer in trainer.optimizers:
            self._watched[optimizer] = {
                f"the gradient of the {name}": one_of_each_layer(pl_module.get_submodule(name), set(trained))
                for name, trained in trained_by(optimizer, pl_module).items()
            }

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: GenerativeModel, optimizer: Optimizer) -> None:
        for name, parameters in self._watched.get(optimizer, {}).items():
            parts = [small_part(parameter.grad) for parameter in parameters if parameter.grad is not None]
            if parts:
                self._gradients[name] = torch.cat(parts).float().sum()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: GenerativeModel, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._unseen += [(pl_module.iteration, name, figure) for name, figure in (self._gradients | outputs).items()]
        self._gradients = {}
        if pl_module.iteration % self._interval == 0:
            self._look()

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: GenerativeModel, checkpoint: dict[str, Any]) -> None:
        self._look()
        for name, parameter in pl_module.named_parameters():
            if not parameter.isfinite().all():
                raise Diverged(pl_module.iteration, f"{name} has weights that are not finite")

    def _look(self) -> None:
        values = read([figure for _, _, figure in self._unseen])
        for (iteration, name, _), value in zip(self._unseen, values, strict=True):
            if not math.isfinite(value):
                raise Diverged(iteration, f"{name} is {value}")
        self._unseen = []


def one_of_each_layer(network: nn.Module, trained: Set[nn.Parameter]) -> list[nn.Parameter]:
    """Return the smallest of the trained parameters that each layer has: its bias, if it has one."""
    layers = ([own for own in layer.parameters(recurse=False) if own in trained] for layer in network.modules())
    return [min(parameters, key=Tensor.numel) for parameters in layers if parameters]


def small_part(gradient: Tensor) -> Tensor:
    """Return what is not finite where a layer's error is not: the gradient of a bias, or a column of that of a weight.

    The gradient of a weight is the error of each output times each input, and NaN times anything is NaN.
    """
    if gradient.ndim == 1:
        return gradient
    return gradient.flatten(1)[:, 0] if gradient.ndim else gradient[None]


def read(figures: Sequence[Tensor]) -> list[float]:
    """Return the values of the figures, with a single transfer from a GPU."""
    if not figures or figures[0].device.type == "cpu":
        return [figure.item() for figure in figures]
    return torch.stack(list(figures)).tolist()
