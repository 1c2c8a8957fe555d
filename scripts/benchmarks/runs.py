"""Runs ``python train.py`` in processes of its own and measures it with callbacks."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch

from gan_lightning.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
TRAIN = [sys.executable, str(ROOT / "train.py")]
WARM_UP = 50  # iterations before the measured ones


class Stopwatch(L.Callback):
    """Callback that writes the mean seconds per iteration to a file.

    Args:
        path: file to write.
        first: iteration at whose end the measurement starts.
        last: iteration at whose end it stops.
    """

    def __init__(self, path: str, first: int, last: int) -> None:
        self.path = Path(path)
        self.first = first
        self.last = last

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.iteration in (self.first, self.last):
            synchronize(pl_module.device)
            if pl_module.iteration == self.first:
                self._start = time.perf_counter()
            else:
                self.path.write_text(
                    str((time.perf_counter() - self._start) / (self.last - self.first)), encoding="utf-8"
                )


class TouchAfterFirstIteration(L.Callback):
    """Callback that creates an empty file at the end of the first iteration."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.path.touch()


def seconds_per_iteration(overrides: Sequence[str], iterations: int, threads: int, warm_up: int = WARM_UP) -> float:
    """Measure ``python train.py`` with these overrides and all callbacks but the evaluation.

    What the run writes after its last iteration does not count.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            *overrides,
            f"max_iterations={warm_up + iterations}",
            "callbacks.evaluation=null",
            "+callbacks.stopwatch._target_=scripts.benchmarks.runs.Stopwatch",
            f"+callbacks.stopwatch.path={folder}/seconds",
            f"+callbacks.stopwatch.first={warm_up}",
            f"+callbacks.stopwatch.last={warm_up + iterations}",
            f"hydra.run.dir={folder}/run",
        ]
        run_command([*TRAIN, *arguments], threads)
        return float(Path(folder, "seconds").read_text(encoding="utf-8"))


def run_command(command: Sequence[str], threads: int) -> None:
    """Run a command with ``threads`` threads; if it fails, raise UserError with the last line of its errors."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise UserError((result.stderr.strip().splitlines() or [f"{command}: failed"])[-1].removeprefix("error: "))


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
