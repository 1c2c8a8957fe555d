"""Logs losses, D(real) and D(fake), gradient norms and speed, on the axis of iterations."""

import time
from typing import Any

import lightning.pytorch as L
import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.optim import Optimizer

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, data_of, keep_metrics, trained_by


class Scalars(Watcher):
    """Callback that logs the values ``training_step`` returns, as means over ``every_n_iterations`` iterations.

    The means are also stored in ``trainer.callback_metrics``, which other callbacks read. Values are not read in every
    iteration, because that makes the device finish its work, and not logged by ``self.log``, which takes 0.4 ms a call.
    """

    def __init__(self, every_n_iterations: PositiveInt) -> None:
        self.every_n_iterations = every_n_iterations
        self._window: list[dict[str, Tensor]] = []
        self._norms: dict[str, Tensor] = {}
        self._metrics: dict[str, float] = {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        self._since = time.perf_counter()
        self._since_iteration = pl_module.iteration
        keep_metrics(trainer, self._metrics)

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: GenerativeModel, optimizer: Optimizer) -> None:
        if (pl_module.iteration + 1) % self.every_n_iterations == 0:
            for name, parameters in trained_by(optimizer, pl_module).items():
                gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
                self._norms[name] = torch.nn.utils.get_total_norm(gradients)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: GenerativeModel, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._window.append(outputs)
        if pl_module.iteration % self.every_n_iterations == 0:
            self._log(trainer, pl_module)
            self._window = []

    def on_fit_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        if self._window:  # comes after the last checkpoint, so that a resumed run completes this window
            self._log(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        metrics = {name: value for name, value in self._metrics.items() if not name.startswith("time/")}
        return {"window": self._window, "norms": self._norms, "figures": metrics}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._window = state_dict["window"]
        self._norms = state_dict["norms"]
        self._metrics = state_dict["figures"]

    def _log(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        iteration = pl_module.iteration
        names = dict.fromkeys(name for outputs in self._window for name in outputs)  # stages of training may differ
        metrics = {
            name: torch.stack([outputs[name] for outputs in self._window if name in outputs]).mean().item()
            for name in names
        }
        now = time.perf_counter()
        batch_size = data_of(trainer).batch_size * pl_module.batches_per_iteration
        samples = (iteration - self._since_iteration) * batch_size
        metrics["time/samples_per_second"] = samples / (now - self._since)
        self._since, self._since_iteration = now, iteration

        norms = {f"gradient_norm/{name}": norm.item() for name, norm in self._norms.items()}
        measured = norms if iteration % self.every_n_iterations == 0 else {}  # at other iterations they are old
        for logger in trainer.loggers:
            logger.log_metrics(metrics | measured, step=iteration)
        self._metrics = metrics | norms
        keep_metrics(trainer, self._metrics)
