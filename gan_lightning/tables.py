"""Formats tables as Markdown."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any


def markdown(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table with aligned columns; floats have four significant digits."""
    cells = [list(columns), *([_format_cell(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def mean_and_deviation(values: Sequence[float], digits: int = 3, digits_of_deviation: int = 2) -> str:
    """Return the mean of values and, of several, their sample standard deviation, with so many significant digits."""
    mean = f"{statistics.mean(values):.{digits}g}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits_of_deviation}g}"


def _format_cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
