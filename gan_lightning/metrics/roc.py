"""The receiver operating characteristic of scores, with confidence intervals."""

from typing import NamedTuple

import numpy as np

QUANTILE = 1.96  # of the normal distribution, for intervals of 95 %


class Auc(NamedTuple):
    """An area under the receiver operating characteristic.

    Attributes:
        value: the probability that a positive has a larger score than a negative; a tie counts half.
        margin: half the width of its 95 % interval by DeLong et al. (1988). It is 0 if all scores are in order.
    """

    value: float
    margin: float


def auc(positive: np.ndarray, negative: np.ndarray) -> Auc:
    """Return the area under the curve for the scores of positives (n,) and negatives (m,)."""
    above = _shares_below(positive, negative)  # of the negatives, for each positive
    below = 1 - _shares_below(negative, positive)
    variance = sum(one.var(ddof=1) / len(one) if len(one) > 1 else 0.25 for one in (above, below))
    return Auc(float(above.mean()), float(QUANTILE * np.sqrt(variance)))


def _shares_below(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the share of the others that is below each score; equal ones count half."""
    others = np.sort(others)
    return (np.searchsorted(others, scores, "left") + np.searchsorted(others, scores, "right")) / (2 * len(others))


def true_positive_rate(positive: np.ndarray, negative: np.ndarray, at: float = 0.01) -> float:
    """Return the share of positives that a threshold finds which accepts the share ``at`` of the negatives.

    Between two thresholds, the curve is a straight line.
    """
    thresholds = np.unique(np.concatenate([positive, negative]))[::-1]
    found, accepted = (
        np.concatenate([[0], 1 - np.searchsorted(np.sort(one), thresholds, "left") / len(one)])
        for one in (positive, negative)
    )
    first = int(np.searchsorted(accepted, at, "right")) - 1  # the last threshold that accepts no more
    if first + 1 == len(accepted):
        return float(found[first])
    slope = (found[first + 1] - found[first]) / (accepted[first + 1] - accepted[first])
    return float(found[first] + slope * (at - accepted[first]))
