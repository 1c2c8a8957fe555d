"""Bins of numbers: a frequent value has a bin of its own, an atom; the others are in bins of about equal counts."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from gan_lightning.modalities.columns import Column

MIN_ROWS = 5  # in a bin, so that none reveals a value that few rows have
SMALLEST = float(np.finfo(float).tiny)  # the smaller subnormal numbers are zero if a library has switched them off
ROWS_PER_BIN = 20  # a table with fewer than MIN_ROWS times as many rows may have bins with fewer rows


def fit_bins(values: np.ndarray, most: int, grid: int | None) -> np.ndarray:
    """Return bins (k, 2) of values (n,), k ≤ ``most``: the lowest and the highest value of each, which an atom repeats.

    A value in at least as many rows as an average bin is an atom. If there are at most ``most`` different values, each
    in at least ``MIN_ROWS`` rows is an atom. The edges of other bins are halfway between values, and the outermost are
    means of the ``MIN_ROWS`` smallest and largest values, so that no rare value is stored.

    Args:
        values: numbers, without NaN.
        most: largest number of bins.
        grid: number of decimals of the values; None for any.
    """
    rows = int(np.clip(len(values) // ROWS_PER_BIN, 1, MIN_ROWS))
    distinct, counts = np.unique(values, return_counts=True)
    is_atom = counts >= rows
    if len(distinct) > most:
        is_atom = _find_atoms(counts, rows, most)
    atoms = np.stack([distinct[is_atom]] * 2, 1)
    groups = _group(counts[~is_atom], rows, most - len(atoms))
    intervals = _edges(distinct[~is_atom], counts[~is_atom], groups, rows, grid)
    bins = np.concatenate([atoms, intervals])
    if not len(bins):  # too few rows for a bin
        bins = np.full((1, 2), _round(values.mean(), grid))
    return np.unique(bins, axis=0)  # sorted; the bin of two rare values may equal an atom between them


def _find_atoms(counts: np.ndarray, rows: int, most: int) -> np.ndarray:
    """Return True for the values that are more frequent than the average of the bins that the others share."""
    is_atom = np.zeros(len(counts), bool)
    while True:
        left = max(most - is_atom.sum(), 1)
        larger = is_atom | (counts > max(counts[~is_atom].sum() / left, rows - 1))
        if larger.sum() >= most or (larger == is_atom).all():
            return is_atom
        is_atom = larger


def _group(counts: np.ndarray, rows: int, most: int) -> list[slice]:
    """Return at most ``most`` ranges of neighbouring values with about equal counts, each of at least ``rows``."""
    groups, start, ends = list[slice](), 0, np.cumsum(counts)
    while start < len(counts):
        done = ends[start - 1] if start else 0
        target = max(rows, (ends[-1] - done) / max(most - len(groups), 1))
        stop = int(np.searchsorted(ends, done + target)) + 1
        if stop > len(counts):  # too few are left: the group before takes them
            groups[-1:] = [slice(group.start, len(counts)) for group in groups[-1:]]
            break
        groups.append(slice(start, stop))
        start = stop
    return groups


def _edges(distinct: np.ndarray, counts: np.ndarray, groups: list[slice], rows: int, grid: int | None) -> np.ndarray:
    """Return the edges (groups, 2) of the bins of groups of values."""
    if not groups:
        return np.empty((0, 2))
    inner = [(distinct[group.start - 1] + distinct[group.start]) / 2 for group in groups[1:]]
    low = _round(np.repeat(distinct[:rows], counts[:rows])[:rows].mean(), grid)
    high = _round(np.repeat(distinct[-rows:], counts[-rows:])[-rows:].mean(), grid)
    if grid is None:
        lower, upper = [low, *inner], [*inner, high]
    else:  # the values of a bin are those of the grid between its edges, both included
        step = 10.0**grid
        lower = [low, *(_round((np.floor(edge * step) + 1) / step, grid) for edge in inner)]
        upper = [*(_round(np.floor(edge * step) / step, grid) for edge in inner), high]
    lower[0], upper[-1] = min(lower[0], upper[0]), max(lower[-1], upper[-1])
    return np.array([lower, upper]).T


def _round(value: float, grid: int | None) -> float:
    return float(value if grid is None else np.round(value, grid))


def fit_column(column: Column, numbers: np.ndarray) -> Tensor:
    """Return the bins (column.slots, 2) of a column of numbers (n,); surplus bins repeat the last."""
    numbers = numbers[~np.isnan(numbers)]
    numbers = numbers if column.grid is None else np.round(numbers, column.grid)
    bins = fit_bins(numbers, column.slots, column.grid) if len(numbers) else np.zeros((1, 2))
    bins = np.clip(bins, column.lowest, column.highest)
    return torch.from_numpy(np.concatenate([bins, np.repeat(bins[-1:], column.slots - len(bins), 0)]))


def find_segments(bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how numbers map to bins (k, 2): thresholds (m,) in ascending order, and the bin of each of m + 1 segments.

    A number that no bin contains belongs to the nearest one.
    """
    order = sorted(range(len(bins)), key=lambda i: (bins[i, 0], bins[i, 1]))
    order = [i for rank, i in enumerate(order) if not rank or (bins[i] != bins[order[rank - 1]]).any()]
    is_atom = bins[:, 0] == bins[:, 1]
    intervals = bins[~is_atom]
    pieces, inside = list[int](), list[int]()
    for i in order:
        contained = is_atom[i] and ((intervals[:, 0] <= bins[i, 0]) & (bins[i, 0] <= intervals[:, 1])).any()
        (inside if contained else pieces).append(i)
    thresholds = [(bins[a, 1] + bins[b, 0]) / 2 for a, b in pairwise(pieces)]
    segments = list(pieces)
    for i in inside:
        at = int(np.searchsorted(thresholds, bins[i, 0], side="right"))
        thresholds[at:at] = [bins[i, 0], np.nextafter(bins[i, 0], np.inf) if bins[i, 0] else SMALLEST]
        segments[at + 1 : at + 1] = [i, segments[at]]
    return np.array(thresholds), np.array(segments)


def draw_in_bins(bins: np.ndarray, codes: np.ndarray, uniform: np.ndarray, grid: int | None) -> np.ndarray:
    """Return a number of each bin.

    Args:
        bins: (k, 2), the edges of the bins.
        codes: (n,), the bin of each number.
        uniform: (n,) in [0, 1), its place in the bin.
        grid: number of decimals; None for any.
    """
    lower, upper = bins[codes].T
    return draw_between(lower, upper, uniform, grid)


def draw_between(lower: np.ndarray, upper: np.ndarray, uniform: np.ndarray, grid: int | None) -> np.ndarray:
    """Return numbers (n,) from ``lower`` to ``upper`` (n,) with ``grid`` decimals, at places ``uniform`` in [0, 1)."""
    if grid is None:
        return lower + uniform * (upper - lower)
    step = 10.0**grid
    return np.round((np.round(lower * step) + np.floor(uniform * (np.round((upper - lower) * step) + 1))) / step, grid)
