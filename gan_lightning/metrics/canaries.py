"""Canaries: rows unlike all others, which are planted into training rows to see whether a generator repeats them.

Rows are tensors (n, columns) float64. A value of a category is its index, and a missing value is NaN.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_lightning.metrics.privacy import RowDistance, equal_rows, nearest_rows


class Canaries(NamedTuple):
    """Rows unlike all others.

    Attributes:
        planted: (k, columns), the rows to plant.
        controls: (k, columns), rows of the same kind that are not planted: what chance gives.
    """

    planted: Tensor
    controls: Tensor


def draw_canaries(training: Tensor, k: int, seed: int = 0) -> Canaries:
    """Return k canaries to plant and k controls, all different from each other and from the training rows.

    Each value is drawn from the different values of its column with equal probability, so that rare ones meet.

    Raises:
        ValueError: if the table has too few possible rows for so many canaries.
    """
    generator = torch.Generator().manual_seed(seed)
    values = [column.unique() for column in training.T]  # NaN is a value
    taken: dict[bytes, Tensor] = {}
    for _ in range(100 * k):
        row = torch.stack([one[torch.randint(len(one), (), generator=generator)] for one in values])
        if not equal_rows(row[None], training).any():
            taken.setdefault(row.numpy().tobytes(), row)
        if len(taken) == 2 * k:
            planted, controls = torch.stack([*taken.values()]).split(k)
            return Canaries(planted, controls)
    raise ValueError(f"canaries={k}: the table has too few possible rows for so many: take fewer")


def plant(training: Tensor, planted: Tensor, copies: int, seed: int = 0) -> Tensor:
    """Return the training rows with each planted row ``copies`` times at random places among them."""
    rows = torch.cat([training, planted.repeat(copies, 1)])
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]


class CanaryCounts(NamedTuple):
    """Number of canaries that samples repeat.

    Attributes:
        exact: number of planted rows that a sample equals.
        near: number of planted rows with a sample nearer than half the distance to the nearest training row or other
            canary.
        exact_controls, near_controls: the same of rows that were not planted.
    """

    exact: int
    near: int
    exact_controls: int
    near_controls: int


def count_canaries(samples: Tensor, training: Tensor, canaries: Canaries, distance: RowDistance) -> CanaryCounts:
    """Return how many canaries samples repeat, beside the controls.

    Args:
        samples: (n, columns), generated rows.
        training: (m, columns), the training rows without the canaries.
        canaries: the planted rows and their controls.
        distance: distance of rows.
    """
    embedded_samples, known = distance.embed(samples), distance.embed(torch.cat([training, *canaries]))
    exact, near = [], []
    for rows in canaries:
        embedded = distance.embed(rows)
        limit = nearest_rows(embedded, known, 2).distances[:, 1:] / 2  # [0] is the row itself
        near.append(int((nearest_rows(embedded, embedded_samples).distances < limit).sum()))
        exact.append(int((equal_rows(rows, samples) > 0).sum()))
    return CanaryCounts(exact[0], near[0], exact[1], near[1])
