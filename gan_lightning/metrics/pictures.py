"""What the figures stand for, as pictures (H, W, 3) uint8 for people to look at."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from gan_lightning.data.datamodule import Data as ImageData
from gan_lightning.metrics.classes import shares
from gan_lightning.metrics.neighbours import nearest
from gan_lightning.metrics.suite import Reference, View
from gan_lightning.modalities.image import normalize

SIDE = 8  # pictures in a row and in a column
POINTS = 3000  # of a scatter plot
MAX_BARS = 50


def grid(data: ImageData, samples: View) -> np.ndarray:
    """64 samples."""
    return data.show(normalize(samples.pictures[: SIDE * SIDE]))


def beside_nearest(data: ImageData, samples: View, training: Tensor) -> np.ndarray:
    """Rows of samples, and below each sample the training picture that is nearest to it in pixels."""
    chosen = samples.pictures[: SIDE * SIDE // 2]
    found = training[nearest(chosen.flatten(1), training.flatten(1)).indices[:, 0]]
    rows = [row for pair in zip(chosen.split(SIDE), found.split(SIDE), strict=True) for row in pair]
    return data.show(normalize(torch.cat(rows)))


def class_histogram(reference: Reference, samples: View) -> np.ndarray:
    """Share of each class among samples and in the data; the rarest and the most frequent where there are many."""
    assert samples.labels is not None
    wanted = reference.class_shares
    found = shares(samples.labels, len(wanted))
    figure = Figure((8, 4), layout="constrained")
    axes = figure.add_subplot()
    if len(wanted) <= MAX_BARS:
        at = torch.arange(len(wanted))
        axes.bar(at - 0.2, found, 0.4, label="samples")
        axes.bar(at + 0.2, wanted, 0.4, label="data", color="lightgrey")
        axes.set_xticks(at)
        axes.set_xlabel("class")
    else:
        axes.plot(found.sort(descending=True).values, label="samples")
        axes.plot(wanted.sort(descending=True).values, label="data", color="lightgrey")
        axes.set_xlabel("classes, most frequent first")
    axes.set_ylabel("share")
    axes.legend()
    return drawn(figure)


def precision_and_recall(reference: Reference, samples: View) -> np.ndarray:
    """Features in the plane of the real ones' two principal components: what is missed, and what lies astray."""
    real = reference.real
    found = reference.overlap(samples)
    center = real.features.mean(0)
    _, vectors = torch.linalg.eigh(torch.cov(real.features.double().T))  # by ascending variance
    components = vectors[:, -2:].flip(1)
    figure = Figure((10, 5), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    planes = [((view.features - center).double() @ components).numpy() for view in (real, samples)]
    _scatter(left, planes[0], found.recalled.numpy(), "real, among samples", "real, missed")
    left.set_title(f"recall {found.recall:.2f}")
    _scatter(right, planes[1], (found.inside > 0).numpy(), "sample, among real", "sample, astray")
    right.set_title(f"precision {found.precision:.2f}")
    return drawn(figure)


def _scatter(axes: Axes, points: np.ndarray, good: np.ndarray, yes: str, no: str) -> None:
    points, good = points[:POINTS], good[:POINTS]
    for chosen, label, color in ((good, yes, "tab:blue"), (~good, no, "tab:red")):
        axes.scatter(points[chosen, 0], points[chosen, 1], s=3, label=label, color=color)
    axes.legend(loc="upper right", markerscale=3)


def drawn(figure: Figure) -> np.ndarray:
    """The figure as a picture (H, W, 3) uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
