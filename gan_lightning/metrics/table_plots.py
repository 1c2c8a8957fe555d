"""Plots of the columns of tables and of their pairs, as images (H, W, 3) uint8."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gan_lightning.metrics.plots import MAX_NAMES, PLOTS_IN_A_ROW, render
from gan_lightning.modalities.columns import Column

MAX_PLOTS = 40  # columns in one figure, those with the largest errors
MAX_NUMBERS = 20  # columns with a number in each cell of the heat map
BARS = 30  # of a number


def plot_marginals(columns: Sequence[Column], real: np.ndarray, samples: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Plot the distribution of each column among the samples, and among real rows.

    Args:
        columns: the columns; at most ``MAX_PLOTS`` are plotted.
        real: (n, columns), real rows.
        samples: (m, columns), generated rows.
        errors: (columns,), the errors of the columns, shown above each plot.
    """
    shown = np.sort(np.argsort(-errors, kind="stable")[:MAX_PLOTS])
    rows = math.ceil(len(shown) / PLOTS_IN_A_ROW)
    figure = Figure((4 * PLOTS_IN_A_ROW, 3 * rows), layout="constrained")
    for place, i in enumerate(shown):
        axes = figure.add_subplot(rows, PLOTS_IN_A_ROW, place + 1)
        draw = _draw_category if columns[i].is_category else _draw_number
        draw(axes, columns[i], real[:, i], samples[:, i])
        missing = [f"{np.isnan(one[:, i]).mean():.1%}" for one in (samples, real)]
        note = f", missing {missing[0]} ({missing[1]})" if columns[i].missing else ""
        axes.set_title(f"{columns[i].name}: error {errors[i]:.3f}{note}", fontsize="medium", parse_math=False)
    figure.axes[0].legend()
    return render(figure)


def _draw_category(axes: Axes, column: Column, real: np.ndarray, samples: np.ndarray) -> None:
    """Draw the share of each value, and of missing ones as the last."""
    slots = len(column.values)
    wanted, found = (
        np.bincount(np.where(np.isnan(one), slots, one).astype(int), minlength=slots + 1)[: column.size] / len(one)
        for one in (real, samples)
    )
    at = np.arange(column.size)
    axes.bar(at, wanted, 0.9, label="real", color="lightgrey")
    axes.bar(at, found, 0.45, label="samples")
    if column.size <= MAX_NAMES:
        names = [*column.values, "missing"][: column.size]
        axes.set_xticks(at, [name[:16] for name in names], rotation=45, ha="right", parse_math=False)


def _draw_number(axes: Axes, column: Column, real: np.ndarray, samples: np.ndarray) -> None:
    """Draw histograms between the .5 % and the 99.5 % quantile of the real values; values beyond are not drawn."""
    given = real[~np.isnan(real)]
    low, high = np.quantile(given, [0.005, 0.995]) if len(given) else (0.0, 1.0)
    edges = np.linspace(low, high, BARS + 1) if low < high else np.array([low - 0.5, low + 0.5])
    wanted, found = (np.histogram(one[~np.isnan(one)], edges)[0] / len(one) for one in (real, samples))
    axes.stairs(wanted, edges, label="real", color="lightgrey", fill=True)
    axes.stairs(found, edges, label="samples")
    if column.kind == "date":
        axes.set_xticks([low, high], column.write(np.round([low, high])))


def plot_pair_errors(names: Sequence[str], errors: np.ndarray) -> np.ndarray:
    """Plot the error of each pair of columns as a heat map.

    Args:
        names: names of the columns.
        errors: (columns, columns), the errors.
    """
    side = min(max(0.45 * len(names) + 2, 4), 16)
    figure = Figure((side + 1, side), layout="constrained")
    axes = figure.add_subplot()
    shown = np.where(np.eye(len(names), dtype=bool), np.nan, errors)
    largest = max(float(errors.max()), 0.05)
    image = axes.imshow(shown, cmap="magma_r", vmin=0, vmax=largest)
    figure.colorbar(image, shrink=0.8)
    axes.set_xticks(range(len(names)), names, rotation=90, parse_math=False)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    if len(names) <= MAX_NUMBERS:
        for i, j in zip(*np.nonzero(errors), strict=True):
            color = "white" if errors[i, j] > 0.6 * largest else "black"
            axes.text(j, i, f"{100 * errors[i, j]:.0f}", ha="center", va="center", size="x-small", color=color)
        axes.set_title("error of each pair, in %")
    return render(figure)
