"""Compares rows of tables (n, columns) float64: missing values, which are NaN, are equal to each other."""

import numpy as np
import torch
from torch import Tensor


def row_keys(rows: Tensor) -> list[bytes]:
    """Return a key for each row, which equal rows share."""
    values = np.ascontiguousarray(rows.double().numpy() + 0.0)  # -0 becomes 0
    values[np.isnan(values)] = np.nan  # one bit pattern
    return [row.tobytes() for row in values]


def equal_rows(rows: Tensor, others: Tensor) -> Tensor:
    """Return how many of the others each row equals in every column (n,)."""
    counts: dict[bytes, int] = {}
    for key in row_keys(others):
        counts[key] = counts.get(key, 0) + 1
    return torch.tensor([counts.get(key, 0) for key in row_keys(rows)])
