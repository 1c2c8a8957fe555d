"""Edges of bins that a schema declares, so that the bins do not depend on rows."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np

RANGE_KEYS = ("from", "to", "step")
MAX_EDGES = 10_000

Edge = int | float | str
Edges = Sequence[Edge] | Mapping[str, Edge]


def read_edges(edges: Any, are_numbers: bool) -> Any:
    """Return edges as plain values, with numbers in place of their texts, as schema files are read as texts."""
    read = _read_number if are_numbers else str
    if isinstance(edges, Mapping):
        return {str(key): read(edge) for key, edge in edges.items()}
    return [read(edge) for edge in edges] if isinstance(edges, Sequence) and not isinstance(edges, str) else edges


def _read_number(edge: Any) -> Any:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(edge) if isinstance(edge, str) else edge
    raise ValueError(f"{edge} is no number")


def parse_edges(edges: Edges, parse: Callable[[Edge], float]) -> list[float]:
    """Return declared edges as increasing numbers.

    Args:
        edges: the edges, or a mapping of ``from``, ``to`` and ``step`` for from, from + step, from + 2 step, …, to.
        parse: function that returns the number of one edge, and raises ValueError if there is none.

    Raises:
        ValueError: if there are too few or too many edges, or if they do not increase.
    """
    if isinstance(edges, Mapping):
        return _parse_range(edges, parse)
    if not 2 <= len(edges) <= MAX_EDGES:
        raise ValueError(f"edges must be 2 to {MAX_EDGES:,} values, not {len(edges):,}")
    numbers = [parse(edge) for edge in edges]
    for i, (before, after) in enumerate(pairwise(numbers)):
        if not -np.inf < before < after < np.inf:
            raise ValueError(f"edges must be finite and increase, and {edges[i + 1]} follows {edges[i]}")
    return numbers


def _parse_range(edges: Mapping[str, Edge], parse: Callable[[Edge], float]) -> list[float]:
    if set(edges) != set(RANGE_KEYS):
        raise ValueError("edges must be a list, or a mapping of from, to and step")
    first, last = parse(edges["from"]), parse(edges["to"])
    try:
        step = float(edges["step"])
    except ValueError as error:
        raise ValueError(f"edges: step={edges['step']}: must be a number") from error
    if not (step > 0 and first < last and (last - first) / step < MAX_EDGES):
        raise ValueError(f"edges: from, to and step must give at most {MAX_EDGES:,} increasing edges")
    start, width = Decimal(repr(first)), Decimal(repr(step))  # so that 0.1 · 3 is 0.3
    count = int(np.ceil((last - first) / step - 1e-9))
    return [*(float(start + i * width) for i in range(count)), last]


def declared_bins(edges: Sequence[float], grid: int | None, lowest: float, highest: float) -> np.ndarray:
    """Return the lowest and the highest value of each bin (k, 2): [e₀, e₁), [e₁, e₂), …; the last one is closed.

    Args:
        edges: k + 1 increasing numbers.
        grid: number of decimals of the values; None for any.
        lowest, highest: limits of the values.

    Raises:
        ValueError: if a bin holds no value.
    """
    first, after = np.array(edges[:-1]), np.array(edges[1:])
    lower, upper = round_up(first, grid), round_down(after, grid, strict=True)
    upper[-1:] = round_down(after[-1:], grid)
    bins = np.stack([lower.clip(min=lowest), upper.clip(max=highest)], 1)
    empty = np.flatnonzero(bins[:, 0] > bins[:, 1])
    if len(empty):
        i = int(empty[0])
        raise ValueError(f"edges: the column has no value in bin {i + 1}, from {edges[i]:g} to {edges[i + 1]:g}")
    return bins


def round_up(values: np.ndarray, grid: int | None, strict: bool = False) -> np.ndarray:
    """Return the smallest value with ``grid`` decimals that is at least each value; greater than it if ``strict``."""
    if grid is None:
        return _next_normal(values) if strict else values
    step = 10.0**grid
    nearest = np.round(values * step)
    rounded = np.round(nearest / step, grid)
    is_enough = rounded > values if strict else rounded >= values
    return np.where(is_enough, rounded, np.round((nearest + 1) / step, grid))


def round_down(values: np.ndarray, grid: int | None, strict: bool = False) -> np.ndarray:
    """Return the largest value with ``grid`` decimals that is at most each value; smaller than it if ``strict``."""
    return 0.0 - round_up(-values, grid, strict)


def _next_normal(values: np.ndarray) -> np.ndarray:
    """Return the next larger float64, without subnormal numbers, which a process may treat as 0."""
    following, tiny = np.nextafter(values, np.inf), np.finfo(float).tiny
    return np.where(np.abs(following) < tiny, np.where(values < 0, 0.0, tiny), following)
