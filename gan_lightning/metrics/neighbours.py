"""What nearest neighbours tell: fidelity and diversity apart, memorised pictures, repeated pictures."""

from typing import NamedTuple

import torch
from torch import Tensor

ROWS = 1000  # of a matrix of distances that are in memory at once


class Manifolds(NamedTuple):
    """Each between 0 and 1, density apart, which may exceed 1; at best what real data reach against real data."""

    precision: float  # share of the samples that lie among real data
    recall: float  # share of the real data that lie among samples
    density: float  # how many real neighbourhoods a sample lies in, by k
    coverage: float  # share of the real data that have a sample in their neighbourhood


def manifolds(real: Tensor, fake: Tensor, k: int = 5) -> Manifolds:
    """Precision, recall (Kynkäänniemi et al., 2019, arXiv:1904.06991), density, coverage (Naeem et al., 2020,
    arXiv:2002.09797) of features (n, d) and (m, d).

    A point's neighbourhood is the open ball that reaches its k-th nearest neighbour in its own set.
    """
    center = real.double().mean(0)  # distances by products lose fewer digits around zero
    real, fake = real.double() - center, fake.double() - center
    real_radius, fake_radius = _radius(real, k), _radius(fake, k)
    inside = torch.zeros(len(fake), dtype=torch.long)  # real neighbourhoods that each sample lies in
    recalled = covered = 0
    for rows, radius in zip(real.split(ROWS), real_radius.split(ROWS), strict=True):
        distances = squared_distances(rows, fake)
        inside += (distances < radius[:, None]).sum(0)
        recalled += int((distances < fake_radius).any(1).sum())
        covered += int((distances.min(1).values < radius).sum())
    return Manifolds(
        precision=(inside > 0).double().mean().item(),
        recall=recalled / len(real),
        density=inside.double().mean().item() / k,
        coverage=covered / len(real),
    )


class Copies(NamedTuple):
    """Whether samples are training pictures."""

    neighbour_ratio: float  # median distance to the nearest training picture, by that of unseen real pictures
    copy_rate: float  # share that lies nearer to one than 99 % of unseen real pictures do


def copies(samples: Tensor, training: Tensor, unseen: Tensor) -> Copies:
    """Compare the distances of samples and of unseen real pictures to the training pictures, all (n, d).

    Honest models have a ratio near 1 and a copy rate near .01 or below; a model that repeats its training set has 0
    and 1.
    """
    of_samples, of_unseen = nearest(samples, training), nearest(unseen, training)
    return Copies(
        neighbour_ratio=(of_samples.median() / of_unseen.median()).item(),
        copy_rate=(of_samples < of_unseen.quantile(0.01)).double().mean().item(),
    )


def duplicate_rate(samples: Tensor, real: Tensor) -> float:
    """Share of samples that have another sample nearer than 99 % of real pictures have another real one.

    Both (n, d) with the same n: in a larger set the nearest is nearer. About .01 for real data, 1 for one picture.
    """
    limit = _radius(real.double(), 1).quantile(0.01)
    return (_radius(samples.double(), 1) < limit).double().mean().item()


def nearest(points: Tensor, others: Tensor) -> Tensor:
    """Distance (n,) from each point to the nearest of the others."""
    return torch.cat([squared_distances(rows, others).min(1).values for rows in points.float().split(ROWS)]).sqrt()


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """|a − b|², (n, m), never negative."""
    b = b.to(a.dtype)
    products = torch.addmm((b * b).sum(1), a, b.T, alpha=-2)
    return products.add_((a * a).sum(1, keepdim=True)).clamp_(min=0)


def _radius(points: Tensor, k: int) -> Tensor:
    """Squared distance (n,) of each point to its k-th nearest other."""
    parts = [squared_distances(rows, points).topk(k + 1, largest=False).values[:, k] for rows in points.split(ROWS)]
    return torch.cat(parts)
