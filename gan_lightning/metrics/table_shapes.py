"""Errors of the columns of a table, and of their pairs, compared with real rows.

Rows are arrays (n, columns) float64. A value of a category is its index, and a missing value is NaN.
``categorical`` (columns,) is True for categories, and False for numbers and dates.
"""

from itertools import combinations

import numpy as np

BINS = 10  # of a number that is paired with a category


def column_errors(real: np.ndarray, samples: np.ndarray, categorical: np.ndarray) -> np.ndarray:
    """Return the error of each column (columns,), from 0 for equal distributions to 1 for disjoint ones.

    It is the Kolmogorov–Smirnov statistic of numbers, and the total variation distance of categories: one minus
    SDMetrics' KSComplement and TVComplement. SDMetrics ignores missing values. Here they are one more category, or the
    largest value of a number, so that a wrong share of them is an error.
    """
    return np.array(
        [
            variation_distance(_codes(a), _codes(b)) if is_category else ks_statistic(a, b)
            for a, b, is_category in zip(real.T, samples.T, categorical, strict=True)
        ]
    )


def ks_statistic(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Kolmogorov–Smirnov statistic of two sets of numbers; missing values are larger than all others."""
    a, b = (np.sort(np.where(np.isnan(one), np.inf, one)) for one in (a, b))
    points = np.concatenate([a, b])
    shares = (np.searchsorted(one, points, side="right") / len(one) for one in (a, b))
    return float(np.abs(np.subtract(*shares)).max())


def variation_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the total variation distance of two sets of codes: integers, of which each is a category."""
    _, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    shares = (np.bincount(part, minlength=codes.max() + 1) / len(part) for part in np.split(codes, [len(a)]))
    return float(np.abs(np.subtract(*shares)).sum() / 2)


def pair_errors(real: np.ndarray, samples: np.ndarray, categorical: np.ndarray) -> np.ndarray:
    """Return the error of each pair of columns (columns, columns), from 0 to 1: symmetric, with zeros on the diagonal.

    The definitions are those of SDMetrics' column pair trends, subtracted from 1. Two numbers have half the difference
    of their Pearson correlations, over the rows that miss neither. Other pairs have the total variation distance of
    their contingency tables. A number in these is in one of 10 bins of equal width between the smallest and the largest
    real value. Missing values are one more category.

    SDMetrics leaves out the correlation of a constant column; here it is 0.
    """
    coded = [
        (_codes(a), _codes(b)) if is_category else _binned(a, b)
        for a, b, is_category in zip(real.T, samples.T, categorical, strict=True)
    ]
    errors = np.zeros((len(coded), len(coded)))
    for i, j in combinations(range(len(coded)), 2):
        if categorical[i] or categorical[j]:
            width = max(codes.max() for codes in coded[j]) + 1
            error = variation_distance(*(coded[i][k] * width + coded[j][k] for k in range(2)))
        else:
            error = abs(_correlation(real[:, i], real[:, j]) - _correlation(samples[:, i], samples[:, j])) / 2
        errors[i, j] = errors[j, i] = error
    return errors


def mean_pair_error(errors: np.ndarray) -> float | None:
    """Return the mean over all pairs of the matrix that :func:`pair_errors` returns; None for a single column."""
    upper = errors[np.triu_indices(len(errors), 1)]
    return float(upper.mean()) if len(upper) else None


def _codes(values: np.ndarray) -> np.ndarray:
    """Return categories as integers from 1 on; 0 for missing values."""
    return np.where(np.isnan(values), 0, values + 1).astype(np.int64)


def _binned(real: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets of numbers as the codes of ``BINS`` bins; 0 for missing values."""
    given = real[~np.isnan(real)]
    inner = np.linspace(given.min(), given.max(), BINS + 1)[1:-1] if len(given) else np.empty(0)
    bins = [np.where(np.isnan(one), 0, np.digitize(one, inner) + 1) for one in (real, samples)]
    return bins[0], bins[1]


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Pearson correlation over the rows where both are given; 0 if one of them is constant there."""
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    if not len(a) or (a == a[0]).all() or (b == b[0]).all():
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
