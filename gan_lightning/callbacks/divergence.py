"""Stops a run whose losses, gradients or weights are not finite, before a checkpoint stores them."""

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

CPU_INTERVAL = 1  # iterations between two checks
GPU_INTERVAL = 50  # longer: a check waits until the GPU has finished its work


class Divergence(Watcher):
    """Callback that raises :class:`Diverged` when a loss, a gradient or a weight is NaN or infinite.

    Every iteration stores the losses and a small slice of each layer's gradient. They are checked every
    ``CPU_INTERVAL`` or ``GPU_INTERVAL`` iterations, and together with all weights before a checkpoint is written.
    """

    def __init__(self) -> None:
        self._unchecked: list[tuple[int, str, Tensor]] = []  # iteration, name, value
        self._gradients: dict[str, Tensor] = {}  # by name: a failed capture of a CUDA graph is overwritten
        self._watched: dict[Optimizer, dict[str, list[nn.Parameter]]] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        self._interval = CPU_INTERVAL if pl_module.device.type == "cpu" else GPU_INTERVAL
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            return  # 16-mixed skips steps with infinite gradients itself, and lowers its scale
        for optimizer in trainer.optimizers:
            self._watched[optimizer] = {
                f"the gradient of the {name}": smallest_parameters(pl_module.get_submodule(name), set(trained))
                for name, trained in trained_by(optimizer, pl_module).items()
            }

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: GenerativeModel, optimizer: Optimizer) -> None:
        for name, parameters in self._watched.get(optimizer, {}).items():
            slices = [gradient_slice(parameter.grad) for parameter in parameters if parameter.grad is not None]
            if slices:
                self._gradients[name] = torch.cat(slices).float().sum()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: GenerativeModel, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._unchecked += [(pl_module.iteration, name, value) for name, value in (self._gradients | outputs).items()]
        self._gradients = {}
        if pl_module.iteration % self._interval == 0:
            self._check_values()

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: GenerativeModel, checkpoint: dict[str, Any]) -> None:
        self._check_values()
        for name, parameter in pl_module.named_parameters():
            if not parameter.isfinite().all():
                raise Diverged(pl_module.iteration, f"{name} has weights that are not finite")

    def _check_values(self) -> None:
        values = read_values([value for _, _, value in self._unchecked])
        for (iteration, name, _), value in zip(self._unchecked, values, strict=True):
            if not math.isfinite(value):
                raise Diverged(iteration, f"{name} is {value}")
        self._unchecked = []


def smallest_parameters(network: nn.Module, trained: Set[nn.Parameter]) -> list[nn.Parameter]:
    """Return each layer's smallest trained parameter, which is its bias if it has one."""
    layers = ([own for own in layer.parameters(recurse=False) if own in trained] for layer in network.modules())
    return [min(parameters, key=Tensor.numel) for parameters in layers if parameters]


def gradient_slice(gradient: Tensor) -> Tensor:
    """Return the gradient of a bias, or one column of the gradient of a weight.

    It is NaN wherever the error of an output is NaN: the gradient of a weight is the error of each output times each
    input, and NaN times anything is NaN.
    """
    if gradient.ndim == 1:
        return gradient
    return gradient.flatten(1)[:, 0] if gradient.ndim else gradient[None]


def read_values(scalars: Sequence[Tensor]) -> list[float]:
    """Return the scalars as numbers, with a single transfer from a GPU."""
    if not scalars or scalars[0].device.type == "cpu":
        return [scalar.item() for scalar in scalars]
    return torch.stack(list(scalars)).tolist()
