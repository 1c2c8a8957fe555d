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
import torch
from benchmarks.pages import replace_part
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

from gan_lightning.algorithms.pretrained_gan import PretrainedGAN
from gan_lightning.imaging.photo_network import eightfold
from gan_lightning.imaging.resizing import bicubic_uint8
from gan_lightning.metrics.evaluator import evaluator_of
from gan_lightning.metrics.metric import Metrics
from gan_lightning.metrics.super_resolution import SuperResolutionEvaluator
from gan_lightning.modalities.image import normalize, to_uint8
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.tables import markdown, mean_and_deviation

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "how-to" / "super_resolution.md"
SHARES = [0, 0.2, 0.4, 0.6, 0.8, 1]  # of the second stage, in the blend
DETAILS = [(130, 230), (130, 270)]  # top and left corner of the details of both photos in the picture
SIDE = 140


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="+", help="folder of a finished run")
    runs = [load(str(run)) for run in parser.parse_args().run]
    evaluator = prepared(runs[0])
    values = {share: [evaluator(evaluator.enlarge(stages(run).blended(share))) for run in runs] for share in SHARES}
    eightfold_values = [evaluator(evaluator.enlarge(Eightfold(stages(run).blended(0)))) for run in runs]
    replace_part(PAGE, "table", table(evaluator, values, eightfold_values))
    replace_part(PAGE, "durations", durations(runs))
    draw_curve(evaluator, values).savefig(DOCS / "blend.png", dpi=100)
    draw_details(stages(runs[0])).save(DOCS / "super_resolution.png")


class Eightfold(nn.Module):
    """Network that averages the results of another for the eight flips and transposes of an image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.apply_eightfold = eightfold(lambda image: network(None, image))

    def forward(self, latent: None, condition: Tensor) -> Tensor:
        return self.apply_eightfold(condition)


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


def table(
    evaluator: SuperResolutionEvaluator, values: Mapping[float, Sequence[Metrics]], eightfold_values: Sequence[Metrics]
) -> str:
    """Return a table of the baselines and of each blend, with means and standard deviations over the runs."""
    names = [metric.name for metric in evaluator.metrics]
    titles = {0: "first stage: L1", 1: "second stage: GAN"}
    rows = [{"": name} | metrics for name, metrics in evaluator.baseline_metrics().items()]
    measured = {"first stage, `ensemble=true`": eightfold_values}
    measured |= {titles.get(share, f"`blend={share}`"): over_runs for share, over_runs in values.items()}
    for title, over_runs in measured.items():
        rows.append(
            {"": title} | {name: mean_and_deviation([metrics[name] for metrics in over_runs], 4, 1) for name in names}
        )
    return markdown(["", *names], rows)


def durations(runs: Sequence[Trained]) -> str:
    """Return a sentence about how long the runs took."""
    minutes = [
        json.loads((run.run_dir / "manifest.json").read_text(encoding="utf-8"))["duration_seconds"] / 60 for run in runs
    ]
    return f"Each run took at most {max(minutes):.0f} minutes with one thread."


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
    networks = [model.blended(0), model.blended(1)]
    rows = []
    for (top, left), pixels in zip(DETAILS, load_sample_images().images, strict=True):
        high = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[:, top : top + SIDE, left : left + SIDE]
        low = bicubic_uint8(high, SIDE // 4, SIDE // 4)
        with torch.no_grad():
            enlarged = [to_uint8(network(None, normalize(low[None])))[0] for network in networks]
        images = [low.repeat_interleave(4, 1).repeat_interleave(4, 2), bicubic_uint8(low, SIDE, SIDE), *enlarged, high]
        rows.append(torch.cat(images, 2))
    return Image.fromarray(torch.cat(rows, 1).permute(1, 2, 0).numpy())


if __name__ == "__main__":
    main()
