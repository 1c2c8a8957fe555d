"""Measures what a run costs besides its iterations: startup, memory, evaluation."""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from gan_lightning.errors import UserError
from gan_lightning.modalities.samples import take

from .data import data_root, mnist
from .runs import TRAIN
from .tables import Row, median_and_range


def startup(arguments: argparse.Namespace) -> list[Row]:
    """Measure the seconds from the start of the command to its first results."""
    times: dict[str, list[float]] = {name: [] for name in ("--help", "first iteration", "first image of the demo")}
    first = "+callbacks.first._target_=scripts.benchmarks.runs.TouchAfterFirstIteration"
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            subprocess.run([*TRAIN, "--help"], stdout=subprocess.DEVNULL, check=True)
            times["--help"].append(time.perf_counter() - begin)
            marker = f"{folder}/first"
            times["first iteration"].append(
                seconds_until_file(marker, [first, f"+callbacks.first.path={marker}", f"hydra.run.dir={folder}/a"])
            )
            times["first image of the demo"].append(
                seconds_until_file(f"{folder}/b/samples/*.png", ["experiment=quickstart", f"hydra.run.dir={folder}/b"])
            )
    return rows_of_seconds(times)


def seconds_until_file(pattern: str, overrides: Sequence[str]) -> float:
    """Start ``python train.py`` and return the seconds until a file exists; the run is then killed.

    Args:
        pattern: absolute path of the file; may have wildcards.
        overrides: arguments of the command.
    """
    begin = time.perf_counter()
    process = subprocess.Popen([*TRAIN, *overrides], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(Path("/").glob(pattern.lstrip("/"))):
        if process.poll() is not None:
            raise UserError(f"{' '.join(['python train.py', *overrides])}: exited before it wrote {pattern}")
        time.sleep(0.01)
    seconds = time.perf_counter() - begin
    process.kill()
    process.wait()
    return seconds


def memory(arguments: argparse.Namespace) -> list[Row]:
    """Measure the peak resident memory of whole runs, including the evaluation at the end."""
    framework = [sys.executable, "-c", "import hydra, lightning.pytorch, torch, torchvision, torch.utils.tensorboard"]
    peaks = {"import torch, torchvision, lightning, hydra, tensorboard": peak_megabytes(framework)}
    for name in ("model=mlp", "experiment=dcgan", "experiment=r3gan"):
        with tempfile.TemporaryDirectory() as folder:
            peaks[f"python train.py {name}, 100 iterations and an evaluation"] = peak_megabytes(
                [*TRAIN, name, "max_iterations=100", f"hydra.run.dir={folder}/run"]
            )
    least = min(peaks.values())
    return [{"": name, "MB": f"{mb:,.0f}", "above the first": f"{mb - least:,.0f}"} for name, mb in peaks.items()]


def peak_megabytes(command: Sequence[str]) -> float:
    """Run a command and return its peak resident memory in MB; raise UserError if it fails."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise UserError(f"{' '.join(command)}: failed")
    return usage.ru_maxrss / (1e6 if platform.system() == "Darwin" else 1e3)


def evaluation(arguments: argparse.Namespace) -> list[Row]:
    """Measure the time of all metrics of 10,000 images, the first of the training set, against the test split."""
    data = mnist(data_root())
    samples = take(data.examples.content, slice(10_000))
    times: dict[str, list[float]] = {"real images, once": [], "10,000 samples": []}
    for _ in range(arguments.rounds):
        begin = time.perf_counter()
        data.evaluator.prepare(data)
        data.evaluator.real_baseline()
        times["real images, once"].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        data.evaluator(samples)
        times["10,000 samples"].append(time.perf_counter() - begin)
    return rows_of_seconds(times)


def rows_of_seconds(times: dict[str, list[float]]) -> list[Row]:
    return [{"": name, "seconds": median_and_range(seconds)} for name, seconds in times.items()]
