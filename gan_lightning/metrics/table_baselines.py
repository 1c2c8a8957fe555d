"""Rows of simple generators of tables, to compare with.

Rows are tensors (n, columns) float64.
"""

import torch
from torch import Tensor

REPLACED = 0.1  # share of the cells of a noisy copy that come from other rows


def independent_columns(rows: Tensor, n: int, seed: int = 0) -> Tensor:
    """Return n rows, n ≤ len(rows), whose cells come from rows that are drawn independently for each column."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([column[torch.randperm(len(rows), generator=generator)[:n]] for column in rows.T], 1)


def noisy_copies(rows: Tensor, n: int, seed: int = 1) -> Tensor:
    """Return copies of n rows, n ≤ len(rows), with ``REPLACED`` of the cells taken from other rows.

    They are nearly as useful as real rows, and reveal them.
    """
    generator = torch.Generator().manual_seed(seed)
    copies = rows[torch.randperm(len(rows), generator=generator)[:n]]
    replaced = torch.rand(copies.shape, generator=generator) < REPLACED
    return torch.where(replaced, independent_columns(rows, n, seed + 1), copies)
