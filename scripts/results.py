"""The figures of runs for docs/benchmarks.md: how the first article's GAN fares, epoch by epoch.

    python train.py experiment=article seed=1 hydra.run.dir=outputs/article/seed1
    python train.py experiment=article seed=2 trainer.max_epochs=20 hydra.run.dir=outputs/article/seed2
    python train.py experiment=article seed=3 trainer.max_epochs=20 hydra.run.dir=outputs/article/seed3
    python scripts/evaluate.py 'checkpoint=[outputs/article/seed1/checkpoints,outputs/article/seed2/checkpoints,\
outputs/article/seed3/checkpoints]'
    python scripts/results.py outputs/article/seed1 outputs/article/seed2 outputs/article/seed3 \
--page docs/benchmarks.md
    python scripts/results.py outputs/article/seed1 --picture docs/evaluation.png
"""

import json
import re
import statistics
from pathlib import Path
from typing import Any

from benchmarks.pages import replace_part
from PIL import Image, ImageOps

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser
from gan_lightning.tables import markdown

# What the page tells of in words: the headline metrics of one data set, and how modes are lost.
METRICS = ("fcd", "precision", "recall", "coverage", "class_kl", "modes", "duplicate_rate", "frechet_random_conv")
TEXT = """```bash
{commands}
```

{judged}

Fréchet classifier distance to the test set, each seed's mean ± standard deviation over {draws} draws of samples:

{distances}

Mean over the seeds ± standard deviation where there are several; the last row is what as many other real pictures have:

{figures}

{machine}
"""


@command
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("run", nargs="+", type=Path, help="folder of a run whose checkpoints have been evaluated")
    parser.add_argument("--picture", type=Path, help="write the first run's pictures after 20 epochs, side by side")
    parser.add_argument("--page", type=Path, help="Markdown file to put the figures into")
    parser.add_argument("--note", default="", help="a line on the circumstances, for the end of the page")
    arguments = parser.parse_args()
    if arguments.picture:
        side_by_side(arguments.run[0] / "evaluation" / "epoch_0020").save(arguments.picture)
    else:
        text = figures([Run(folder) for folder in arguments.run], arguments.note)
        if arguments.page:
            replace_part(arguments.page, "article", text)
        else:
            print(text)


def figures(runs: "list[Run]", note: str) -> str:
    epochs = sorted({epoch for run in runs for epoch in run.figures})
    one = runs[0].evaluations[0]
    extractor = one["extractor"]
    return TEXT.format(
        commands=(__doc__ or "").partition("\n\n")[2].replace("    python", "python").strip(),
        judged=(
            f"{one['n']:,} samples against {one['reference']['n']:,} real pictures "
            f"({one['reference']['split']} split), features of `{extractor['name']}` "
            f"({float(extractor['accuracy']):.2%} on the test pictures, SHA-256 `{extractor['sha256'][:16]}…`)."
        ),
        draws=len(one["seeds"]),
        distances=markdown(
            ["epochs", *(run.name for run in runs)],
            [{"epochs": epoch} | {run.name: run.distance(epoch) for run in runs} for epoch in epochs],
        ),
        figures=markdown(
            ["epochs", "seeds", *METRICS],
            [row(epoch, runs) for epoch in epochs] + [{"epochs": "real data"} | one["floor"]],
        ),
        machine="\n".join(f"* {run.name}: {run.circumstances}." for run in runs) + f"\n\n{note}",
    ).strip()


class Run:
    """A run's manifest, and the figures of its checkpoints by epoch."""

    def __init__(self, folder: Path) -> None:
        self.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self.name = f"seed {self.manifest['seed']}"
        by_name = {
            path.parent.name: json.loads(path.read_text(encoding="utf-8"))
            for path in folder.glob("evaluation/*/metrics.json")
        }
        self.figures: dict[int, dict[str, Any]] = {
            int(found[1]): content["generators"]["raw"]
            for name, content in by_name.items()
            if (found := re.fullmatch(r"epoch_(\d+)", name))
        }
        self.evaluations = list(by_name.values())

    @property
    def circumstances(self) -> str:
        hardware, epochs = self.manifest["hardware"], self.manifest["config"]["trainer"]["max_epochs"]
        return (
            f"{epochs} epochs in {self.manifest['duration_seconds'] / 60:.0f} minutes "
            f"with {hardware['threads']} thread(s) of {hardware['processor']}, "
            f"PyTorch {self.manifest['packages']['torch']}, revision `{self.manifest['git']['revision'][:12]}`"
        )

    def distance(self, epoch: int) -> str:
        if epoch not in self.figures:
            return ""
        figure = self.figures[epoch]["fcd"]
        return f"{figure['mean']:.4g} ± {figure['sd']:.2g}" if figure["sd"] is not None else f"{figure['mean']:.4g}"


def side_by_side(folder: Path) -> Image.Image:
    """What an evaluation shows: nearest training pictures, classes, precision and recall."""
    pictures = [Image.open(folder / f"{name}.png") for name in ("nearest_training", "classes", "precision_recall")]
    height = min(picture.height for picture in pictures)
    scaled = [ImageOps.scale(picture, height / picture.height) for picture in pictures]
    sheet = Image.new("RGB", (sum(picture.width for picture in scaled), height), "white")
    for i, picture in enumerate(scaled):
        sheet.paste(picture, (sum(earlier.width for earlier in scaled[:i]), 0))
    return sheet


def row(epoch: int, runs: list[Run]) -> dict[str, Any]:
    """Mean and spread over the runs that have the epoch."""
    found = [run.figures[epoch] for run in runs if epoch in run.figures]
    cells: dict[str, Any] = {"epochs": epoch, "seeds": len(found)}
    for name in METRICS:
        values = [figures[name]["mean"] for figures in found]
        mean = f"{statistics.mean(values):.3g}"
        cells[name] = mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.2g}"
    return cells


if __name__ == "__main__":
    main()
