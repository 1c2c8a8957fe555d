"""Rows of a table as vectors, for methods that take no categories and no missing values.

Rows are arrays (n, columns) float64. A value of a category is its index, and a missing value is NaN.
"""

from typing import NamedTuple

import numpy as np

CLIP = 10.0  # standard deviations, beyond which a number tells nothing more


class Encoding(NamedTuple):
    """Transformation of rows to vectors (n, d) float32, fitted to training rows.

    A number is standardized by its median and its interquartile range; a missing one is the median. A category is a
    one-hot vector. A column with missing values in the training rows has one more entry that marks them.

    Attributes:
        categorical: (columns,), True for categories.
        sizes: number of values of each category; 0 for a number.
        centers: (columns,), the medians of numbers.
        scales: (columns,), the standard deviations of numbers, estimated from quartiles.
        marks_missing: (columns,), True for columns with an entry that marks missing values.
    """

    categorical: np.ndarray
    sizes: list[int]
    centers: np.ndarray
    scales: np.ndarray
    marks_missing: np.ndarray

    def __call__(self, rows: np.ndarray, without: int | None = None) -> np.ndarray:
        """Return the vectors of rows.

        Args:
            rows: (n, columns), the rows.
            without: index of a column to leave out; None for all columns.
        """
        parts = [self._column(rows[:, i], i) for i in range(len(self.sizes)) if i != without]
        return np.concatenate(parts, 1, dtype=np.float32) if parts else np.zeros((len(rows), 1), np.float32)

    def _column(self, values: np.ndarray, i: int) -> np.ndarray:
        missing = np.isnan(values)
        if self.categorical[i]:
            codes = np.where(missing, -1, values)
            part = codes[:, None] == np.arange(self.sizes[i])
        else:
            standardized = (values - self.centers[i]) / self.scales[i]
            part = np.where(missing, 0, standardized).clip(-CLIP, CLIP)[:, None]
        return np.concatenate([part, missing[:, None]], 1) if self.marks_missing[i] else part


def fit_encoding(rows: np.ndarray, categorical: np.ndarray) -> Encoding:
    """Return the encoding fitted to training rows (n, columns); ``categorical`` (columns,) is True for categories."""
    sizes, centers, scales = [], np.zeros(len(categorical)), np.ones(len(categorical))
    for i, is_category in enumerate(categorical):
        given = rows[~np.isnan(rows[:, i]), i]
        sizes.append(int(given.max(initial=-1)) + 1 if is_category else 0)
        if not is_category and len(given):
            low, centers[i], high = np.quantile(given, [0.25, 0.5, 0.75])
            scales[i] = (high - low) / 1.349 or given.std() or 1  # 1.349: of a normal distribution
    return Encoding(categorical, sizes, centers, scales, np.isnan(rows).any(0))
