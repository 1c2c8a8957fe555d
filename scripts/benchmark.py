"""How fast training is on this machine, and how fast it could be.

    python scripts/benchmark.py quality       samples of the article's code and of ours over time; 95 minutes,
                                              9 with `--minutes 4 --epochs 4 --seeds 1 --recipes experiment=best`
    python scripts/benchmark.py step          an iteration of the article's GAN: as published, by hand, ours; 8 minutes
    python scripts/benchmark.py networks      other networks, penalties and precisions; 4 minutes
    python scripts/benchmark.py scaling       batch sizes, widths, threads, processes; 6 minutes
    python scripts/benchmark.py processes     one run in one process and in two; 20 minutes
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
import re
import time
from collections.abc import Callable
from pathlib import Path

import torch
from benchmarks import costs, speed
from benchmarks import quality as measured
from benchmarks.data import data_root
from benchmarks.pages import replace_part
from benchmarks.tables import Row
from PIL import Image

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser
from gan_lightning.errors import UserError, exit_with_error
from gan_lightning.files import write_json
from gan_lightning.runs.manifest import processor
from gan_lightning.system import interrupts
from gan_lightning.tables import markdown

RECIPES = ["experiment=best", "experiment=best_conditional"]
BEGUN = time.monotonic()


@command
def main() -> None:
    interrupts.raise_on_signals()
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
            arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    except UserError as error:
        exit_with_error(error, debug=False)


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the processor (all)")
    common.add_argument("--json", type=Path, help="file for all that was measured")
    common.add_argument("--page", type=Path, help="Markdown page to put the table into")
    whole = Parser(description=__doc__)
    commands = whole.add_subparsers(dest="what", required=True, metavar="WHAT", help="what to measure, see above")
    for name, measure in COMMANDS.items():
        command = commands.add_parser(name, parents=[common], description=measure.__doc__)
        if measure is quality:
            command.add_argument("--recipes", nargs="+", default=RECIPES, help=f"of ours ({' '.join(RECIPES)})")
            command.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of ours (1 2 3)")
            command.add_argument("--epochs", type=int, default=100, help="of the article's code (100)")
            command.add_argument("--minutes", type=float, default=math.inf, help="at most, of each of ours (no limit)")
            command.add_argument("--folder", type=Path, default=Path("outputs/quality"), help="for runs and pictures")
        else:
            command.add_argument("--rounds", type=int, default=5, help="times that each has its turn (5)")
            command.add_argument(
                "--iterations", type=int, default=200, help="in a turn (200; ours in `step` has 4 times as many)"
            )
    return whole


def quality(arguments: argparse.Namespace) -> list[Row]:
    """The Fréchet distance of samples over time; points.json and pictures of curves and samples in the folder."""
    folder = arguments.folder
    if folder.exists():
        raise UserError(f"--folder {folder}: exists already: take another")
    evaluator = measured.evaluator(data_root())
    article = measured.article(data_root(), folder / "article", 1, arguments.epochs)
    ours = {}
    for recipe in arguments.recipes:
        name = re.sub(r"[^\w.-]+", "_", recipe.removeprefix("experiment="))
        runs = {seed: folder / name / f"{seed}" for seed in arguments.seeds}
        ours |= {run: measured.ours(recipe, seed, run, 60 * arguments.minutes) for seed, run in runs.items()}
    contestants = [article, *ours.values()]
    measured.compete(contestants, arguments.threads)
    points = {one.name: one.points(evaluator) for one in contestants}
    for run, contestant in ours.items():
        measured.leave_out_pauses(run, contestant.seconds)
    write_json(folder / "points.json", measured.record(points))
    Image.fromarray(measured.curves(points)).save(folder / "distance.png")
    Image.fromarray(measured.samples(contestants, points)).save(folder / "samples.png")
    return measured.table(points)


COMMANDS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "quality": quality,
    "step": speed.step,
    "networks": speed.networks,
    "scaling": speed.scaling,
    "processes": speed.processes,
    "startup": costs.startup,
    "memory": costs.memory,
    "evaluation": costs.evaluation,
    "profile": costs.where,
}


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


if __name__ == "__main__":
    main()
