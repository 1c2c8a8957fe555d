"""Cells of the benchmarks' tables."""

import statistics
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def ratios(these: Sequence[float], those: Sequence[float]) -> list[float]:
    """Round by round."""
    return [this / that for this, that in zip(these, those, strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, and in brackets the least and the largest."""
    return f"{statistics.median(values):.2f} ({min(values):.{digits}f} … {max(values):.{digits}f})"
