"""Measures the time of an iteration in plain loops and in runs, for several networks, batch sizes and processes."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from . import limits, loops
from .data import data_root, training_images
from .runs import WARM_UP, seconds_per_iteration, synchronize
from .tables import Row, median_and_range, ratios

BATCH_SIZE = 64

Measure = Callable[[], float]  # runs some iterations and returns the seconds per iteration


def step(arguments: argparse.Namespace) -> list[Row]:
    """Measure an iteration of the article's GAN, with batches of 64: as published, by hand, and in runs."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    root = data_root()
    images = training_images(root).to(device)

    def from_memory() -> loops.Batches:
        return loops.batches_from_memory(images, BATCH_SIZE)

    n = arguments.iterations
    contestants = {
        "article, as published": measure_loop(
            loops.article_loop(loops.networks(), loops.published_batches(root, BATCH_SIZE, device), device),
            n,
            device,
            published=True,
        ),
        "article, data in memory": measure_loop(
            loops.article_loop(loops.networks(), from_memory(), device), n, device, published=True
        ),
        "by hand": measure_loop(loops.fast_loop(from_memory(), device), n, device),
        "by hand, no averaging": measure_loop(loops.fast_loop(from_memory(), device, averaged=False), n, device),
        "by hand, bfloat16": measure_loop(loops.fast_loop(from_memory(), device, "medium"), n, device),
        "ours": measure_run(4 * n, arguments.threads),
        "ours, no averaging": measure_run(4 * n, arguments.threads, "ema_decay=null"),
        "ours, matmul_precision=medium": measure_run(4 * n, arguments.threads, "matmul_precision=medium"),
        "ours, bf16-mixed": measure_run(4 * n, arguments.threads, "trainer.precision=bf16-mixed"),
    }
    if device.type == "cuda":
        contestants["ours, cuda_graph=true"] = measure_run(4 * n, arguments.threads, "model.cuda_graph=true")
    measured = measure_in_rounds(contestants, arguments.rounds)
    by_hand = {
        "ours": "by hand",
        "ours, no averaging": "by hand, no averaging",
        "ours, matmul_precision=medium": "by hand, bfloat16",
    }
    rows = []
    for name, times in measured.items():
        row = row_of_times(name, times) | {
            "article / this": median_and_range(ratios(measured["article, as published"], times))
        }
        if name in by_hand:
            row["over by hand"] = f"{statistics.median(ratios(times, measured[by_hand[name]])) - 1:+.1%}"
        rows.append(row)
    return rows + lower_bounds(device, statistics.median(measured["article, as published"]))


def lower_bounds(device: torch.device, article: float) -> list[Row]:
    """Return rows with the least time of an iteration: its matrix products, then its reads and writes of weights.

    Args:
        device: device whose rates are measured.
        article: seconds per iteration of the article's code, to compare with.
    """
    flops = limits.floating_point_operations(
        loops.fast_loop(loops.batches_from_memory(torch.zeros(64, 784, dtype=torch.uint8, device=device), 64), device)
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
    """Measure an iteration with other networks, penalties and precisions, each compared with a simpler one."""
    n = arguments.iterations
    share = {"model=mlp": 1.0, "experiment=dcgan": 0.2, "experiment=r3gan": 0.1}  # of the iterations, as they are slow
    full = "trainer.precision=32-true"
    relativistic = "objective=relativistic regularizer=r1_r2"
    baselines = {  # what each is compared with
        "model=mlp": None,
        "model=mlp regularizer=r1_r2": "model=mlp",
        f"experiment=dcgan {full}": None,
        "experiment=dcgan": f"experiment=dcgan {full}",
        f"experiment=dcgan {relativistic} {full}": f"experiment=dcgan {full}",
        f"experiment=dcgan {relativistic}": "experiment=dcgan",
        f"experiment=r3gan {full}": None,
        "experiment=r3gan": f"experiment=r3gan {full}",
    }
    measured = measure_in_rounds(
        {name: measure_run(int(n * share[name.split()[0]]), arguments.threads, *name.split()) for name in baselines},
        arguments.rounds,
    )
    return [
        row_of_times(name, times)
        | ({"compared with": to, "ratio": median_and_range(ratios(times, measured[to]))} if to else {})
        for (name, times), to in zip(measured.items(), baselines.values(), strict=True)
    ]


def scaling(arguments: argparse.Namespace) -> list[Row]:
    """Measure images per second of model=mlp, by batch size, width and threads."""
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
    for runs, name in ((1, "a run alone"), (2, "two runs at once")):
        rows.append(
            {
                "batch": BATCH_SIZE,
                "width": f"×1, {name}",
                "1 thread(s)": f"{concurrent_throughput(runs, arguments):,.0f}",
            }
        )
    return rows


def processes(arguments: argparse.Namespace) -> list[Row]:
    """Measure a run of model=mlp in one process, and in several with one thread each that share every batch."""
    n = max(arguments.threads, 2)
    rows = []
    for batch_size in (256, 1024):
        batch, iterations = f"data.batch_size={batch_size}", max(arguments.iterations * 256 // batch_size, 3)
        several = ("trainer=ddp_cpu", f"trainer.devices={n}")
        contestants = {
            "1 process, 1 thread": measure_run(iterations, 1, "trainer=cpu", batch),
            f"1 process, {n} threads": measure_run(iterations, n, "trainer=cpu", batch),
            f"{n} processes, 1 thread each": measure_run(iterations, 1, *several, batch),
        }
        measured = measure_in_rounds(contestants, arguments.rounds)
        one, threads, _ = measured.values()
        for name, times in measured.items():
            speed = f"{batch_size / statistics.median(times):,.0f}"
            row: Row = {"batch": batch_size, "": name, "images/s": speed, "_seconds": list(times)}
            if times is not one:
                row["efficiency"] = median_and_range([ratio / n for ratio in ratios(one, times)])
                row["ratio to threads"] = median_and_range(ratios(threads, times))
            rows.append(row)
    return rows


def concurrent_throughput(runs: int, arguments: argparse.Namespace) -> float:
    """Measure images per second of several concurrent runs together, with one thread each."""
    with ThreadPoolExecutor(runs) as pool:
        measured = [pool.submit(seconds_per_iteration, [], 4 * arguments.iterations, 1) for _ in range(runs)]
        return sum(BATCH_SIZE / seconds.result() for seconds in measured)


def measure_loop(
    step: loops.Step, iterations: int, device: torch.device, published: bool = False, warm_up: int = 10
) -> Measure:
    """Return a measurement of a loop in this process.

    Args:
        step: one iteration of the loop.
        iterations: number of iterations to measure.
        device: device that computes them.
        published: True to compute with denormal numbers, as torch does by default and runs do not.
        warm_up: number of iterations before the measured ones.
    """

    def measure() -> float:
        torch.set_flush_denormal(not published)
        for _ in range(warm_up):
            step()
        synchronize(device)
        start = time.perf_counter()
        for _ in range(iterations):
            step()
        synchronize(device)
        return (time.perf_counter() - start) / iterations

    return measure


def measure_run(iterations: int, threads: int, *overrides: str, warm_up: int = WARM_UP) -> Measure:
    """Return a measurement of ``python train.py`` with these overrides, in a process of its own."""
    return lambda: seconds_per_iteration(overrides, iterations, threads, warm_up)


def measure_in_rounds(contestants: dict[str, Measure], rounds: int) -> dict[str, list[float]]:
    """Return the seconds per iteration of each contestant in each round.

    A round measures each contestant once, so that other work on the machine affects all of them alike.
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for i in range(rounds):
        for name, measure in contestants.items():
            print(f"round {i + 1} of {rounds}: {name}", file=sys.stderr)
            times[name].append(measure())
    return times


def row_of_times(name: str, times: Sequence[float]) -> Row:
    return {"": name, "ms": median_and_range([1000 * seconds for seconds in times], digits=1), "_seconds": list(times)}
