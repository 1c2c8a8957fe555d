"""Kills runs at random and resumes them, until they come to their end, which must be that of a run left alone.

    python scripts/kills.py --kills 200 --page docs/reliability.md

SIGKILL, SIGTERM and SIGINT come some milliseconds after a random iteration has begun, whatever the run does then.
Weights, averages, optimizers, metrics.json and all scalars on the dashboard are compared bit by bit. Exit code 1 if any
differ.
"""

import sys
import tempfile
import time
from pathlib import Path

import torch
from benchmarks import kills
from benchmarks.pages import replace_part

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser
from gan_lightning.runs.manifest import processor
from gan_lightning.system import interrupts
from gan_lightning.tables import markdown


@command
def main() -> None:
    interrupts.raise_on_signals()
    parser = Parser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at least (200)")
    parser.add_argument("--seed", type=int, default=0, help="of iterations, signals and delays (0)")
    parser.add_argument("--page", type=Path, help="Markdown page to put the table into")
    arguments = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trials = kills.campaign(Path(folder), arguments.kills, arguments.seed)
    rows = kills.table(trials)
    text = (
        f"{markdown(list(rows[0]), rows)}\n\n"
        f"`python scripts/kills.py --kills {arguments.kills} --seed {arguments.seed}`: {processor()}, one thread, "
        f"PyTorch {torch.__version__}, {(time.monotonic() - begin) / 60:.1f} minutes; a checkpoint every "
        f"{kills.INTERVAL} iterations.\n"
    )
    print(text)
    if arguments.page:
        replace_part(arguments.page, "kills", text)
    sys.exit(any(trial.differences for many in trials.values() for trial in many))


if __name__ == "__main__":
    main()
