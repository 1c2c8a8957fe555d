"""How good samples are after how much time: the article's code beside ours, in turns."""

import json
import math
import os
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
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.files import write_json
from gan_lightning.metrics.images import ImageEvaluator, fcd
from gan_lightning.metrics.plots import render
from gan_lightning.modalities.image import to_uint8
from gan_lightning.paths import MANIFEST
from gan_lightning.runs.checkpoints import load

from . import loops
from .data import mnist
from .runs import ROOT, TRAIN
from .tables import Row

TURN = 20  # seconds
KEPT = (*range(1, 11), 12, 15, 20, 25, *range(30, 101, 10))  # epochs after which there is a checkpoint
ITERATIONS = 60_000 // 64  # of the article's code in an epoch: it drops the last batch
TIMES = (0, 15, 30, 60, 120, 180, 240, 300, 600, 1200, 1800, 2400, 3000, 3600, 4800, 6000)  # rows of the table, seconds
SHOWN_AFTER = 300  # seconds, in the picture of samples

Draw = Callable[[Path, int], Tensor]  # a checkpoint and n to samples (n, 1, 28, 28) in [-1, 1]


class Point(NamedTuple):
    """A checkpoint."""

    seconds: float  # of its contestant's own time, from the start of its process
    path: Path
    fcd: float


class Contestant:
    """A command that leaves checkpoints in a folder, and runs only in its turns.

    Args:
        name: of its column in the table.
        command: what to start.
        checkpoints: where its files appear.
        draw: a file to samples.
        limit: of its own time, seconds.
    """

    def __init__(
        self, name: str, command: Sequence[str], checkpoints: Path, draw: Draw, limit: float = math.inf
    ) -> None:
        self.name = name
        self.command = command
        self.checkpoints = checkpoints
        self.draw = draw
        self.limit = limit
        self.turns: list[tuple[float, float]] = []  # when they began and ended
        self.process: subprocess.Popen[str] | None = None

    @property
    def seconds(self) -> float:
        """Of its own time so far."""
        return self.seconds_at(time.time())

    def seconds_at(self, moment: float) -> float:
        """Of its own time, at a moment of the clock."""
        return sum(max(min(end, moment) - begin, 0) for begin, end in self.turns)

    def take_turn(self, seconds: float, threads: int) -> bool:
        """Run for a while; whether it has more to do."""
        begin = time.time()
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
            self.turns.append((begin, time.time()))
        if self.process.returncode:
            raise UserError(f"{self.name}: {(errors.strip().splitlines() or ['failed'])[-1].removeprefix('error: ')}")
        return False

    def end(self) -> None:
        """Whether it has more to do or not."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def points(self, evaluator: ImageEvaluator) -> list[Point]:
        """Return its checkpoints with their distances, the earliest first."""
        files = [path for path in self.checkpoints.glob("*.*") if not path.name.startswith(".")]
        if not files:
            raise UserError(f"{self.name}: no checkpoint after {clock(self.seconds)}: it needs more --minutes")
        points = []
        for path in sorted(files, key=lambda path: path.stat().st_mtime):
            reference = evaluator.reference
            distance = fcd(reference, evaluator.view(to_uint8(self.draw(path, reference.n))))
            assert distance is not None  # MNIST has a test split
            points.append(Point(self.seconds_at(path.stat().st_mtime), path, distance))
        return points


def article(root: Path, folder: Path, seed: int, epochs: int) -> Contestant:
    """The article's loop as published; what it adds is a file of the generator's weights now and then."""
    code = f"train_article({str(root)!r}, {str(folder)!r}, {seed}, {epochs})"
    imports = f"import sys; sys.path[0] = {str(ROOT)!r}; from scripts.benchmarks.quality import train_article"
    command = [sys.executable, "-c", f"{imports}; {code}"]
    return Contestant("the article's code", command, folder, draw_from_article)


def train_article(root: str, folder: str, seed: int, epochs: int) -> None:
    torch.manual_seed(seed)
    Path(folder).mkdir(parents=True)
    cpu = torch.device("cpu")
    pair = loops.networks()
    step = loops.article(pair, loops.published_batches(Path(root), 64, cpu), cpu)
    for epoch in range(1, epochs + 1):
        for _ in range(ITERATIONS):
            step()
        if epoch in KEPT:
            unfinished = Path(folder, ".unfinished.pt")  # it may be ended at any moment
            torch.save(pair[0].state_dict(), unfinished)
            unfinished.rename(f"{folder}/epoch_{epoch:04d}.pt")


@torch.no_grad()
def draw_from_article(path: Path, n: int) -> Tensor:
    generator, _ = loops.networks()
    generator.load_state_dict(torch.load(path, weights_only=True))
    latent = torch.randn(n, loops.LATENT_DIM, generator=torch.Generator().manual_seed(0))
    return generator(latent).view(n, 1, 28, 28)


def ours(recipe: str, seed: int, folder: Path, limit: float) -> Contestant:
    """``python train.py`` with all that is on by default, kept checkpoints besides."""
    kept = f"checkpoint.after_epochs={list(KEPT)}".replace(" ", "")
    command = [*TRAIN, *recipe.split(), f"seed={seed}", kept, f"hydra.run.dir={folder}"]
    return Contestant(f"{recipe} seed={seed}", command, folder / "checkpoints", draw_from_run, limit)


def draw_from_run(path: Path, n: int) -> Tensor:
    samples = load(str(path)).model.sample(n, seed=0)
    assert isinstance(samples, Tensor)
    return samples


def leave_out_pauses(run: Path, seconds: float) -> None:
    """Of a run's time in its manifest, which counted on while others had their turn."""
    manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    write_json(run / MANIFEST, manifest | {"duration_seconds": round(seconds, 3)})


def compete(contestants: Sequence[Contestant], threads: int) -> None:
    """Turns, until each one has ended or had its time."""
    running = list(contestants)
    try:
        while running:
            running = [one for one in running if one.take_turn(TURN, threads) and one.seconds < one.limit]
            print(", ".join(f"{one.name} {clock(one.seconds)}" for one in running), file=sys.stderr)
    finally:
        for one in contestants:
            one.end()


def evaluator(root: Path) -> ImageEvaluator:
    """Return what measures the distance to the 10,000 test images."""
    data = mnist(root)
    data.evaluator.prepare(data)
    return data.evaluator


def record(points: dict[str, list[Point]]) -> list[Row]:
    """All checkpoints, plain values."""
    return [{"contestant": name, **p._asdict(), "path": str(p.path)} for name, many in points.items() for p in many]


def table(points: dict[str, list[Point]]) -> list[Row]:
    """The last distance in each span of time, and the time to what the first contestant ends with."""
    rows: list[Row] = []
    for begin, end in pairwise(TIMES):
        cells = {name: [p for p in many if begin < p.seconds <= end] for name, many in points.items()}
        if any(cells.values()):
            rows.append({"": f"after {clock(end)}"} | {n: f"{c[-1].fcd:.3g}" if c else "" for n, c in cells.items()})
    goal = next(iter(points.values()))[-1]
    last: Row = {"": f"time until {goal.fcd:.3g}"}
    for name, many in points.items():
        seconds = next((point.seconds for point in many if point.fcd <= goal.fcd), None)
        last[name] = f"{clock(seconds)}, 1/{goal.seconds / seconds:.0f}" if seconds else "not reached"
    return [*rows, last]


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def curves(points: dict[str, list[Point]]) -> np.ndarray:
    """Distance over time, a picture (H, W, 3) uint8."""
    figure = Figure((8, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for i, (name, many) in enumerate(points.items()):
        axes.loglog(
            [point.seconds for point in many], [point.fcd for point in many], "o-" if i else "s-", ms=4, label=name
        )
    axes.set_xlabel("seconds from the start of the process")
    axes.set_ylabel("fcd to the test set")
    axes.grid(which="both", color="0.9")
    axes.legend()
    return render(figure)


def samples(contestants: Sequence[Contestant], points: dict[str, list[Point]]) -> np.ndarray:
    """64 of the first contestant and of the second after five minutes, a picture (H, W, 3) uint8."""
    figure = Figure((10, 5.4), dpi=100, layout="constrained")
    for axes, one in zip(figure.subplots(1, 2), contestants[:2], strict=True):
        point = [p for p in points[one.name] if p.seconds <= SHOWN_AFTER][-1]
        pictures = one.draw(point.path, 64).view(8, 8, 28, 28).transpose(1, 2).reshape(8 * 28, 8 * 28)
        axes.imshow(pictures, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_title(f"{one.name}, {clock(point.seconds)}: fcd {point.fcd:.3g}")
        axes.set_axis_off()
    return render(figure)
