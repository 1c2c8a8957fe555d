"""What nearest neighbours tell: fidelity and diversity apart, memorised pictures, repeated pictures."""

from typing import NamedTuple

import torch
from torch import Tensor

ROWS = 250  # of a matrix of distances that are in memory at once; with more, pages are mapped anew for each


class Neighbourhoods:
    """Points (n, d) with the squared distances (n, k) to their k nearest others, ascending.

    A point's neighbourhood is the open ball that reaches its k-th nearest. Computed in the points' own type.
    """

    def __init__(self, points: Tensor, k: int = 5) -> None:
        self.points = points
        self.k = k
        centered = points - points.mean(0)  # distances by products lose fewer digits around zero
        self.squared = torch.cat(
            [
                squared_distances(rows, centered).topk(k + 1, largest=False).values[:, 1:]  # the 0th is itself
                for rows in centered.split(ROWS)
            ]
        )


class Overlap(NamedTuple):
    """Who lies in whose neighbourhoods."""

    inside: Tensor  # (m,) in how many real neighbourhoods each sample lies
    recalled: Tensor  # (n,) whether each real point lies in a sample's neighbourhood
    covered: Tensor  # (n,) whether each real neighbourhood has a sample in it
    k: int

    @property
    def precision(self) -> float:
        """Share of the samples that lie among real data (Kynkäänniemi et al., 2019, arXiv:1904.06991)."""
        return (self.inside > 0).double().mean().item()

    @property
    def recall(self) -> float:
        """Share of the real data that lie among samples (Kynkäänniemi et al., 2019)."""
        return self.recalled.double().mean().item()

    @property
    def density(self) -> float:
        """How many real neighbourhoods a sample lies in, by k; may exceed 1 (Naeem et al., 2020, arXiv:2002.09797)."""
        return self.inside.double().mean().item() / self.k

    @property
    def coverage(self) -> float:
        """Share of the real data that have a sample in their neighbourhood (Naeem et al., 2020)."""
        return self.covered.double().mean().item()


def overlap(real: Neighbourhoods, fake: Neighbourhoods) -> Overlap:
    """Compare n real points with m samples."""
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
    """Share of samples that have another sample nearer than 99 % of real pictures have another real one.

    Both of the same number: in a larger set the nearest is nearer. About .01 for real data, 1 for one picture.
    """
    limit = real.squared[:, 0].quantile(0.01)
    return (samples.squared[:, 0] < limit).double().mean().item()


class Nearest(NamedTuple):
    distances: Tensor  # (n, k), ascending
    indices: Tensor  # (n, k)


def nearest(points: Tensor, others: Tensor, k: int = 1) -> Nearest:
    """The k nearest of the others (m, d), of any type and number, to each point (n, d)."""
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
    """Whether samples are training pictures."""

    neighbour_ratio: float  # median distance to the nearest training picture, by that of unseen real pictures
    copy_rate: float  # share that lies nearer to one than 99 % of unseen real pictures do


def copies(of_samples: Tensor, of_unseen: Tensor) -> Copies:
    """Compare the distances (n,) of samples to the nearest training picture with those of unseen real pictures (m,).

    Honest models have a ratio near 1 and a copy rate near .01 or below; a model that repeats its training set has 0
    and 1.
    """
    return Copies(
        neighbour_ratio=(of_samples.median() / of_unseen.median()).item(),
        copy_rate=(of_samples < of_unseen.quantile(0.01)).double().mean().item(),
    )


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """|a − b|², (n, m), never negative."""
    products = torch.addmm((b * b).sum(1), a, b.T, alpha=-2)
    return products.add_((a * a).sum(1, keepdim=True)).clamp_(min=0)
