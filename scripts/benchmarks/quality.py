"""Compares the quality of samples over training time: the article's code and recipes of this project.

All of them are trained on the same processor: each runs for some seconds while the others are paused.
"""

import argparse
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.files import write_json
from gan_lightning.metrics.images import ImageEvaluator, fcd
from gan_lightning.metrics.plots import render
from gan_lightning.modalities.image import to_uint8
from gan_lightning.paths import MANIFEST
from gan_lightning.runs.checkpoints import load

from . import loops
from .data import data_root, mnist
from .runs import ROOT, TRAIN
from .tables import Row

TURN_SECONDS = 20
CHECKPOINT_EPOCHS = (*range(1, 11), 12, 15, 20, 25, *range(30, 101, 10))
ITERATIONS_PER_EPOCH = 60_000 // 64  # of the article's code, which drops the last batch
TABLE_SECONDS = (0, 15, 30, 60, 120, 180, 240, 300, 600, 1200, 1800, 2400, 3000, 3600, 4800, 6000)  # one row each
SAMPLES_SECONDS = 300  # training time of the samples in the plot

Generate = Callable[[Path, int], Tensor]  # maps a checkpoint and n to samples (n, 1, 28, 28) in [-1, 1]


def quality(arguments: argparse.Namespace) -> list[Row]:
    """Measure the distance of samples to the test set over training time.

    Writes points.json, with all distances, and plots of distances and samples to the folder.
    """
    folder = arguments.folder
    if folder.exists():
        raise UserError(f"--folder {folder}: exists already: choose another")
    evaluator = prepare_evaluator(data_root())
    article = article_contestant(data_root(), folder / "article", 1, arguments.epochs)
    recipes = {}
    for recipe in arguments.recipes:
        name = re.sub(r"[^\w.-]+", "_", recipe.removeprefix("experiment="))
        for seed in arguments.seeds:
            run = folder / name / f"{seed}"
            recipes[run] = recipe_contestant(recipe, seed, run, 60 * arguments.minutes)
    contestants = [article, *recipes.values()]
    run_in_turns(contestants, arguments.threads)
    evaluated = {contestant.name: contestant.evaluate_checkpoints(evaluator) for contestant in contestants}
    for run, contestant in recipes.items():
        correct_duration(run, contestant.seconds)
    write_json(folder / "points.json", as_json(evaluated))
    Image.fromarray(plot_distances(evaluated)).save(folder / "distance.png")
    Image.fromarray(plot_samples(contestants, evaluated)).save(folder / "samples.png")
    return table(evaluated)


class Checkpoint(NamedTuple):
    """A checkpoint with its training time and its distance to the test set."""

    seconds: float  # time its contestant had run, without pauses
    path: Path
    fcd: float  # Fréchet classifier distance


class Contestant:
    """A training command that writes checkpoints to a folder, and can be paused.

    Args:
        name: name of its column in the table.
        command: command line to start.
        checkpoints: folder that the command writes its checkpoints to.
        generate: function that generates samples from a checkpoint.
        limit: seconds to run, without pauses.
    """

    def __init__(
        self, name: str, command: Sequence[str], checkpoints: Path, generate: Generate, limit: float = math.inf
    ) -> None:
        self.name = name
        self.command = command
        self.checkpoints = checkpoints
        self.generate = generate
        self.limit = limit
        self.turns: list[tuple[float, float]] = []  # start and end, in Unix time
        self.process: subprocess.Popen[str] | None = None

    @property
    def seconds(self) -> float:
        """Seconds that the command has run, without pauses."""
        return self.seconds_at(time.time())

    def seconds_at(self, moment: float) -> float:
        """Return the seconds that the command had run at ``moment`` (Unix time), without pauses."""
        return sum(max(min(end, moment) - start, 0) for start, end in self.turns)

    def run_for(self, seconds: float, threads: int) -> bool:
        """Start or resume the command, and pause it after ``seconds``; return False if it finished.

        Raise UserError with the last line of its errors if it fails.
        """
        start = time.time()
        if self.process is None:
            environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
            self.process = subprocess.Popen(
                self.command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
        self.process.send_signal(signal.SIGCONT)
        try:
            _, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGSTOP)
            return True
        finally:
            self.turns.append((start, time.time()))
        if self.process.returncode:
            raise UserError(f"{self.name}: {(errors.strip().splitlines() or ['failed'])[-1].removeprefix('error: ')}")
        return False

    def kill(self) -> None:
        """Kill the process if it was started."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def evaluate_checkpoints(self, evaluator: ImageEvaluator) -> list[Checkpoint]:
        """Return the checkpoints with their distances, the earliest first; raise UserError if there are none."""
        files = [path for path in self.checkpoints.glob("*.*") if not path.name.startswith(".")]
        if not files:
            raise UserError(f"{self.name}: no checkpoint after {minutes_and_seconds(self.seconds)}: increase --minutes")
        evaluated = []
        for path in sorted(files, key=lambda path: path.stat().st_mtime):
            reference = evaluator.reference
            distance = fcd(reference, evaluator.view(to_uint8(self.generate(path, reference.n))))
            assert distance is not None  # MNIST has a test split
            evaluated.append(Checkpoint(self.seconds_at(path.stat().st_mtime), path, distance))
        return evaluated


def article_contestant(root: Path, folder: Path, seed: int, epochs: int) -> Contestant:
    """Return the article's training loop as published; it also saves the generator's weights after some epochs."""
    code = f"train_article({str(root)!r}, {str(folder)!r}, {seed}, {epochs})"
    imports = f"import sys; sys.path[0] = {str(ROOT)!r}; from scripts.benchmarks.quality import train_article"
    command = [sys.executable, "-c", f"{imports}; {code}"]
    return Contestant("the article's code", command, folder, generate_from_article)


def train_article(root: str, folder: str, seed: int, epochs: int) -> None:
    """Train with the article's code, in the process of its contestant."""
    torch.manual_seed(seed)
    Path(folder).mkdir(parents=True)
    cpu = torch.device("cpu")
    pair = loops.networks()
    step = loops.article_loop(pair, loops.published_batches(Path(root), 64, cpu), cpu)
    for epoch in range(1, epochs + 1):
        for _ in range(ITERATIONS_PER_EPOCH):
            step()
        if epoch in CHECKPOINT_EPOCHS:
            unfinished = Path(folder, ".unfinished.pt")  # the process may be killed at any moment
            torch.save(pair[0].state_dict(), unfinished)
            unfinished.rename(f"{folder}/epoch_{epoch:04d}.pt")


@torch.no_grad()
def generate_from_article(path: Path, n: int) -> Tensor:
    """Generate samples (n, 1, 28, 28) with weights that ``train_article`` saved."""
    generator, _ = loops.networks()
    generator.load_state_dict(torch.load(path, weights_only=True))
    latent = torch.randn(n, loops.LATENT_DIM, generator=torch.Generator().manual_seed(0))
    return generator(latent).view(n, 1, 28, 28)


def recipe_contestant(recipe: str, seed: int, folder: Path, limit: float) -> Contestant:
    """Return ``python train.py`` with the overrides ``recipe``, with its default callbacks and more checkpoints."""
    checkpoints = f"checkpoint.after_epochs={list(CHECKPOINT_EPOCHS)}".replace(" ", "")
    command = [*TRAIN, *recipe.split(), f"seed={seed}", checkpoints, f"hydra.run.dir={folder}"]
    return Contestant(f"{recipe} seed={seed}", command, folder / "checkpoints", generate_from_run, limit)


def generate_from_run(path: Path, n: int) -> Tensor:
    """Generate samples (n, 1, 28, 28) with a checkpoint of a run."""
    samples = load(str(path)).model.sample(n, seed=0)
    assert isinstance(samples, Tensor)
    return samples


def correct_duration(run: Path, seconds: float) -> None:
    """Set the duration in a run's manifest, which includes pauses, to the seconds that it ran."""
    manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    write_json(run / MANIFEST, manifest | {"duration_seconds": round(seconds, 3)})


def run_in_turns(contestants: Sequence[Contestant], threads: int) -> None:
    """Run the contestants in turns until each has finished or reached its limit; if one fails, kill all."""
    running = list(contestants)
    try:
        while running:
            running = [one for one in running if one.run_for(TURN_SECONDS, threads) and one.seconds < one.limit]
            print(", ".join(f"{one.name} {minutes_and_seconds(one.seconds)}" for one in running), file=sys.stderr)
    finally:
        for one in contestants:
            one.kill()


def prepare_evaluator(root: Path) -> ImageEvaluator:
    """Return an evaluator whose reference is the 10,000 test images of MNIST."""
    data = mnist(root)
    data.evaluator.prepare(data)
    return data.evaluator


def as_json(evaluated: dict[str, list[Checkpoint]]) -> list[Row]:
    """Return a JSON object for each checkpoint of each contestant."""
    return [
        {"contestant": name, **one._asdict(), "path": str(one.path)}
        for name, checkpoints in evaluated.items()
        for one in checkpoints
    ]


def table(evaluated: dict[str, list[Checkpoint]]) -> list[Row]:
    """Return the distances over time as rows, with a column for each contestant.

    A row has the newest distance since the row above. The last row has the time to reach the final distance of the
    first contestant, and its fraction of the time of that contestant.
    """
    rows: list[Row] = []
    for start, end in pairwise(TABLE_SECONDS):
        row: Row = {"": f"after {minutes_and_seconds(end)}"}
        for name, checkpoints in evaluated.items():
            distances = [one.fcd for one in checkpoints if start < one.seconds <= end]
            row[name] = f"{distances[-1]:.3g}" if distances else ""
        if any(row[name] for name in evaluated):
            rows.append(row)
    goal = next(iter(evaluated.values()))[-1]
    last: Row = {"": f"time until {goal.fcd:.3g}"}
    for name, checkpoints in evaluated.items():
        seconds = next((one.seconds for one in checkpoints if one.fcd <= goal.fcd), None)
        last[name] = f"{minutes_and_seconds(seconds)}, 1/{goal.seconds / seconds:.0f}" if seconds else "not reached"
    return [*rows, last]


def minutes_and_seconds(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def plot_distances(evaluated: dict[str, list[Checkpoint]]) -> np.ndarray:
    """Return a plot of the distances over time, (H, W, 3) uint8."""
    figure = Figure((8, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for i, (name, checkpoints) in enumerate(evaluated.items()):
        seconds, distances = [one.seconds for one in checkpoints], [one.fcd for one in checkpoints]
        axes.loglog(seconds, distances, "o-" if i else "s-", ms=4, label=name)
    axes.set_xlabel("seconds from the start of the process")
    axes.set_ylabel("fcd to the test set")
    axes.grid(which="both", color="0.9")
    axes.legend()
    return render(figure)


def plot_samples(contestants: Sequence[Contestant], evaluated: dict[str, list[Checkpoint]]) -> np.ndarray:
    """Return a plot of 64 samples each of the first two contestants after five minutes, (H, W, 3) uint8."""
    figure = Figure((10, 5.4), dpi=100, layout="constrained")
    for axes, one in zip(figure.subplots(1, 2), contestants[:2], strict=True):
        shown = [checkpoint for checkpoint in evaluated[one.name] if checkpoint.seconds <= SAMPLES_SECONDS][-1]
        samples = one.generate(shown.path, 64).view(8, 8, 28, 28).transpose(1, 2).reshape(8 * 28, 8 * 28)
        axes.imshow(samples, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_title(f"{one.name}, {minutes_and_seconds(shown.seconds)}: fcd {shown.fcd:.3g}")
        axes.set_axis_off()
    return render(figure)
