"""Play how generated works are owned, licensed and traded, on an embedded chain in outputs/market.

    python scripts/market/play.py

Trains a model first if there is none (about a minute). The scenes are played anew each time, in outputs/market/scenes,
which then holds the chain, the ledgers and all files. A table at the end says who paid what to whom, from the events of
the contract; the exit code is 1 if its sums disagree.
"""

import os
import shutil
from pathlib import Path

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser

ROOT = Path(__file__).resolve().parents[2]


@command
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs" / "market", help="folder (outputs/market)")
    folder = parser.parse_args().folder.resolve()

    import money  # slow to import
    import scenes
    import stage

    from gan_lightning.system import interrupts

    interrupts.raise_on_signals()
    if not (folder / "model" / "checkpoints" / "last.ckpt").is_file():
        stage.run_script("train.py", "experiment=quickstart", f"hydra.run.dir={folder / 'model'}")
    shutil.rmtree(folder / "scenes", ignore_errors=True)
    (folder / "scenes").mkdir(parents=True)
    os.chdir(folder / "scenes")
    scenes.prepare()
    for scene in scenes.SCENES:
        title, _, text = (scene.__doc__ or "").partition("\n\n")
        print(f"\n## {title}\n")
        if text:
            print(f"{' '.join(text.split())}\n")
        scene()
    print("\n## What everybody has earned is paid out\n")
    names = scenes.pay_out()
    table, agrees = money.describe(stage.client(), names)
    print(f"\n{table}")
    raise SystemExit(not agrees)


if __name__ == "__main__":
    main()
