"""Metrics of nearest neighbours: fidelity, diversity, duplicates and copies of training examples."""

from typing import NamedTuple

import torch
from torch import Tensor

ROWS = 250  # rows of a distance matrix in memory at once; larger blocks are slow, as the system maps their memory anew


class Neighbourhoods:
    """Points (n, d) and the squared distances (n, k) to their k nearest other points, ascending.

    The neighbourhood of a point is the open ball around it whose radius is the distance to the k-th nearest point.
    Distances are computed in the points' own type.
    """

    def __init__(self, points: Tensor, k: int = 5) -> None:
        self.points = points
        self.k = k
        centered = points - points.mean(0)  # distances from dot products lose fewer digits around 0
        self.squared = torch.cat(
            [
                squared_distances(rows, centered).topk(k + 1, largest=False).values[:, 1:]  # [0] is the point itself
                for rows in centered.split(ROWS)
            ]
        )


class Overlap(NamedTuple):
    """Membership of m samples and n real points in each other's neighbourhoods.

    Attributes:
        inside: (m,), the number of real neighbourhoods that each sample lies in.
        recalled: (n,), True for real points that lie in the neighbourhood of a sample.
        covered: (n,), True for real points with a sample in their neighbourhood.
        k: the number of neighbours that defines a neighbourhood.
    """

    inside: Tensor
    recalled: Tensor
    covered: Tensor
    k: int

    @property
    def precision(self) -> float:
        """Share of the samples in a real neighbourhood (Kynkäänniemi et al., 2019, arXiv:1904.06991)."""
        return (self.inside > 0).double().mean().item()

    @property
    def recall(self) -> float:
        """Share of the real points in a sample's neighbourhood (Kynkäänniemi et al., 2019)."""
        return self.recalled.double().mean().item()

    @property
    def density(self) -> float:
        """Mean number of real neighbourhoods of a sample, divided by k (Naeem et al., 2020, arXiv:2002.09797)."""
        return self.inside.double().mean().item() / self.k

    @property
    def coverage(self) -> float:
        """Share of the real points with a sample in their neighbourhood (Naeem et al., 2020)."""
        return self.covered.double().mean().item()


def overlap(real: Neighbourhoods, fake: Neighbourhoods) -> Overlap:
    """Return which real points and samples lie in each other's neighbourhoods."""
    center = real.points.mean(0)
    points, samples = real.points - center, fake.points - center
    real_radius, fake_radius = real.squared[:, -1], fake.squared[:, -1]
    inside = torch.zeros(len(samples), dtype=torch.long)
    recalled, covered = [], []
    for rows, radius in zip(points.split(ROWS), real_radius.split(ROWS), strict=True):
        distances = squared_distances(rows, samples)
        inside += (distances < radius[:, None]).sum(0)
        recalled.append((distances < fake_radius).any(1))
        covered.append(distances.min(1).values < radius)
    return Overlap(inside, torch.cat(recalled), torch.cat(covered), real.k)


def duplicate_rate(samples: Neighbourhoods, real: Neighbourhoods) -> float:
    """Return the share of samples whose nearest sample is nearer than 99 % of the nearest pairs of real points.

    It is about .01 for real data, and 1 if all samples are equal. Both sets must have the same size, because nearest
    points are nearer in a larger set.
    """
    limit = real.squared[:, 0].quantile(0.01)
    return (samples.squared[:, 0] < limit).double().mean().item()


class Nearest(NamedTuple):
    """The k nearest points to each of n points: their distances (n, k), ascending, and their indices (n, k)."""

    distances: Tensor
    indices: Tensor


def nearest(points: Tensor, others: Tensor, k: int = 1) -> Nearest:
    """Return the k nearest ``others`` (m, d) to each of the points (n, d); both may be of any type."""
    points = points.float()
    found = Nearest(torch.empty(len(points), 0), torch.empty(len(points), 0, dtype=torch.long))
    for start in range(0, len(others), ROWS):
        squared = squared_distances(points, others[start : start + ROWS].float())
        values, indices = squared.topk(min(k, squared.shape[1]), largest=False)
        values, indices = torch.cat([found.distances, values], 1), torch.cat([found.indices, indices + start], 1)
        values, order = values.topk(min(k, values.shape[1]), largest=False)
        found = Nearest(values, indices.gather(1, order))
    return Nearest(found.distances.sqrt(), found.indices)


class Copies(NamedTuple):
    """Measures of how close samples are to training examples.

    Attributes:
        neighbour_ratio: median distance of the samples to the nearest training example, divided by the median distance
            of unseen real examples.
        copy_rate: share of the samples nearer to a training example than 99 % of unseen real examples.
    """

    neighbour_ratio: float
    copy_rate: float


def copies(sample_distances: Tensor, unseen_distances: Tensor) -> Copies:
    """Return how close samples are to training examples, compared with unseen real examples.

    A model that generalizes has a ratio near 1 and a copy rate of about .01 or less. A model that repeats its training
    set has 0 and 1.

    Args:
        sample_distances: (n,), the distance of each sample to the nearest training example.
        unseen_distances: (m,), the same of real examples outside the training set.
    """
    return Copies(
        neighbour_ratio=(sample_distances.median() / unseen_distances.median()).item(),
        copy_rate=(sample_distances < unseen_distances.quantile(0.01)).double().mean().item(),
    )


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return |a − b|² (n, m) of points (n, d) and (m, d), at least 0."""
    products = torch.addmm((b * b).sum(1), a, b.T, alpha=-2)
    return products.add_((a * a).sum(1, keepdim=True)).clamp_(min=0)
