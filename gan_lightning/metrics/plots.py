"""Plots that explain metrics, as images (H, W, 3) uint8."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from gan_lightning.metrics.classes import class_shares
from gan_lightning.metrics.neighbours import overlap
from gan_lightning.metrics.reference import View

MAX_POINTS = 3000  # in a scatter plot
MAX_BARS = 50  # more classes are plotted as lines
MAX_NAMES = 12  # more values of an attribute are numbered
PLOTS_IN_A_ROW = 4


def plot_class_shares(labels: Tensor, wanted: Tensor) -> np.ndarray:
    """Plot the share of each class among the samples, and the share that it should have.

    Args:
        labels: (n,), the classes of the samples.
        wanted: (classes,), the share that each class should have.
    """
    figure = Figure((8, 4), layout="constrained")
    axes = figure.add_subplot()
    _draw_shares(axes, class_shares(labels, len(wanted)), wanted)
    axes.legend()
    return render(figure)


def plot_attributes(values: Mapping[str, Sequence[str]], attributes: Tensor, real: Tensor) -> np.ndarray:
    """Plot the share of each value of each attribute among the samples, and among real examples.

    Args:
        values: names of the values of each attribute, by the name of the attribute.
        attributes: attributes (n, attributes) of the samples.
        real: attributes (m, attributes) of real examples.
    """
    rows = math.ceil(len(values) / PLOTS_IN_A_ROW)
    figure = Figure((4 * PLOTS_IN_A_ROW, 3 * rows), layout="constrained")
    for i, (name, of_one) in enumerate(values.items()):
        axes = figure.add_subplot(rows, PLOTS_IN_A_ROW, i + 1)
        found, wanted = (class_shares(one[:, i], len(of_one)) for one in (attributes, real))
        _draw_shares(axes, found, wanted)
        axes.set_title(f"{name}: {int((found > 0).sum())} of {int((wanted > 0).sum())} values")
        if len(of_one) <= MAX_NAMES:
            axes.set_xticks(range(len(of_one)), of_one, rotation=45, ha="right")
            axes.set_xlabel("")
    figure.axes[0].legend()
    return render(figure)


def _draw_shares(axes: Axes, found: Tensor, wanted: Tensor) -> None:
    """Draw the share of each class (classes,) that samples have, and the share that they should have."""
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


def plot_precision_and_recall(real: View, samples: View) -> np.ndarray:
    """Plot real examples and samples in the plane of the two principal components of the real features.

    Real examples that no sample is near, and samples that are near no real example, are red.
    """
    found = overlap(real.neighbourhoods, samples.neighbourhoods)
    center = real.features.mean(0)
    _, vectors = torch.linalg.eigh(torch.cov(real.features.double().T))  # by ascending variance
    components = vectors[:, -2:].flip(1)
    figure = Figure((10, 5), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    planes = [((view.features - center).double() @ components).numpy() for view in (real, samples)]
    _scatter(left, planes[0], found.recalled.numpy(), "real, among samples", "real, missed")
    left.set_title(f"recall {found.recall:.2f}")
    _scatter(right, planes[1], (found.inside > 0).numpy(), "sample, among real", "sample, outside")
    right.set_title(f"precision {found.precision:.2f}")
    return render(figure)


def _scatter(axes: Axes, points: np.ndarray, good: np.ndarray, good_label: str, bad_label: str) -> None:
    points, good = points[:MAX_POINTS], good[:MAX_POINTS]
    for chosen, label, color in ((good, good_label, "tab:blue"), (~good, bad_label, "tab:red")):
        axes.scatter(points[chosen, 0], points[chosen, 1], s=3, label=label, color=color)
    axes.legend(loc="upper right", markerscale=3)


def render(figure: Figure) -> np.ndarray:
    """Return the figure as an image (H, W, 3) uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
