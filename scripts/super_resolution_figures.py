"""Write the table and the pictures of docs/how-to/super_resolution.md, about runs of scripts/super_resolution.sh.

    python scripts/super_resolution_figures.py outputs/super_resolution/*

Takes a minute on a core.
"""

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from benchmarks.pages import replace_part
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from gan_lightning.algorithms.pretrained_gan import PretrainedGAN
from gan_lightning.data.photos import SamplePhotos
from gan_lightning.metrics.evaluator import Metrics, evaluator_of
from gan_lightning.metrics.super_resolution import SuperResolutionEvaluator
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.tables import markdown

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "how-to" / "super_resolution.md"
SHARES = [0, 0.2, 0.4, 0.6, 0.8, 1]  # of the second stage, in the blend
DETAILS = {"china": (100, 30), "flower": (170, 20)}  # top and left corner of the details in the picture
SIDE = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="+", help="folder of a finished run")
    runs = [load(str(run)) for run in parser.parse_args().run]
    evaluator = prepared(runs[0])
    values = {share: [evaluator(evaluator.enlarge(stages(run).blended(share))) for run in runs] for share in SHARES}
    replace_part(PAGE, "table", table(evaluator, values))
    replace_part(PAGE, "durations", durations(runs))
    draw_curve(evaluator, values).savefig(DOCS / "blend.png", dpi=100)
    draw_details(stages(runs[0])).save(DOCS / "super_resolution.png")


def stages(run: Trained) -> PretrainedGAN:
    assert isinstance(run.model, PretrainedGAN)
    return run.model


def prepared(run: Trained) -> SuperResolutionEvaluator:
    """Return the evaluator of a run, with its test photos."""
    evaluator = evaluator_of(run.data)
    assert isinstance(evaluator, SuperResolutionEvaluator)
    run.data.setup("test")
    evaluator.prepare(run.data)
    return evaluator


def table(evaluator: SuperResolutionEvaluator, values: Mapping[float, Sequence[Metrics]]) -> str:
    """Return a table of the baselines and of each blend, with means and standard deviations over the runs."""
    names = [metric.name for metric in evaluator.metrics]
    titles = {0: "first stage: L1", 1: "second stage: GAN"}
    rows = [{"": name} | metrics for name, metrics in evaluator.baseline_metrics().items()]
    for share, over_runs in values.items():
        cells = {name: cell([metrics[name] for metrics in over_runs]) for name in names}
        rows.append({"": titles.get(share, f"`blend={share}`")} | cells)
    return markdown(["", *names], rows)


def cell(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.4g}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.1g}"


def durations(runs: Sequence[Trained]) -> str:
    """Return a sentence about how long the runs took."""
    minutes = [json.loads((run.run_dir / "manifest.json").read_text())["duration_seconds"] / 60 for run in runs]
    return f"Each run took {min(minutes):.0f} to {max(minutes):.0f} minutes."


def draw_curve(evaluator: SuperResolutionEvaluator, values: Mapping[float, Sequence[Metrics]]) -> Figure:
    """Draw fidelity against perceptual distance, of the blends and of the baselines."""
    figure = Figure((6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel=f"{evaluator.psnr_y} (dB)", ylabel="st_lpips (lower is better)")
    points = np.array(
        [
            [statistics.mean(one[name] for one in over_runs) for name in (evaluator.psnr_y, "st_lpips")]
            for over_runs in values.values()
        ]
    )
    axes.plot(*points.T, "o-", label="blend of both stages")
    for share, point in zip(values, points, strict=True):
        axes.annotate(f"{share}", point, textcoords="offset points", xytext=(5, 5))
    for name, metrics in evaluator.baseline_metrics().items():
        axes.plot(metrics[evaluator.psnr_y], metrics["st_lpips"], "s", label=name)
    axes.legend()
    return figure


def draw_details(model: PretrainedGAN) -> Image.Image:
    """Draw details of scikit-learn's photos: pixels, bicubic resizing, both stages, and the truth."""
    data = SamplePhotos(scale=4, channels=3, region=32, crop=16, crops_per_region=1, batch_size=1, seed=0)
    data.setup("fit")
    data.setup("test")
    evaluator = SuperResolutionEvaluator(4)
    evaluator.prepare(data)
    networks: list[nn.Module] = [model.blended(0), model.blended(1)]
    enlarged = [evaluator.baselines()["bicubic"], *map(evaluator.enlarge, networks)]
    rows = []
    for photo in data.test_photos:
        pixels = photo.low.repeat_interleave(4, 1).repeat_interleave(4, 2)
        images = [pixels, *(one[photo.name][0] for one in enlarged if isinstance(one, dict)), photo.high]
        top, left = DETAILS[photo.name]
        parts = [image[:, top : top + SIDE, left : left + SIDE].permute(1, 2, 0).numpy() for image in images]
        rows.append(np.concatenate(parts, 1))
    return Image.fromarray(np.concatenate(rows))


if __name__ == "__main__":
    main()
