"""Distances between the distributions of two sets of features (n, d)."""

import torch
import torch.nn.functional as F
from torch import Tensor

ROWS = 250  # rows of a kernel matrix in memory at once


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Return the Fréchet distance of Gaussians fitted to features (n, d) and (m, d) (Heusel et al., 2017).

        |μa − μb|² + tr(Ca + Cb − 2 (Ca Cb)^½)

    It is computed in float64. The trace of the root comes from the eigenvalues of the symmetric Ca^½ Cb Ca^½, which are
    those of Ca Cb. See arXiv:1706.08500.
    """
    a, b = a.double(), b.double()
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = vectors * values.clamp(min=0).sqrt() @ vectors.T
    trace_root = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp(min=0).sqrt().sum()
    means = (a.mean(0) - b.mean(0)).square().sum()
    return (means + cov_a.trace() + cov_b.trace() - 2 * trace_root).item()


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """Return the unbiased squared MMD with the kernel (x·y / d + 1)³ (Bińkowski et al., 2018, arXiv:1801.01401).

    It uses all pairs of features (n, d) and (m, d), not subsets: at 10,000 features the noise of subsets of 1,000 is
    larger than the distance between two real sets. An unbiased estimate can be slightly negative.
    """
    a, b = _with_constant(a), _with_constant(b)
    n, m = len(a), len(b)
    if a.shape[1] ** 2 < min(n, m):  # the sum over all pairs is ⟨Σ z⊗z⊗z, Σ z′⊗z′⊗z′⟩, which is cheaper here
        a_moment, b_moment = _third_moment(a), _third_moment(b)
        aa, bb, ab = (a_moment**2).sum(), (b_moment**2).sum(), (a_moment * b_moment).sum()
    else:
        aa, bb, ab = _kernel_sum(a, a), _kernel_sum(b, b), _kernel_sum(a, b)
    within_a = (aa - a.square().sum(1).pow(3).sum()) / (n * (n - 1))
    within_b = (bb - b.square().sum(1).pow(3).sum()) / (m * (m - 1))
    return (within_a + within_b - 2 * ab / (n * m)).item()


def _with_constant(features: Tensor) -> Tensor:
    """Return z = (x / √d, 1) in float64, with which the kernel is (z·z′)³."""
    scaled = features.double() / features.shape[1] ** 0.5
    return F.pad(scaled, (0, 1), value=1.0)


def _kernel_sum(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of (z·z′)³ over all pairs of rows."""
    return torch.stack([(part @ b.T).pow_(3).sum() for part in a.split(ROWS)]).sum()


def _third_moment(z: Tensor) -> Tensor:
    """Return Σ z⊗z⊗z as (d², d)."""
    moment = z.new_zeros(z.shape[1] ** 2, z.shape[1])
    for part in z.split(ROWS):
        moment += (part[:, :, None] * part[:, None, :]).flatten(1).T @ part
    return moment
