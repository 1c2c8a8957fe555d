"""Ends a run that has left the finite numbers, before that is saved."""

from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor
from torch.optim import Optimizer

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, network_name
from gan_lightning.errors import Diverged

GPU_INTERVAL = 50  # iterations: a look makes it finish its work


class Divergence(Watcher):
    """Raises :class:`Diverged` when a loss or a gradient is NaN or infinite.

    Of a gradient it looks at the first bias: what is not finite in a layer gets back to the first one. All weights
    are looked at before a checkpoint is written.
    """

    def __init__(self) -> None:
        self._unseen: list[tuple[int, dict[str, Tensor]]] = []
        self._gradients: dict[str, Tensor] = {}

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: GenerativeModel, optimizer: Optimizer) -> None:
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            return  # 16-mixed tries larger and larger factors, and passes over a step whose gradient is infinite
        parameters = optimizer.param_groups[0]["params"]
        first = next((parameter for parameter in parameters if parameter.ndim == 1), parameters[0])
        if first.grad is not None:
            self._gradients[f"the gradient of the {network_name(pl_module, first)}"] = first.grad.float().sum()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: GenerativeModel, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._unseen.append((pl_module.iteration, self._gradients | outputs))
        self._gradients = {}
        if pl_module.device.type == "cpu" or len(self._unseen) == GPU_INTERVAL:
            self._look()

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: GenerativeModel, checkpoint: dict[str, Any]) -> None:
        self._look()
        for name, parameter in pl_module.named_parameters():
            if not parameter.isfinite().all():
                raise Diverged(pl_module.iteration, f"{name} has weights that are not finite")

    def _look(self) -> None:
        for iteration, figures in self._unseen:
            if not torch.stack([figure.float() for figure in figures.values()]).isfinite().all():
                term, value = next((name, value) for name, value in figures.items() if not value.isfinite())
                raise Diverged(iteration, f"{term} is {value.item()}")
        self._unseen = []
