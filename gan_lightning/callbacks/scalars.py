"""Losses, D(real) and D(fake), gradient norms and speed, on the axis of iterations."""

import time
from typing import Any

import lightning.pytorch as L
import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.optim import Optimizer

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, data_of, keep_figures, trained_by


class Scalars(Watcher):
    """Logs what ``training_step`` returned, as means over the last ``every_n_iterations``.

    The figures also go to ``trainer.callback_metrics``, where other callbacks find them. Reading a value makes
    the device finish its work, and ``self.log`` takes 0.4 ms a call: so neither is done every iteration.
    """

    def __init__(self, every_n_iterations: PositiveInt) -> None:
        self.every_n_iterations = every_n_iterations
        self._window: list[dict[str, Tensor]] = []
        self._norms: dict[str, Tensor] = {}
        self._figures: dict[str, float] = {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        self._since = time.perf_counter()
        self._since_iteration = pl_module.iteration
        keep_figures(trainer, self._figures)

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
        if self._window:  # after the last checkpoint: a resumed run will complete it
            self._log(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        figures = {name: value for name, value in self._figures.items() if not name.startswith("time/")}
        return {"window": self._window, "norms": self._norms, "figures": figures}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._window = state_dict["window"]
        self._norms = state_dict["norms"]
        self._figures = state_dict["figures"]

    def _log(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        iteration = pl_module.iteration
        metrics = {
            name: torch.stack([outputs[name] for outputs in self._window]).mean().item() for name in self._window[0]
        }
        now = time.perf_counter()
        batch_size = data_of(trainer).batch_size * pl_module.batches_per_iteration
        samples = (iteration - self._since_iteration) * batch_size
        metrics["time/samples_per_second"] = samples / (now - self._since)
        self._since, self._since_iteration = now, iteration

        norms = {f"gradient_norm/{name}": norm.item() for name, norm in self._norms.items()}
        measured = norms if iteration % self.every_n_iterations == 0 else {}  # else they are of an earlier iteration
        for logger in trainer.loggers:
            logger.log_metrics(metrics | measured, step=iteration)
        self._figures = metrics | norms
        keep_figures(trainer, self._figures)
