"""The time of an iteration, contestants in turns: other loops, networks, sizes."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from . import limits, loops
from .data import data_root, training_images
from .runs import seconds_per_iteration, synchronize
from .tables import Row, ratios, spread

BATCH_SIZE = 64

Contestants = dict[str, Callable[[], float]]  # name to what measures seconds an iteration


def step(arguments: argparse.Namespace) -> list[Row]:
    """The article's GAN, batches of 64."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    root = data_root()
    images = training_images(root).to(device)

    def from_memory() -> loops.Batches:
        return loops.batches_from_memory(images, BATCH_SIZE)

    n = arguments.iterations
    contestants = {
        "article, as published": turn(
            loops.article(loops.networks(), loops.published_batches(root, BATCH_SIZE, device), device),
            n,
            device,
            published=True,
        ),
        "article, data in memory": turn(
            loops.article(loops.networks(), from_memory(), device), n, device, published=True
        ),
        "by hand": turn(loops.tight(from_memory(), device), n, device),
        "by hand, no averaging": turn(loops.tight(from_memory(), device, averaged=False), n, device),
        "by hand, bfloat16": turn(loops.tight(from_memory(), device, "medium"), n, device),
        "ours": ours(4 * n, arguments.threads),
        "ours, no averaging": ours(4 * n, arguments.threads, "ema_decay=null"),
        "ours, matmul_precision=medium": ours(4 * n, arguments.threads, "matmul_precision=medium"),
        "ours, bf16-mixed": ours(4 * n, arguments.threads, "trainer.precision=bf16-mixed"),
    }
    if device.type == "cuda":
        contestants["ours, cuda_graph=true"] = ours(4 * n, arguments.threads, "model.cuda_graph=true")
    measured = interleaved(contestants, arguments.rounds)
    by_hand = {
        "ours": "by hand",
        "ours, no averaging": "by hand, no averaging",
        "ours, matmul_precision=medium": "by hand, bfloat16",
    }
    rows = []
    for name, times in measured.items():
        row = timed(name, times) | {"article / this": spread(ratios(measured["article, as published"], times))}
        if name in by_hand:
            row["over by hand"] = f"{statistics.median(ratios(times, measured[by_hand[name]])) - 1:+.1%}"
        rows.append(row)
    return rows + arithmetic(device, statistics.median(measured["article, as published"]))


def arithmetic(device: torch.device, article: float) -> list[Row]:
    """The least time that products and weights take, one after the other, at the measured rates."""
    flops = limits.floating_point_operations(
        loops.tight(loops.batches_from_memory(torch.zeros(64, 784, dtype=torch.uint8, device=device), 64), device)
    )
    memory = limits.bytes_of_update() / limits.bandwidth(device)
    rows = []
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        rate = limits.matmul_rate(device, dtype)
        seconds = flops / rate + memory
        rows.append(
            {
                "": f"arithmetic, {name}: {flops / 1e9:.2f} GFLOP at {rate / 1e9:,.0f} GFLOP/s, "
                f"{limits.bytes_of_update() / 1e6:.0f} MB in {1000 * memory:.1f} ms",
                "ms": f"{1000 * seconds:.2f}",
                "article / this": f"{article / seconds:.2f}",
            }
        )
    return rows


def networks(arguments: argparse.Namespace) -> list[Row]:
    """Penalties, networks, precisions; each beside what it is compared with."""
    n = arguments.iterations
    share = {"model=mlp": 1.0, "experiment=dcgan": 0.2, "experiment=r3gan": 0.1}  # of the iterations
    full = "trainer.precision=32-true"
    relativistic = "objective=relativistic regularizer=r1_r2"
    compared = {
        "model=mlp": None,
        "model=mlp regularizer=r1_r2": "model=mlp",
        f"experiment=dcgan {full}": None,
        "experiment=dcgan": f"experiment=dcgan {full}",
        f"experiment=dcgan {relativistic} {full}": f"experiment=dcgan {full}",
        f"experiment=dcgan {relativistic}": "experiment=dcgan",
        f"experiment=r3gan {full}": None,
        "experiment=r3gan": f"experiment=r3gan {full}",
    }
    measured = interleaved(
        {name: ours(int(n * share[name.split()[0]]), arguments.threads, *name.split()) for name in compared},
        arguments.rounds,
    )
    return [
        timed(name, times) | {"of": to, "ratio": spread(ratios(times, measured[to]))} if to else timed(name, times)
        for (name, times), to in zip(measured.items(), compared.values(), strict=True)
    ]


def scaling(arguments: argparse.Namespace) -> list[Row]:
    """Images a second of model=mlp, by what is larger."""
    rows = []
    for batch_size in (64, 256, 1024, 4096):
        for width in (1, 2, 4):
            overrides = [
                f"data.batch_size={batch_size}",
                f"model.generator.hidden_dims=[{256 * width},{512 * width},{1024 * width}]",
                f"model.discriminator.hidden_dims=[{1024 * width},{512 * width},{256 * width}]",
            ]
            iterations = max(arguments.iterations * BATCH_SIZE // (batch_size * width**2), 3)
            row: Row = {"batch": batch_size, "width": f"×{width}"}
            for threads in range(1, arguments.threads + 1):
                seconds = seconds_per_iteration(overrides, iterations, threads, warm_up=2)
                row[f"{threads} thread(s)"] = f"{batch_size / seconds:,.0f}"
            rows.append(row)
    for processes, name in ((1, "a run alone"), (2, "two runs at once")):
        rows.append(
            {"batch": BATCH_SIZE, "width": f"×1, {name}", "1 thread(s)": f"{at_once(processes, arguments):,.0f}"}
        )
    return rows


def processes(arguments: argparse.Namespace) -> list[Row]:
    """One run of model=mlp in one process and in several of one thread each, which share the batches."""
    n = max(arguments.threads, 2)
    rows = []
    for batch_size in (256, 1024):
        batch, iterations = f"data.batch_size={batch_size}", max(arguments.iterations * 256 // batch_size, 3)
        several = ("trainer=ddp_cpu", f"trainer.devices={n}")
        contestants = {
            "1 process, 1 thread": ours(iterations, 1, "trainer=cpu", batch),
            f"1 process, {n} threads": ours(iterations, n, "trainer=cpu", batch),
            f"{n} processes, 1 thread each": ours(iterations, 1, *several, batch),
        }
        measured = interleaved(contestants, arguments.rounds)
        one, threads, _ = measured.values()
        for name, times in measured.items():
            speed = f"{batch_size / statistics.median(times):,.0f}"
            row: Row = {"batch": batch_size, "": name, "images/s": speed, "_seconds": list(times)}
            if times is not one:
                row["efficiency"] = spread([ratio / n for ratio in ratios(one, times)])
                row["of threads"] = spread(ratios(threads, times))
            rows.append(row)
    return rows


def at_once(processes: int, arguments: argparse.Namespace) -> float:
    """Images a second, together, of so many runs of one thread each."""
    with ThreadPoolExecutor(processes) as pool:
        runs = [pool.submit(seconds_per_iteration, [], 4 * arguments.iterations, 1) for _ in range(processes)]
        return sum(BATCH_SIZE / one.result() for one in runs)


def turn(one: loops.Step, iterations: int, device: torch.device, published: bool = False) -> Callable[[], float]:
    """A loop's turn; as published, the processor computes with the tiniest numbers too."""

    def run() -> float:
        torch.set_flush_denormal(not published)
        for _ in range(10):
            one()
        synchronize(device)
        begin = time.perf_counter()
        for _ in range(iterations):
            one()
        synchronize(device)
        return (time.perf_counter() - begin) / iterations

    return run


def ours(iterations: int, threads: int, *overrides: str) -> Callable[[], float]:
    """A turn of ``python train.py``, a process of its own."""
    return lambda: seconds_per_iteration(overrides, iterations, threads)


def interleaved(contestants: Contestants, rounds: int) -> dict[str, list[float]]:
    """Each one's seconds an iteration, round by round."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for i in range(rounds):
        for name, run in contestants.items():
            print(f"round {i + 1} of {rounds}: {name}", file=sys.stderr)
            times[name].append(run())
    return times


def timed(name: str, times: Sequence[float]) -> Row:
    return {"": name, "ms": spread([1000 * one for one in times], digits=1), "_seconds": list(times)}
