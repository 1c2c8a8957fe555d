"""Rows of simple generators of tables, to compare with.

Rows are tensors (n, columns) float64.
"""

import torch
from torch import Tensor

from gan_lightning.modalities.table import Table
from gan_lightning.networks.table_counts import Generator, Structure

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


def counted_rows(modality: Table, rows: Tensor, target: int | None, structure: Structure, n: int) -> Tensor:
    """Return n rows of the generator that counts rows, see :class:`gan_lightning.networks.table_counts.Generator`.

    Args:
        modality: modality of the table, whose bins are fitted.
        rows: the training rows.
        target: index of the column of labels; None if there is none.
        structure: what each column depends on.
        n: number of rows to generate.
    """
    samples = modality.encode(rows)
    assert isinstance(samples, Tensor)
    generator = Generator(modality.blocks, target, structure).fit(samples)
    latents = torch.rand(n, len(modality.columns), generator=torch.Generator().manual_seed(0))
    content = modality.decode(generator(latents))
    assert isinstance(content, Tensor)
    return content
