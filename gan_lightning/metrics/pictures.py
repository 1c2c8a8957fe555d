"""What metrics stand for, drawn as images (H, W, 3) uint8 for people to look at."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from gan_lightning.metrics.classes import shares
from gan_lightning.metrics.neighbours import overlap
from gan_lightning.metrics.reference import View

POINTS = 3000  # of a scatter plot
MAX_BARS = 50


def class_histogram(labels: Tensor, wanted: Tensor) -> np.ndarray:
    """Draw the share of each class among labels (n,) of samples beside the share that it should have (classes,)."""
    found = shares(labels, len(wanted))
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


def precision_and_recall(real: View, samples: View) -> np.ndarray:
    """Draw features in the plane of the real ones' two principal components: what is missed, and what lies astray."""
    found = overlap(real.neighbourhoods, samples.neighbourhoods)
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
    """Return the figure as an image (H, W, 3) uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
