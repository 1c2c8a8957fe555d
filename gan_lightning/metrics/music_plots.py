"""Plots of the statistics of music, as images (H, W, 3) uint8."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from gan_lightning.metrics.plots import PLOTS_IN_A_ROW, render

BARS = 25  # of a histogram


def plot_statistics(real: Mapping[str, np.ndarray], samples: Mapping[str, np.ndarray]) -> np.ndarray:
    """Plot the distribution of each statistic among the samples, and in real music.

    Args:
        real: the statistics (n,) of real music by their names.
        samples: those of the samples (m,).
    """
    rows = math.ceil(len(real) / PLOTS_IN_A_ROW)
    figure = Figure((4 * PLOTS_IN_A_ROW, 3 * rows), layout="constrained")
    for i, name in enumerate(real):
        axes = figure.add_subplot(rows, PLOTS_IN_A_ROW, i + 1)
        wanted, found = (one[name][~np.isnan(one[name])] for one in (real, samples))
        both = np.concatenate([wanted, found, [0.0]])
        edges = np.linspace(0, both.max() or 1.0, BARS + 1)
        for values, is_real in ((wanted, True), (found, False)):
            shares = np.histogram(values, edges)[0] / max(len(values), 1)
            axes.stairs(shares, edges, color="lightgrey" if is_real else None, fill=is_real)
        axes.set_title(name)
    figure.axes[0].legend(["real", "samples"])
    return render(figure)
