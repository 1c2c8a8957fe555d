"""Rows and cells of the benchmarks' tables."""

import statistics
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Return the quotients of two measurements, one for each round."""
    return [numerator / denominator for numerator, denominator in zip(numerators, denominators, strict=True)]


def median_and_range(values: Sequence[float], digits: int = 2) -> str:
    """Format the median, with the smallest and the largest value in brackets."""
    return f"{statistics.median(values):.2f} ({min(values):.{digits}f} … {max(values):.{digits}f})"
