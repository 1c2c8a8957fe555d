"""Ours: whole commands, with a stopwatch among their callbacks."""

import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import lightning.pytorch as L
import torch

from gan_lightning import cli

WARM_UP = 50  # iterations before the clock runs


class Stopwatch(L.Callback):
    """Seconds an iteration, from the end of the ``WARM_UP``-th to the end of the ``last``."""

    measured: ClassVar[list[float]] = []

    def __init__(self, last: int) -> None:
        self.last = last

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.iteration in (WARM_UP, self.last):
            synchronize(pl_module.device)
            if pl_module.iteration == WARM_UP:
                self._since = time.perf_counter()
            else:
                self.measured.append((time.perf_counter() - self._since) / (self.last - WARM_UP))


class FirstStep(L.Callback):
    """Leaves a file when the first iteration has ended."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.path.touch()


def seconds_per_iteration(overrides: Sequence[str], iterations: int) -> float:
    """Of ``python train.py`` with these overrides, in this process, with everything on that a run has on.

    But for the evaluation at the end and the pictures and checkpoints after it, which the clock does not see.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        command(
            *overrides,
            f"max_iterations={WARM_UP + iterations}",
            "callbacks.evaluation=null",
            "+callbacks.stopwatch._target_=gan_lightning.benchmarks.runs.Stopwatch",
            f"+callbacks.stopwatch.last={WARM_UP + iterations}",
            f"hydra.run.dir={folder}/run",
        )
    return Stopwatch.measured.pop()


def command(*overrides: str) -> None:
    """``python train.py`` in this process."""
    arguments = sys.argv
    sys.argv = ["train.py", *overrides]
    try:
        cli.train()
    finally:
        sys.argv = arguments


def synchronize(device: torch.device) -> None:
    """Wait until the device has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
