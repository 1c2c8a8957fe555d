"""How fast training is on this machine, and how fast it could be.

    python scripts/benchmark.py quality       samples of the article's code and of ours over time; 95 minutes,
                                              9 with `--minutes 4 --seeds 1 --recipes experiment=best`
    python scripts/benchmark.py step          an iteration of the article's GAN: as published, by hand, ours; 8 minutes
    python scripts/benchmark.py networks      other networks, penalties and precisions; 4 minutes
    python scripts/benchmark.py scaling       batch sizes, widths, threads, processes; 6 minutes
    python scripts/benchmark.py startup       --help, the first iteration, the demo's first picture; 1 minute
    python scripts/benchmark.py memory        above what the framework itself takes; 1 minute
    python scripts/benchmark.py evaluation    all metrics of 10,000 samples; 1 minute
    python scripts/benchmark.py profile       where the time of an iteration goes; 1 minute

Contestants take turns, so that a machine with other work treats them alike; times are medians of the rounds, in
brackets the fastest and the slowest. --page docs/benchmarks.md puts the table into the page. MNIST must be there:
GAN_DATA_DIR.
"""

import argparse
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from gan_lightning.benchmarks import limits, loops
from gan_lightning.benchmarks.profile import profile
from gan_lightning.benchmarks.runs import TRAIN, seconds_per_iteration, synchronize
from gan_lightning.errors import UserError, fail
from gan_lightning.manifest import processor
from gan_lightning.pages import replace_part
from gan_lightning.runs import write_json
from gan_lightning.sweep import markdown

BATCH_SIZE = 64
RECIPES = ["experiment=best", "experiment=best_conditional"]
BEGUN = time.monotonic()

Row = dict[str, Any]
Contestants = dict[str, Callable[[], float]]  # name to what measures seconds an iteration


def main() -> None:
    arguments = parser().parse_args()
    torch.set_num_threads(arguments.threads)
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)  # of the processes that are started
    try:
        rows = COMMANDS[arguments.what](arguments)
        columns = list(dict.fromkeys(column for row in rows for column in row if not column.startswith("_")))
        text = f"{markdown(columns, rows)}\n\n{circumstances(arguments)}\n"
        print(text)
        if arguments.page:
            replace_part(arguments.page, f"{arguments.what} {arguments.threads}", text)
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
    except UserError as error:
        fail(error, debug=False)


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the processor (all)")
    common.add_argument("--json", type=Path, help="file for all that was measured")
    common.add_argument("--page", type=Path, help="Markdown page to put the table into")
    whole = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = whole.add_subparsers(dest="what", required=True, metavar="WHAT", help="what to measure, see above")
    for name, measure in COMMANDS.items():
        command = commands.add_parser(name, parents=[common], description=measure.__doc__)
        if measure is quality:
            command.add_argument("--recipes", nargs="+", default=RECIPES, help=f"of ours ({' '.join(RECIPES)})")
            command.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of ours (1 2 3)")
            command.add_argument("--epochs", type=int, default=100, help="of the article's code (100)")
            command.add_argument("--minutes", type=float, default=math.inf, help="at most, of each one (no limit)")
            command.add_argument("--folder", type=Path, default=Path("outputs/quality"), help="for runs and pictures")
        else:
            command.add_argument("--rounds", type=int, default=5, help="times that each has its turn (5)")
            command.add_argument(
                "--iterations", type=int, default=200, help="in a turn (200; ours in `step` has 4 times as many)"
            )
    return whole


def quality(arguments: argparse.Namespace) -> list[Row]:
    """The Fréchet distance of samples over time; points.json and pictures of curves and samples in the folder."""
    from gan_lightning.benchmarks import quality as measured

    folder = arguments.folder
    if folder.exists():
        raise UserError(f"--folder {folder}: exists already: take another")
    reference = measured.reference(data_root())
    article = measured.article(data_root(), folder / "article", 1, arguments.epochs)
    ours = {}
    for recipe in arguments.recipes:
        name = re.sub(r"[^\w.-]+", "_", recipe.removeprefix("experiment="))
        runs = {seed: folder / name / f"{seed}" for seed in arguments.seeds}
        ours |= {run: measured.ours(recipe, seed, run) for seed, run in runs.items()}
    contestants = [article, *ours.values()]
    measured.compete(contestants, 60 * arguments.minutes, arguments.threads)
    points = {one.name: one.judge(reference) for one in contestants}
    for run, contestant in ours.items():
        measured.leave_out_pauses(run, contestant.seconds)
    write_json(folder / "points.json", measured.record(points))
    Image.fromarray(measured.curves(points)).save(folder / "distance.png")
    Image.fromarray(measured.samples(contestants, points)).save(folder / "samples.png")
    return measured.table(points)


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
    share = {"mlp": 1.0, "dcgan": 0.2, "resnet": 0.1}  # of the iterations
    full = "trainer.precision=32-true"
    compared = {
        "mlp": None,
        "mlp regularizer=r1_r2": "mlp",
        f"dcgan {full}": None,
        "dcgan": f"dcgan {full}",
        f"dcgan objective=relativistic regularizer=r1_r2 {full}": f"dcgan {full}",
        "dcgan objective=relativistic regularizer=r1_r2": "dcgan",
        f"resnet {full}": None,
        "resnet": f"resnet {full}",
    }
    measured = interleaved(
        {name: ours(int(n * share[name.split()[0]]), arguments.threads, *f"model={name}".split()) for name in compared},
        arguments.rounds,
    )
    return [
        timed(f"model={name}", times) | {"of": f"model={to}", "ratio": spread(ratios(times, measured[to]))}
        if to
        else timed(f"model={name}", times)
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


def at_once(processes: int, arguments: argparse.Namespace) -> float:
    """Images a second, together, of so many runs of one thread each."""
    with ThreadPoolExecutor(processes) as pool:
        runs = [pool.submit(seconds_per_iteration, [], 4 * arguments.iterations, 1) for _ in range(processes)]
        return sum(BATCH_SIZE / one.result() for one in runs)


def startup(arguments: argparse.Namespace) -> list[Row]:
    """Seconds after the command."""
    times: dict[str, list[float]] = {name: [] for name in ("--help", "first iteration", "first picture of the demo")}
    first = "+callbacks.first._target_=gan_lightning.benchmarks.runs.FirstStep"
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
    for name in ("model=mlp", "model=dcgan", "model=resnet"):
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
    """All metrics of 10,000 pictures (the training set's first) against the test split."""
    from gan_lightning.benchmarks.quality import mnist
    from gan_lightning.metrics.choice import choose
    from gan_lightning.metrics.suite import Reference, View

    data = mnist(data_root())
    extractor = choose("auto", data)
    times: dict[str, list[float]] = {"real pictures, once": [], "10,000 samples": []}
    for _ in range(arguments.rounds):
        begin = time.perf_counter()
        reference = Reference(data, extractor, 10_000, split="test")
        list(reference.floor())
        times["real pictures, once"].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        list(reference.judge(View(data.images[:10_000], extractor)))
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


COMMANDS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "quality": quality, "step": step, "networks": networks, "scaling": scaling, "startup": startup, "memory": memory,
    "evaluation": evaluation, "profile": where,
}  # fmt: skip


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


def in_seconds(times: dict[str, list[float]]) -> list[Row]:
    return [{"": name, "seconds": spread(one)} for name, one in times.items()]


def ratios(these: Sequence[float], those: Sequence[float]) -> list[float]:
    """Round by round."""
    return [this / that for this, that in zip(these, those, strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, and in brackets the least and the largest."""
    return f"{statistics.median(values):.2f} ({min(values):.{digits}f} … {max(values):.{digits}f})"


def circumstances(arguments: argparse.Namespace) -> str:
    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    not_settings = {"what", "json", "page", "folder"}
    settings = " ".join(
        f"--{name} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in vars(arguments).items()
        if name not in not_settings and value != math.inf
    )
    minutes = (time.monotonic() - BEGUN) / 60
    return (
        f"`python scripts/benchmark.py {arguments.what} {settings}`: {processor()}{device}, "
        f"{os.cpu_count()} processors, PyTorch {torch.__version__}, {minutes:.1f} minutes."
    )


def data_root() -> Path:
    return Path(os.environ.get("GAN_DATA_DIR", "data"))


def training_images(root: Path) -> torch.Tensor:
    """(60000, 784) uint8"""
    from torchvision.datasets import MNIST

    try:
        return MNIST(str(root)).data.flatten(1)
    except RuntimeError as error:
        raise UserError(f"{root}: no MNIST: set GAN_DATA_DIR to the folder that holds MNIST/raw") from error


if __name__ == "__main__":
    main()
