"""Measure the speed of training on this machine and the quality of samples, and compare with the article's code.

    python scripts/benchmark.py step --rounds 3
    python scripts/benchmark.py step --page docs/benchmarks.md        writes the table into the page
    python scripts/benchmark.py quality --minutes 4 --epochs 4 --seeds 1 --recipes experiment=best        9 minutes

Each round measures every contestant once, so that other work on the machine affects all of them alike. Times are
medians of the rounds, with the fastest and the slowest in brackets. MNIST must be in the folder GAN_DATA_DIR.
"""

import argparse
import importlib
import json
import math
import os
import time
from pathlib import Path

from benchmarks.pages import replace_part

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser

RECIPES = ["experiment=best", "experiment=best_conditional"]
# Name of each benchmark: the module that has a function of this name, and the description in --help.
BENCHMARKS = {
    "quality": ("quality", "distance of samples over training time, article's code and recipes; 95 minutes"),
    "step": ("speed", "an iteration of the article's GAN: as published, by hand, in runs; 8 minutes"),
    "networks": ("speed", "an iteration with other networks, penalties and precisions; 4 minutes"),
    "styles": ("styles", "an iteration of networks with styles, by hand and in runs, by image size; 7 minutes"),
    "scaling": ("speed", "images per second by batch size, width, threads and concurrent runs; 6 minutes"),
    "processes": ("speed", "a run in one process and in several; 20 minutes"),
    "startup": ("costs", "time until --help, the first iteration and the demo's first image; 1 minute"),
    "memory": ("costs", "peak memory of runs, and of the imports alone; 1 minute"),
    "evaluation": ("costs", "all metrics of 10,000 samples; 1 minute"),
    "studio": ("studio", "the studio: start, walks, and 50 visitors at once; 3 minutes"),
    "profile": ("profile", "time of each kind of operation in an iteration; 1 minute"),
}
START = time.monotonic()


@command
def main() -> None:
    arguments = parser().parse_args()

    import torch  # slow to import, like the modules below

    from gan_lightning.system import interrupts
    from gan_lightning.tables import markdown

    module = importlib.import_module(f"benchmarks.{BENCHMARKS[arguments.benchmark][0]}")
    interrupts.raise_on_signals()
    if arguments.threads is None:
        arguments.threads = torch.get_num_threads()
    torch.set_num_threads(arguments.threads)
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)  # for the processes it starts
    rows = getattr(module, arguments.benchmark)(arguments)
    columns = list(dict.fromkeys(column for row in rows for column in row if not column.startswith("_")))
    text = f"{markdown(columns, rows)}\n\n{footnote(arguments)}\n"
    print(text)
    if arguments.page:
        replace_part(arguments.page, f"{arguments.benchmark} {arguments.threads}", text)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--threads", type=int, help="number of threads of the processor (all)")
    common.add_argument("--json", type=Path, help="JSON file to write all measurements to")
    common.add_argument("--page", type=Path, help="Markdown page to write the table into")
    parser = Parser(description=__doc__)
    benchmarks = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    for name, (_, description) in BENCHMARKS.items():
        options = benchmarks.add_parser(name, parents=[common], help=description, description=description)
        if name == "quality":
            options.add_argument(
                "--recipes", nargs="+", default=RECIPES, help=f"recipes to train ({' '.join(RECIPES)})"
            )
            options.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="seeds of each recipe (1 2 3)")
            options.add_argument("--epochs", type=int, default=100, help="epochs of the article's code (100)")
            options.add_argument("--minutes", type=float, default=math.inf, help="time limit of each recipe (none)")
            options.add_argument(
                "--folder", type=Path, default=Path("outputs/quality"), help="new folder for runs and plots"
            )
        else:
            options.add_argument("--rounds", type=int, default=5, help="number of measurements of each contestant (5)")
            options.add_argument(
                "--iterations",
                type=int,
                default=200,
                help="iterations in a measurement (200; for runs in `step`, 4 times as many)",
            )
    return parser


def footnote(arguments: argparse.Namespace) -> str:
    """Return the command line, the machine and the duration, for the line below the table."""
    import torch

    from gan_lightning.runs.manifest import processor

    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    not_shown = {"benchmark", "json", "page", "folder"}
    settings = " ".join(
        f"--{name} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in vars(arguments).items()
        if name not in not_shown and value != math.inf
    )
    minutes = (time.monotonic() - START) / 60
    return (
        f"`python scripts/benchmark.py {arguments.benchmark} {settings}`: {processor()}{device}, "
        f"{os.cpu_count()} processors, PyTorch {torch.__version__}, {minutes:.1f} minutes."
    )


if __name__ == "__main__":
    main()
