"""Kill runs at random moments, resume them until they finish, and compare them with uninterrupted runs.

    python scripts/kills.py --kills 200 --page docs/reliability.md

SIGKILL, SIGTERM and SIGINT are sent some milliseconds after the start of a random iteration, whatever the run then
does. Weights, averages, optimizers, metrics.json and all logged scalars are compared bit for bit. Exit code 1 if any
differ.
"""

import sys
import tempfile
import time
from pathlib import Path

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser


@command
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="least number of kills (200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the iterations, signals and delays (0)")
    parser.add_argument("--page", type=Path, help="Markdown page to write the table into")
    arguments = parser.parse_args()

    import torch  # slow to import, like the modules below
    from benchmarks import kills
    from benchmarks.pages import replace_part

    from gan_lightning.runs.manifest import processor
    from gan_lightning.system import interrupts
    from gan_lightning.tables import markdown

    interrupts.raise_on_signals()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        campaign = kills.run_campaign(Path(folder), arguments.kills, arguments.seed)
    rows = kills.table(campaign)
    text = (
        f"{markdown(list(rows[0]), rows)}\n\n"
        f"`python scripts/kills.py --kills {arguments.kills} --seed {arguments.seed}`: {processor()}, one thread, "
        f"PyTorch {torch.__version__}, {(time.monotonic() - start) / 60:.1f} minutes; a checkpoint every "
        f"{kills.INTERVAL} iterations.\n"
    )
    print(text)
    if arguments.page:
        replace_part(arguments.page, "kills", text)
    sys.exit(any(run.differences for runs in campaign.values() for run in runs))


if __name__ == "__main__":
    main()
