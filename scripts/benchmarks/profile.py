"""Profiles an iteration: the time of each kind of operation."""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from torch.profiler import ProfilerActivity

from .runs import TRAIN, WARM_UP, run_command
from .tables import Row

ITERATIONS = 100
KINDS = {  # an operation is of the first kind that has a part of its name
    "matrix products": ("aten::mm", "aten::addmm", "convolution"),
    "Adam": ("_fused_adam_",),
    "averaged generator": ("lerp",),
    "gathering the batch": ("aten::index",),
}
REST = "activations, losses, copies"
PYTHON = "Python, Lightning, autograd, torch's dispatch"


def profile(arguments: argparse.Namespace) -> list[Row]:
    """Measure the time of each kind of operation in an iteration of ``model=mlp``, in two precisions."""
    profiles = {
        name: seconds_by_kind(overrides, arguments.threads)
        for name, overrides in (("ours", []), ("medium", ["matmul_precision=medium"]))
    }
    kinds = list(dict.fromkeys(kind for seconds in profiles.values() for kind in seconds))
    return [
        {"": kind}
        | {f"{name}, ms": f"{1000 * seconds.get(kind, 0):.2f}" for name, seconds in profiles.items()}
        | {
            f"{name}, share": f"{seconds.get(kind, 0) / sum(seconds.values()):.0%}"
            for name, seconds in profiles.items()
        }
        for kind in kinds
    ]


class Profiler(L.Callback):
    """Callback that writes the seconds per iteration of each kind of operation to a JSON file.

    Time outside of torch's operations counts as Python's.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.iteration == WARM_UP:
            self._since = time.perf_counter()
        elif pl_module.iteration == WARM_UP + ITERATIONS:  # measured first, as the profiler slows iterations down
            self._seconds = (time.perf_counter() - self._since) / ITERATIONS
            self._profile = torch.profiler.profile(activities=[ProfilerActivity.CPU])
            self._profile.start()
        elif pl_module.iteration == WARM_UP + 2 * ITERATIONS:
            self._profile.stop()
            self.path.write_text(json.dumps(self._seconds_by_kind()), encoding="utf-8")

    def _seconds_by_kind(self) -> dict[str, float]:
        seconds: dict[str, float] = defaultdict(float)
        for event in self._profile.key_averages():
            if event.key.startswith("aten::"):
                kind = next((kind for kind, parts in KINDS.items() if any(part in event.key for part in parts)), REST)
                seconds[kind] += event.self_cpu_time_total / 1e6 / ITERATIONS
        ordered = {kind: seconds[kind] for kind in (*KINDS, REST)}
        return ordered | {PYTHON: max(self._seconds - sum(seconds.values()), 0.0)}


def seconds_by_kind(overrides: Sequence[str], threads: int) -> dict[str, float]:
    """Run ``python train.py`` with these overrides; return the seconds per iteration of each kind of operation."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            *overrides,
            f"max_iterations={WARM_UP + 2 * ITERATIONS}",
            "callbacks.evaluation=null",
            "+callbacks.profiler._target_=scripts.benchmarks.profile.Profiler",
            f"+callbacks.profiler.path={folder}/kinds.json",
            f"hydra.run.dir={folder}/run",
        ]
        run_command([*TRAIN, *arguments], threads)
        return json.loads(Path(folder, "kinds.json").read_text(encoding="utf-8"))
