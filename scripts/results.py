"""Write the metrics of the first article's GAN, epoch by epoch, into docs/benchmarks.md.

    python train.py experiment=article seed=1 hydra.run.dir=outputs/article/seed1
    python train.py experiment=article seed=2 trainer.max_epochs=20 hydra.run.dir=outputs/article/seed2
    python train.py experiment=article seed=3 trainer.max_epochs=20 hydra.run.dir=outputs/article/seed3
    python scripts/evaluate.py 'checkpoint=[outputs/article/seed1/checkpoints,outputs/article/seed2/checkpoints,\
outputs/article/seed3/checkpoints]'
    python scripts/results.py outputs/article/seed1 outputs/article/seed2 outputs/article/seed3 \
--page docs/benchmarks.md
    python scripts/results.py outputs/article/seed1 --plot docs/evaluation.png
"""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.pages import replace_part
from PIL import Image, ImageOps

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser
from gan_lightning.tables import markdown, mean_and_deviation

# Metrics that the page discusses.
METRICS = ("fcd", "precision", "recall", "coverage", "class_kl", "modes", "duplicate_rate", "frechet_random_conv")
TEXT = """```bash
{commands}
```

{evaluation}

Fréchet classifier distance to the test set, each seed's mean ± standard deviation over {draws} draws of samples:

{distances}

Mean over the seeds ± standard deviation where there are several; the last row is the floor, the values of as many \
other real images:

{metrics}

{runs}
"""


@command
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("run", nargs="+", type=Path, help="folder of a run whose checkpoints have been evaluated")
    parser.add_argument(
        "--plot", type=Path, help="write the evaluation images of the first run after 20 epochs, side by side"
    )
    parser.add_argument("--page", type=Path, help="Markdown page to write the tables into")
    parser.add_argument("--note", default="", help="sentence to write below the tables")
    arguments = parser.parse_args()
    if arguments.plot:
        side_by_side(arguments.run[0] / "evaluation" / "epoch_0020").save(arguments.plot)
    else:
        text = report([Run(folder) for folder in arguments.run], arguments.note)
        if arguments.page:
            replace_part(arguments.page, "article", text)
        else:
            print(text)


def report(runs: "list[Run]", note: str) -> str:
    """Return the part of the page: commands, tables, and how long the runs took."""
    epochs = sorted({epoch for run in runs for epoch in run.metrics})
    evaluation = runs[0].evaluations[0]
    extractor = evaluation["extractor"]
    return TEXT.format(
        commands=(__doc__ or "").partition("\n\n")[2].replace("    python", "python").strip(),
        evaluation=(
            f"{evaluation['n']:,} samples against {evaluation['reference']['n']:,} real images "
            f"({evaluation['reference']['split']} split), features of `{extractor['name']}` "
            f"({float(extractor['accuracy']):.2%} on the test images, SHA-256 `{extractor['sha256'][:16]}…`)."
        ),
        draws=len(evaluation["seeds"]),
        distances=markdown(
            ["epochs", *(run.name for run in runs)],
            [{"epochs": epoch} | {run.name: run.distance(epoch) for run in runs} for epoch in epochs],
        ),
        metrics=markdown(
            ["epochs", "seeds", *METRICS],
            [row(epoch, runs) for epoch in epochs] + [{"epochs": "real data"} | evaluation["floor"]],
        ),
        runs="\n".join(f"* {run.name}: {run.description}." for run in runs) + f"\n\n{note}",
    ).strip()


class Run:
    """A run with its manifest, and the metrics of its checkpoints by epoch."""

    def __init__(self, folder: Path) -> None:
        self.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self.name = f"seed {self.manifest['seed']}"
        by_name = {
            path.parent.name: json.loads(path.read_text(encoding="utf-8"))
            for path in folder.glob("evaluation/*/metrics.json")
        }
        self.metrics: dict[int, dict[str, Any]] = {
            int(found[1]): content["generators"]["raw"]
            for name, content in by_name.items()
            if (found := re.fullmatch(r"epoch_(\d+)", name))
        }
        self.evaluations = list(by_name.values())

    @property
    def description(self) -> str:
        """Duration, machine and revision."""
        hardware, epochs = self.manifest["hardware"], self.manifest["config"]["trainer"]["max_epochs"]
        return (
            f"{epochs} epochs in {self.manifest['duration_seconds'] / 60:.0f} minutes "
            f"with {hardware['threads']} thread(s) of {hardware['processor']}, "
            f"PyTorch {self.manifest['packages']['torch']}, revision `{self.manifest['git']['revision'][:12]}`"
        )

    def distance(self, epoch: int) -> str:
        """Format the distance after an epoch; empty if it was not evaluated."""
        if epoch not in self.metrics:
            return ""
        fcd = self.metrics[epoch]["fcd"]
        return f"{fcd['mean']:.4g} ± {fcd['sd']:.2g}" if fcd["sd"] is not None else f"{fcd['mean']:.4g}"


def side_by_side(folder: Path) -> Image.Image:
    """Return three images of an evaluation as one: nearest training images, classes, precision and recall."""
    images = [Image.open(folder / f"{name}.png") for name in ("nearest_training", "classes", "precision_recall")]
    height = min(image.height for image in images)
    scaled = [ImageOps.scale(image, height / image.height) for image in images]
    sheet = Image.new("RGB", (sum(image.width for image in scaled), height), "white")
    for i, image in enumerate(scaled):
        sheet.paste(image, (sum(earlier.width for earlier in scaled[:i]), 0))
    return sheet


def row(epoch: int, runs: list[Run]) -> dict[str, Any]:
    """Return the row of an epoch: means and standard deviations over the runs that have it."""
    found = [run.metrics[epoch] for run in runs if epoch in run.metrics]
    cells: dict[str, Any] = {"epochs": epoch, "seeds": len(found)}
    for name in METRICS:
        values = [metrics[name]["mean"] for metrics in found]
        cells[name] = mean_and_deviation(values)
    return cells


if __name__ == "__main__":
    main()
