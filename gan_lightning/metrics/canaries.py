"""Counts the canaries that samples repeat, and tells how probable so many are by chance."""

from math import comb
from typing import NamedTuple

import torch
from torch import Tensor

from gan_lightning.data.canaries import Canaries
from gan_lightning.metrics.privacy import RowDistance, nearest_rows
from gan_lightning.modalities.table_rows import equal_rows


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


def chance_of(planted: int, controls: int, k: int) -> float:
    """Return how probable it is by chance that at least so many planted rows are among those that are repeated.

    If planting has no effect, the k planted rows are a random half of all 2k: this is Fisher's exact test.

    Args:
        planted: number of planted rows that are repeated.
        controls: number of controls that are repeated.
        k: number of planted rows, and of controls.
    """
    repeated = planted + controls
    choices = (comb(k, one) * comb(k, repeated - one) for one in range(planted, min(k, repeated) + 1))
    return sum(choices) / comb(2 * k, repeated)
