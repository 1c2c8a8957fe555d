"""Kills runs at random, resumes them, and compares them with uninterrupted runs of the same config."""

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
MAX_KILLS_PER_RUN = 5
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)  # SIGKILL half of the time
# Few images, small networks, 8 batches per epoch; what a run does every few epochs or iterations, it does often.
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
KILLED_AT = Path("killed_at")  # file with the iteration of the last kill
STATE_KEYS = ("state_dict", "optimizer_states", "iteration", "loops", "callbacks")  # of a checkpoint


class SendSignal(L.Callback):
    """Callback that sends a signal to its own process.

    Args:
        iteration: number of finished iterations; the delay starts when the next one starts.
        milliseconds: delay, after which the signal is sent whatever the process then does.
        number: number of the signal.
    """

    def __init__(self, iteration: int, milliseconds: float, number: int) -> None:
        self.iteration = iteration
        self.milliseconds = milliseconds
        self.number = number

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.iteration == self.iteration:
            threading.Timer(self.milliseconds / 1000, self._send, (pl_module,)).start()

    def _send(self, pl_module: Any) -> None:
        KILLED_AT.write_text(str(pl_module.iteration), encoding="utf-8")
        os.kill(os.getpid(), self.number)


class Kill(NamedTuple):
    """A signal that stopped a run."""

    signal: str
    iteration: int  # number of finished iterations
    lost: int  # number of iterations to compute again


class KilledRun(NamedTuple):
    """The kills of a run, and its differences from the uninterrupted run."""

    kills: list[Kill]
    differences: list[str]


def train(folder: Path, overrides: Sequence[str]) -> int:
    """Run ``python train.py`` in ``folder`` in a process of its own; return its exit code, or minus its signal."""
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
    tqdm.set_lock(threading.RLock())  # a killed process would leave tqdm's own lock, a system semaphore
    cli.train()


def kill_and_resume(folder: Path, overrides: Sequence[str], kills: int, generator: random.Random) -> Iterator[Kill]:
    """Train in ``folder / "run"``, kill and resume the run several times, and let it finish; yield each kill.

    Args:
        folder: folder for the run and its log.
        overrides: arguments of ``python train.py``, with ``max_iterations``.
        kills: number of kills; fewer if a checkpoint after the last iteration is written before.
        generator: source of the iterations, signals and delays.
    """
    arguments = [*overrides, "hydra.run.dir=run"]
    last = int(next(one for one in reversed(overrides) if one.startswith("max_iterations=")).partition("=")[2])
    resumes_at = 0  # iteration of the last checkpoint
    for _ in range(kills):
        if resumes_at == last:
            break
        number = generator.choice(SIGNALS)
        settings = {
            "_target_": f"{SendSignal.__module__}.{SendSignal.__name__}",
            "iteration": generator.randrange(resumes_at, min(resumes_at + 3 * INTERVAL, last)),
            "milliseconds": generator.uniform(0, 30),
            "number": int(number),
        }
        train(folder, [*arguments, *(f"++callbacks.kill.{key}={value}" for key, value in settings.items())])
        resumes_at = read_last(folder / "run")[1]["iteration"] if last_checkpoints(folder / "run") else 0
        killed_at = int((folder / KILLED_AT).read_text(encoding="utf-8"))
        yield Kill(number.name, killed_at, max(killed_at - resumes_at, 0))
        arguments = ["resume=run", f"trust_code=[{SendSignal.__module__}]"]
    code = train(folder, [*arguments, "callbacks.kill=null"])
    if code:
        raise RuntimeError(f"{folder}: exit code {code}: {(folder / 'log.txt').read_text(encoding='utf-8')[-2000:]}")


def differences(one: Path, other: Path) -> list[str]:
    """Return what is not equal bit for bit in two run folders: keys of the checkpoint, metrics, logged scalars."""
    a, b = (read_last(run)[1] for run in (one, other))
    found = [key for key in STATE_KEYS if not equal(a[key], b[key])]
    if json.loads((one / METRICS).read_text(encoding="utf-8")) != json.loads(
        (other / METRICS).read_text(encoding="utf-8")
    ):
        found.append(METRICS)
    return found + ([] if read_scalars(one) == read_scalars(other) else ["logged scalars"])


def equal(a: Any, b: Any) -> bool:
    """Return True if two nested containers are equal in every tensor and value."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


def read_scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Return step and value of each scalar that TensorBoard reads, without the tags ``time/…``."""
    accumulator = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    accumulator.Reload()
    tags = [tag for tag in accumulator.Tags()["scalars"] if not tag.startswith("time/")]
    return {tag: [(point.step, point.value) for point in accumulator.Scalars(tag)] for tag in tags}


def run_campaign(folder: Path, kills: int, seed: int) -> dict[str, list[KilledRun]]:
    """Kill runs of each config of ``RUNS``, one after the other, until there are at least ``kills`` kills."""
    generator = random.Random(seed)
    runs: dict[str, list[KilledRun]] = {name: [] for name in RUNS}
    for name, overrides in RUNS.items():
        train(folder / name / "whole", [*COMMON, *overrides, "hydra.run.dir=run"])
    total = 0
    for number, name in enumerate(itertools.cycle(RUNS)):
        killed = folder / name / f"{number}"
        kills_of_run = list(kill_and_resume(killed, [*COMMON, *RUNS[name]], MAX_KILLS_PER_RUN, generator))
        runs[name].append(KilledRun(kills_of_run, differences(folder / name / "whole" / "run", killed / "run")))
        print(f"{name}: {len(kills_of_run)} kills, {runs[name][-1].differences or 'no difference'}", file=sys.stderr)
        total += len(kills_of_run)
        if total >= kills:
            break
    return runs


def table(campaign: dict[str, list[KilledRun]]) -> list[Row]:
    """Return a row for each config, with the numbers of kills, lost iterations and equal results."""
    rows = []
    for name, runs in campaign.items():
        kills = [kill for run in runs for kill in run.kills]
        lost = [kill.lost for kill in kills] or [0]  # a short campaign has configs without kills
        rows.append(
            {
                "run": name,
                "runs": len(runs),
                **{number: sum(kill.signal == number for kill in kills) for number in ("SIGKILL", "SIGTERM", "SIGINT")},
                "iterations lost": f"{statistics.mean(lost):.1f} (at most {max(lost)})",
                "equal results": f"{sum(not run.differences for run in runs)} of {len(runs)}",
            }
        )
    return rows
