"""Metrics of the attributes (n, attributes) of samples, and of their combinations."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from gan_lightning.metrics.classes import class_kl, smoothed_shares

MIN_EXPECTED = 5  # real examples per combination of two values, as in Pearson's test


def find_values(attributes: Tensor, sizes: Sequence[int], at_least: int = 1) -> list[Tensor]:
    """Return for each attribute True (values,) for the values that ``at_least`` of the samples have."""
    return [
        torch.bincount(column, minlength=size) >= at_least for column, size in zip(attributes.T, sizes, strict=True)
    ]


def largest_kl(attributes: Tensor, real: Tensor, sizes: Sequence[int]) -> float:
    """Return the KL divergence of an attribute's values from the real ones, in nats, of the attribute with the largest.

    Args:
        attributes: attributes (n, attributes) of samples.
        real: attributes (m, attributes) of real examples, whose shares are smoothed.
        sizes: number of values of each attribute.
    """
    columns = zip(attributes.T, real.T, sizes, strict=True)
    return max(class_kl(ours, smoothed_shares(theirs, size)) for ours, theirs, size in columns)


def largest_pair_kl(attributes: Tensor, real: Tensor, sizes: Sequence[int]) -> float | None:
    """Return the KL divergence of two attributes' joint values from the real ones, in nats, of the worst pair.

    Only pairs with at least ``MIN_EXPECTED`` real examples per combination of values count, as sampling alone would
    decide about others. The arguments are those of :func:`largest_kl`.

    Returns:
        The divergence; None if there is no such pair.
    """
    pairs = itertools.combinations(range(len(sizes)), 2)
    counted = [(i, j) for i, j in pairs if sizes[i] * sizes[j] * MIN_EXPECTED <= len(real)]
    divergences = [
        largest_kl(_join(attributes, i, j, sizes[j]), _join(real, i, j, sizes[j]), [sizes[i] * sizes[j]])
        for i, j in counted
    ]
    return max(divergences, default=None)


def _join(attributes: Tensor, i: int, j: int, size: int) -> Tensor:
    """Return one attribute (n, 1) whose values are the combinations of those of attributes i and j."""
    return (attributes[:, i] * size + attributes[:, j])[:, None]


def unseen_share(attributes: Tensor, training: Tensor) -> float:
    """Return the share of samples whose combination of attributes no training example has; 0 without samples."""
    _, combinations = torch.cat([attributes, training]).unique(dim=0, return_inverse=True)
    ours, theirs = combinations.split([len(attributes), len(training)])
    return (~torch.isin(ours, theirs)).double().sum().item() / max(len(attributes), 1)


def shuffle_attributes(attributes: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return attributes with each column in a random order of its own, which makes them independent of each other."""
    return torch.stack([column[torch.randperm(len(column), generator=generator)] for column in attributes.T], 1)
