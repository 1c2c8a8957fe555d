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


class PeakMemory(L.Callback):
    """Callback that writes the most memory of the GPU that tensors have occupied, in MB, to a file.

    Args:
        path: file to write.
        last: iteration at whose end it is written.
    """

    def __init__(self, path: str, last: int) -> None:
        self.path = Path(path)
        self.last = last

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.iteration == self.last:
            self.path.write_text(str(torch.cuda.max_memory_allocated(pl_module.device) / 1e6), encoding="utf-8")


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
    last = warm_up + iterations
    return measure_with(Stopwatch, {"first": warm_up, "last": last}, overrides, last, threads)


def peak_gpu_megabytes(overrides: Sequence[str], iterations: int, threads: int) -> float:
    """Return the most memory of the GPU that tensors occupy in ``python train.py`` with these overrides."""
    return measure_with(PeakMemory, {"last": iterations}, overrides, iterations, threads)


def measure_with(
    callback: type[L.Callback], arguments: dict[str, int], overrides: Sequence[str], iterations: int, threads: int
) -> float:
    """Run ``python train.py`` with a callback, and return the number that it writes to the file ``path``.

    Args:
        callback: class of the callback.
        arguments: its arguments, without the path.
        overrides: overrides of the run, which has all callbacks but the evaluation.
        iterations: number of iterations of the run.
        threads: number of threads of the run.
    """
    with tempfile.TemporaryDirectory() as folder:
        given = {"_target_": f"scripts.benchmarks.runs.{callback.__name__}", "path": f"{folder}/value"} | arguments
        command = [
            *TRAIN,
            *overrides,
            f"max_iterations={iterations}",
            "callbacks.evaluation=null",
            *(f"+callbacks.measuring.{key}={value}" for key, value in given.items()),
            f"hydra.run.dir={folder}/run",
        ]
        run_command(command, threads)
        return float(Path(folder, "value").read_text(encoding="utf-8"))


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
