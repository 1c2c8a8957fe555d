"""Canaries: rows unlike all others, which are planted into training rows to see whether a generator repeats them.

Rows are tensors (n, columns) float64. A value of a category is its index, and a missing value is NaN.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.modalities.table_rows import row_keys

ATTEMPTS = 100  # draws of as many rows as are needed


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
        UserError: if the table has too few possible rows for so many canaries.
    """
    generator = torch.Generator().manual_seed(seed)
    values = [torch.from_numpy(np.unique(column.numpy())) for column in training.T]  # NaN is one value
    known = set(row_keys(training))
    taken: dict[bytes, Tensor] = {}
    for _ in range(ATTEMPTS):
        rows = torch.stack([one[torch.randint(len(one), (2 * k,), generator=generator)] for one in values], 1)
        for key, row in zip(row_keys(rows), rows, strict=True):
            if key not in known:
                taken.setdefault(key, row)
        if len(taken) >= 2 * k:
            planted, controls = torch.stack(list(taken.values())[: 2 * k]).split(k)
            return Canaries(planted, controls)
    raise UserError(f"data.canaries={k}: the table has too few possible rows for so many: lower it")


def plant(training: Tensor, planted: Tensor, copies: int, seed: int = 0) -> Tensor:
    """Return the training rows with each planted row ``copies`` times at random places among them."""
    rows = torch.cat([training, planted.repeat(copies, 1)])
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]
