"""Attacks on synthetic rows: what they reveal about the rows that their generator was trained on.

Rows are tensors (n, columns) float64. A value of a category is its index, and a missing value is NaN. *Members* are
rows that the generator was trained on, and the *holdout* are rows from the same source that it was not. All attacks
compare how they succeed on both, so both must have the same size.

An attack that fails proves nothing about a better one; only differential privacy bounds all of them.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_lightning.metrics.roc import QUANTILE, Auc, auc, true_positive_rate

MISSING_CATEGORY, MISSING_NUMBER = -1.0, 2.0  # at a distance of 1 or more from every other value
ROWS = 64  # rows of a distance matrix in memory at once: a block of 64 × 10,000 fits into the processor's cache
SMALLEST = 1e-3  # distance below which two rows are equal for the density ratio
RIGHT = 0.05  # a guess of a number is right if it is so near, in ranks of the training rows


class RowDistance:
    """Distance of rows: the mean over the columns of a number from 0 to 1 (Gower, 1971).

    Two numbers differ by the difference of their ranks among the training rows, so that a few large values do not hide
    the others. Two categories differ by 0 or 1, and so do a missing value and another.

    Args:
        training: (n, columns), the rows that ranks are taken from.
        categorical: (columns,), True for categories.
    """

    def __init__(self, training: Tensor, categorical: np.ndarray) -> None:
        self.categorical = categorical
        self._sorted = [column[~column.isnan()].sort().values for column in training.T]

    def embed(self, rows: Tensor) -> Tensor:
        """Return rows (n, columns) float32 with ranks and codes, whose distance :func:`nearest_rows` computes."""
        return torch.stack([self._embed_column(rows[:, i], i) for i in range(len(self._sorted))], 1)

    def _embed_column(self, values: Tensor, i: int) -> Tensor:
        missing = values.isnan()
        if self.categorical[i]:
            return values.masked_fill(missing, MISSING_CATEGORY).float()
        ordered, values = self._sorted[i], values.contiguous()
        positions = torch.searchsorted(ordered, values) + torch.searchsorted(ordered, values, right=True)
        return (positions / max(2 * len(ordered), 1)).masked_fill(missing, MISSING_NUMBER).float()


class NearestRows(NamedTuple):
    """Nearest rows of two sets, found in one pass.

    Attributes:
        distances: (n, k), the distances of each row of the first set to its k nearest rows of the second, ascending.
        indices: (n, k), the indices of these.
        back: (m,), the distance of each row of the second set to its nearest row of the first.
    """

    distances: Tensor
    indices: Tensor
    back: Tensor


def nearest_rows(first: Tensor, second: Tensor, k: int = 1) -> NearestRows:
    """Return the nearest rows of two sets of embedded rows, (n, columns) and (m, columns), with k ≤ m."""
    columns = second.T.contiguous()
    back = torch.full((len(second),), torch.inf)
    found = []
    for rows in first.split(ROWS):
        total = torch.zeros(len(rows), len(second))
        for i, column in enumerate(columns):
            total += (rows[:, i, None] - column).abs_().clamp_(max=1)
        total /= len(columns)
        back = torch.minimum(back, total.min(0).values)
        found.append(total.topk(k, largest=False) if k > 1 else total.min(1, keepdim=True))
    return NearestRows(torch.cat([one[0] for one in found]), torch.cat([one[1] for one in found]), back)


# Distances and copies ------------------------------------------------------------------------------------------------


def closer_to_members(to_members: Tensor, to_holdout: Tensor) -> float:
    """Return the share of samples nearer to a member than to a row of the holdout; a tie counts half.

    It is .5 if the generator favours neither, and 1 if it copies members. It says nothing about a few rows that are
    copied among many that are not.

    Args:
        to_members: (n,), the distance of each sample to its nearest member.
        to_holdout: (n,), the distance to its nearest row of the holdout.
    """
    return ((to_members < to_holdout).double() + (to_members == to_holdout).double() / 2).mean().item()


def nearest_ratio(distances: Tensor, quantile: float = 0.05) -> float:
    """Return a quantile of the ratio of the distances to the nearest and to the second nearest row.

    A small ratio means that a sample is near one row alone. A sample equal to both has the ratio 1.

    Args:
        distances: (n, 2), the distances of each sample to its two nearest rows.
        quantile: the quantile, from 0 to 1.
    """
    nearest, second = distances.double().unbind(1)
    return torch.where(second > 0, nearest / second, 1.0).quantile(quantile).item()


# Membership inference ------------------------------------------------------------------------------------------------


class Membership(NamedTuple):
    """Success of an attack that tells members from the holdout.

    Attributes:
        auc: .5 if the attack learns nothing, with its 95 % interval.
        true_positive_rate: share of the members that it finds with 1 % of the holdout taken for members; .01 if it
            learns nothing (Carlini et al., 2022, arXiv:2112.03570).
    """

    auc: Auc
    true_positive_rate: float


def membership(members: Tensor, holdout: Tensor) -> Membership:
    """Return the success of an attack by its scores of members (n,) and of the holdout (m,); members' are larger."""
    scores = members.double().numpy(), holdout.double().numpy()
    return Membership(auc(*scores), true_positive_rate(*scores))


class Nearness(NamedTuple):
    """Distances of members and of the holdout to the nearest sample, and to the nearest row of a reference set.

    Attributes:
        members, holdout: (n,) and (m,), the distances to the nearest sample.
        members_reference, holdout_reference: (n,) and (m,), the distances to the nearest row of the reference set, as
            :func:`reference_distances` returns them.
    """

    members: Tensor
    holdout: Tensor
    members_reference: Tensor
    holdout_reference: Tensor


def reference_distances(members: Tensor, holdout: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distances of members (n,) and of the holdout (m,) to the nearest row of a reference set.

    An attacker has rows of the same source as a reference. Here these are the first half of the holdout, for its second
    half and for the first half of the members, and the second half of the holdout for the others.

    Args:
        members: (n, columns), embedded rows.
        holdout: (m, columns), embedded rows; at least two.
    """
    first, second = holdout.chunk(2)
    halves = members.tensor_split(2)
    between = nearest_rows(first, second)
    to_first, to_second = (nearest_rows(*pair).distances[:, 0] for pair in zip(halves, (first, second), strict=True))
    return torch.cat([to_first, to_second]), torch.cat([between.distances[:, 0], between.back])


def distance_attack(members: Tensor, holdout: Tensor) -> Membership:
    """Return the success of the attack that takes rows near a sample for members (GAN-Leaks, arXiv:1909.03935).

    Args:
        members, holdout: (n,) and (m,), their distances to the nearest sample.
    """
    return membership(-members, -holdout)


def density_attack(nearness: Nearness) -> Membership:
    """Return the success of the attack that takes rows for members if samples are denser around them than real rows.

    This is DOMIAS (van Breugel et al., 2023, arXiv:2302.12580) with densities estimated from the nearest neighbour,
    which works for mixed columns: the score is log(distance to the reference) − log(distance to the samples). A row
    that is common anywhere counts less than in :func:`distance_attack`.
    """
    scores = (
        (reference + SMALLEST).log() - (samples + SMALLEST).log()
        for samples, reference in (
            (nearness.members, nearness.members_reference),
            (nearness.holdout, nearness.holdout_reference),
        )
    )
    return membership(*scores)


# Attribute inference -------------------------------------------------------------------------------------------------


class Advantage(NamedTuple):
    """Difference between the success of an attack on members and on the holdout.

    Attributes:
        value: difference of the shares; 0 if the attack learns nothing about members.
        margin: half the width of its 95 % interval, from the binomial distribution of both.
    """

    value: float
    margin: float


def attribute_attack(samples: Tensor, members: Tensor, holdout: Tensor, sensitive: int) -> Advantage:
    """Return how much more often an attacker guesses a sensitive value of members than of the holdout.

    The attacker knows all other values of a row, and guesses that of the nearest sample in these. A guess right for
    both is what the data teach about anybody; only the difference is due to membership. A number is guessed right
    within ``RIGHT`` of its rank.

    Args:
        samples, members, holdout: embedded rows with at least two columns.
        sensitive: index of the column to guess.
    """
    known = [i for i in range(samples.shape[1]) if i != sensitive]
    shares, variance = [], 0.0
    for rows in (members, holdout):
        guess = samples[nearest_rows(rows[:, known], samples[:, known]).indices[:, 0], sensitive]
        shares.append(((guess - rows[:, sensitive]).abs() <= RIGHT).double().mean().item())
        variance += shares[-1] * (1 - shares[-1]) / len(rows)
    return Advantage(shares[0] - shares[1], QUANTILE * variance**0.5)
