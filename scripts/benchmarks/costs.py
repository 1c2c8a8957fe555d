"""What a run takes besides its iterations: to start, of memory, to be judged."""

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
from .profile import profile
from .runs import TRAIN
from .tables import Row, spread


def startup(arguments: argparse.Namespace) -> list[Row]:
    """Seconds after the command."""
    times: dict[str, list[float]] = {name: [] for name in ("--help", "first iteration", "first picture of the demo")}
    first = "+callbacks.first._target_=scripts.benchmarks.runs.FirstStep"
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            subprocess.run([*TRAIN, "--help"], stdout=subprocess.DEVNULL, check=True)
            times["--help"].append(time.perf_counter() - begin)
            marker = f"{folder}/first"
            times["first iteration"].append(
                until(marker, [first, f"+callbacks.first.path={marker}", f"hydra.run.dir={folder}/a"])
            )
            times["first picture of the demo"].append(
                until(f"{folder}/b/samples/*.png", ["experiment=quickstart", f"hydra.run.dir={folder}/b"])
            )
    return in_seconds(times)


def until(pattern: str, overrides: Sequence[str]) -> float:
    """Seconds from the command to the file; the run is stopped then."""
    begin = time.perf_counter()
    process = subprocess.Popen([*TRAIN, *overrides], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(Path("/").glob(pattern.lstrip("/"))):
        if process.poll() is not None:
            raise UserError(f"{' '.join(['python train.py', *overrides])}: ended before {pattern} was there")
        time.sleep(0.01)
    seconds = time.perf_counter() - begin
    process.kill()
    process.wait()
    return seconds


def memory(arguments: argparse.Namespace) -> list[Row]:
    """Peak resident memory of whole processes, evaluation at the end included."""
    framework = [sys.executable, "-c", "import hydra, lightning.pytorch, torch, torchvision, torch.utils.tensorboard"]
    peaks = {"import torch, torchvision, lightning, hydra, tensorboard": peak(framework)}
    for name in ("model=mlp", "experiment=dcgan", "experiment=r3gan"):
        with tempfile.TemporaryDirectory() as folder:
            peaks[f"python train.py {name}, 100 iterations and an evaluation"] = peak(
                [*TRAIN, name, "max_iterations=100", f"hydra.run.dir={folder}/run"]
            )
    least = min(peaks.values())
    return [{"": name, "MB": f"{mb:,.0f}", "above the first": f"{mb - least:,.0f}"} for name, mb in peaks.items()]


def peak(command: Sequence[str]) -> float:
    """MB of a command at its largest."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise UserError(f"{' '.join(command)}: failed")
    return usage.ru_maxrss / (1e6 if platform.system() == "Darwin" else 1e3)


def evaluation(arguments: argparse.Namespace) -> list[Row]:
    """All metrics of 10,000 images (the training set's first) against the test split."""
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
    return in_seconds(times)


def where(arguments: argparse.Namespace) -> list[Row]:
    """By kind of operation, in ms an iteration."""
    found = {
        name: profile(overrides, arguments.threads)
        for name, overrides in (("ours", []), ("medium", ["matmul_precision=medium"]))
    }
    kinds = list(dict.fromkeys(kind for part in found.values() for kind in part))
    return [
        {"": kind}
        | {f"{name}, ms": f"{1000 * part.get(kind, 0):.2f}" for name, part in found.items()}
        | {f"{name}, share": f"{part.get(kind, 0) / sum(part.values()):.0%}" for name, part in found.items()}
        for kind in kinds
    ]


def in_seconds(times: dict[str, list[float]]) -> list[Row]:
    return [{"": name, "seconds": spread(one)} for name, one in times.items()]
