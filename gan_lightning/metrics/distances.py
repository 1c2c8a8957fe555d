"""How far two sets of features (n, d) are apart as distributions."""

import torch
from torch import Tensor

ROWS = 1000  # of a kernel matrix that are in memory at once


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Fréchet distance of the Gaussians that fit the features (Heusel et al., 2017, arXiv:1706.08500).

        |μa − μb|² + tr(Ca + Cb − 2 (Ca Cb)^½)

    In float64, the root by the eigenvalues of the symmetric Ca^½ Cb Ca^½, which has those of Ca Cb.
    """
    a, b = a.double(), b.double()
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = vectors * values.clamp(min=0).sqrt() @ vectors.T
    trace_root = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp(min=0).sqrt().sum()
    means = (a.mean(0) - b.mean(0)).square().sum()
    return (means + cov_a.trace() + cov_b.trace() - 2 * trace_root).item()


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """Unbiased squared MMD with the kernel (x·y / d + 1)³ (Bińkowski et al., 2018, arXiv:1801.01401).

    The full statistic, without subsets: at 10,000 features the noise of subsets of 1,000 is larger than the distance
    between two real sets. Unbiased: it can be slightly negative.
    """
    a, b = a.double(), b.double()
    n, m = len(a), len(b)
    within_a = (_kernel_sum(a, a) - _kernel(a, a).sum()) / (n * (n - 1))
    within_b = (_kernel_sum(b, b) - _kernel(b, b).sum()) / (m * (m - 1))
    return (within_a + within_b - 2 * _kernel_sum(a, b) / (n * m)).item()


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """k of the rows of a with the rows of b, pair by pair."""
    return ((a * b).sum(1) / a.shape[1] + 1) ** 3


def _kernel_sum(a: Tensor, b: Tensor) -> Tensor:
    """Sum of k over all pairs of rows."""
    return torch.stack([(part @ b.T).div_(a.shape[1]).add_(1).pow_(3).sum() for part in a.split(ROWS)]).sum()
