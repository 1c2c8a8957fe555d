"""Runs that are killed at random and resumed, beside runs of the same config that are not."""

import itertools
import json
import multiprocessing
import os
import random
import signal
import statistics
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as L
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tqdm import tqdm

from gan_lightning.paths import METRICS
from gan_lightning.runs.checkpoints import read_last
from gan_lightning.runs.folders import last_checkpoints

from .tables import Row

INTERVAL = 7  # iterations between checkpoints
ITERATIONS = 60
KILLS_OF_A_RUN = 5
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# Few pictures, small networks; 8 batches an epoch, and all that a run does now and then, often.
COMMON = (
    "data=digits", "data.batch_size=256", "trainer=cpu", f"max_iterations={ITERATIONS}",
    f"checkpoint.every_n_iterations={INTERVAL}", "callbacks.scalars.every_n_iterations=5", "sample_every_n_epochs=2",
    "callbacks.collapse_alarm.every_n_iterations=10", "callbacks.collapse_alarm.n=50", "evaluate_every_n_epochs=3",
    "callbacks.evaluation.n=50",
)  # fmt: skip
DENSE = ("model.generator.hidden_dims=[16]", "model.discriminator.hidden_dims=[16]")
SMALL = ("model.generator.width=4", "model.discriminator.width=4", "data.batch_size=128", "max_iterations=30")
RUNS = {
    "mlp": DENSE,
    "conditional": ("conditional=true", *DENSE),
    "bf16": ("trainer.precision=bf16-mixed", *DENSE),
    "dcgan, R1 + R2, averaged": ("model=dcgan", "objective=relativistic", "regularizer=r1_r2", *SMALL),
}
DIED_AT = Path("died_at")
STATE = ("state_dict", "optimizer_states", "iteration", "loops", "callbacks")


class Kill(L.Callback):
    """Sends its own process a signal: some milliseconds after an iteration has begun, whatever it does then."""

    def __init__(self, iteration: int, milliseconds: float, number: int) -> None:
        self.iteration = iteration
        self.milliseconds = milliseconds
        self.number = number

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.iteration == self.iteration:
            threading.Timer(self.milliseconds / 1000, self._strike, (pl_module,)).start()

    def _strike(self, pl_module: Any) -> None:
        DIED_AT.write_text(str(pl_module.iteration), encoding="utf-8")
        os.kill(os.getpid(), self.number)


class Death(NamedTuple):
    signal: str
    at: int  # iterations that were done
    lost: int  # iterations that are computed again


class Trial(NamedTuple):
    """A run that was killed, and what is not the same at its end."""

    deaths: list[Death]
    differences: list[str]


def train(folder: Path, overrides: Sequence[str]) -> int:
    """``python train.py`` in a process of its own, below ``folder``; its exit code, or minus the signal's number."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "gan_lightning.commands.train", "gan_lightning.algorithms.gan"])
    process = context.Process(target=_train, args=(folder, list(overrides)))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _train(folder: Path, overrides: list[str]) -> None:
    from gan_lightning.commands import cli

    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    sys.argv = ["train.py", *overrides]
    with Path("log.txt").open("a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    torch.set_num_threads(1)
    tqdm.set_lock(threading.RLock())  # its own is a semaphore of the system, which a killed process leaves there
    cli.train()


def kill_and_resume(folder: Path, overrides: Sequence[str], kills: int, generator: random.Random) -> Iterator[Death]:
    """A run, in ``folder / "run"``, that is killed so many times, if it lives that long, and then comes to its end."""
    arguments = [*overrides, "hydra.run.dir=run"]
    last = int(next(one for one in reversed(overrides) if one.startswith("max_iterations=")).partition("=")[2])
    begun = 0
    for _ in range(kills):
        if begun == last:
            break
        number = generator.choice(SIGNALS)
        settings = {
            "_target_": f"{Kill.__module__}.{Kill.__name__}",
            "iteration": generator.randrange(begun, min(begun + 3 * INTERVAL, last)),
            "milliseconds": generator.uniform(0, 30),
            "number": int(number),
        }
        train(folder, [*arguments, *(f"++callbacks.kill.{key}={value}" for key, value in settings.items())])
        begun = read_last(folder / "run")[1]["iteration"] if last_checkpoints(folder / "run") else 0
        at = int((folder / DIED_AT).read_text(encoding="utf-8"))
        yield Death(number.name, at, max(at - begun, 0))
        arguments = ["resume=run", f"trust_code=[{Kill.__module__}]"]
    code = train(folder, [*arguments, "callbacks.kill=null"])
    if code:
        raise RuntimeError(f"{folder}: exit code {code}: {(folder / 'log.txt').read_text(encoding='utf-8')[-2000:]}")


def differences(one: Path, other: Path) -> list[str]:
    """What is not bit for bit the same in two runs' folders: all state, final figures, points of the dashboard."""
    a, b = (read_last(run)[1] for run in (one, other))
    found = [key for key in STATE if not same(a[key], b[key])]
    if json.loads((one / METRICS).read_text(encoding="utf-8")) != json.loads(
        (other / METRICS).read_text(encoding="utf-8")
    ):
        found.append(METRICS)
    return found + ([] if points(one) == points(other) else ["points of the dashboard"])


def same(a: Any, b: Any) -> bool:
    """Equal in every tensor and value."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def points(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Step and value of each scalar but the times, as TensorBoard reads them."""
    accumulator = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    accumulator.Reload()
    tags = [tag for tag in accumulator.Tags()["scalars"] if not tag.startswith("time/")]
    return {tag: [(point.step, point.value) for point in accumulator.Scalars(tag)] for tag in tags}


def campaign(folder: Path, kills: int, seed: int) -> dict[str, list[Trial]]:
    """So many kills or a few more, over all kinds of runs in turn."""
    generator = random.Random(seed)
    trials: dict[str, list[Trial]] = {name: [] for name in RUNS}
    for name, overrides in RUNS.items():
        train(folder / name / "whole", [*COMMON, *overrides, "hydra.run.dir=run"])
    died = 0
    for number, name in enumerate(itertools.cycle(RUNS)):
        killed = folder / name / f"{number}"
        deaths = list(kill_and_resume(killed, [*COMMON, *RUNS[name]], KILLS_OF_A_RUN, generator))
        trials[name].append(Trial(deaths, differences(folder / name / "whole" / "run", killed / "run")))
        print(f"{name}: {len(deaths)} kills, {trials[name][-1].differences or 'the same end'}", file=sys.stderr)
        died += len(deaths)
        if died >= kills:
            break
    return trials


def table(trials: dict[str, list[Trial]]) -> list[Row]:
    rows = []
    for name, many in trials.items():
        deaths = [death for trial in many for death in trial.deaths]
        lost = [death.lost for death in deaths] or [0]  # in a campaign of few
        rows.append(
            {
                "run": name,
                "runs": len(many),
                **{name: sum(death.signal == name for death in deaths) for name in ("SIGKILL", "SIGTERM", "SIGINT")},
                "iterations lost": f"{statistics.mean(lost):.1f} (at most {max(lost)})",
                "the same end": f"{sum(not trial.differences for trial in many)} of {len(many)}",
            }
        )
    return rows
