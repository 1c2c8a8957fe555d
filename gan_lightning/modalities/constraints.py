"""Constraints between columns of a table, such as ``admitted <= discharged``, which all generated rows keep."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np

from gan_lightning.errors import UserError, listed, printable
from gan_lightning.modalities.bins import draw_between
from gan_lightning.modalities.columns import Column
from gan_lightning.modalities.edges import round_down, round_up

OPERATORS = re.compile("<=|>=|==|<|>")
SEVERAL = "the operators are <, <=, ==, >= and >, as in start <= end"

Uniform = Callable[[int], np.ndarray]  # numbers (n,) in [0, 1) for n rows and a counter


@dataclass(frozen=True)
class Constraint:
    """An inequality or equality of two columns: smaller <= larger, smaller < larger or smaller == larger.

    Attributes:
        text: the constraint as the user wrote it.
        smaller, larger: indices of the columns.
        strict: True for <.
        equal: True for ==.
    """

    text: str
    smaller: int
    larger: int
    strict: bool = False
    equal: bool = False

    def is_violated(self, content: np.ndarray) -> np.ndarray:
        """Return True for the rows (n,) of content (n, columns) that have both values, and violate the constraint."""
        smaller, larger = content[:, self.smaller], content[:, self.larger]
        if self.equal:
            return (smaller < larger) | (smaller > larger)
        return smaller >= larger if self.strict else smaller > larger


class Constraints:
    """Constraints between the numbers or the dates of a table. A row without one of two values keeps any constraint.

    ``repair`` changes the values of rows that violate a constraint, as little as possible. If values in the bins of a
    row can keep all constraints, it takes such values, so that the distribution over bins does not change. Otherwise
    the smaller column keeps its value, as far as it can, and the larger one moves to the nearest bin that has an
    admissible value. In a bin, an admissible value is drawn. Equal columns take the value of the first of them.

    Args:
        texts: the constraints, such as ``admitted <= discharged``; the operators are <, <=, ==, >= and >.
        columns: the columns of the table.
        where: source of the constraints, for messages.

    Raises:
        UserError: if a constraint cannot be read, or if no row can keep all of them.
    """

    def __init__(self, texts: Sequence[str], columns: Sequence[Column], where: str) -> None:
        self.columns = columns
        self.constraints = [_parse(text, columns, where) for text in texts]
        self.groups = self._sort(where)
        self._group_of = {i: g for g, group in enumerate(self.groups) for i in group}
        grids = [[columns[i].grid for i in group] for group in self.groups]
        self._grids = [min((grid for grid in one if grid is not None), default=None) for one in grids]
        limits = [one.declared_bins[[0, -1], [0, 1]] if one.edges else (one.lowest, one.highest) for one in columns]
        self._limits = np.array([limits])
        self._check_limits(where)

    def _sort(self, where: str) -> list[list[int]]:
        """Return the constrained columns as groups of equal ones, smaller groups before larger ones."""
        groups = {i: [i] for one in self.constraints for i in (one.smaller, one.larger)}
        for one in self.constraints:
            if one.equal and groups[one.smaller] is not groups[one.larger]:
                groups[one.smaller] += groups[one.larger]
                groups |= dict.fromkeys(groups[one.larger], groups[one.smaller])
        smaller_groups: dict[int, list[int]] = {group[0]: [] for group in groups.values()}
        for one in self.constraints:
            if not one.equal:
                smaller_groups[groups[one.larger][0]].append(groups[one.smaller][0])
        try:
            return [groups[first] for first in TopologicalSorter(smaller_groups).static_order()]
        except CycleError as error:
            names = [printable(self.columns[i].name) for i in error.args[1]]
            raise UserError(
                f"{where}: {', '.join(names)} cannot each be smaller than the next: correct a constraint; == says that "
                "columns are equal"
            ) from error

    def _check_limits(self, where: str) -> None:
        """Raise UserError if no row can keep the constraints and the limits of the columns."""
        lows, caps = self._bounds(self._limits, np.ones((1, len(self.columns)), bool))
        for g in np.flatnonzero((lows > caps)[0]).tolist():
            name = printable(self.columns[self.groups[g][0]].name)
            texts = listed([one.text for one in self.constraints])
            raise UserError(
                f"{where}: {texts}: the limits of the columns leave no value for {name}: correct minimum, maximum or "
                "edges in the schema, or a constraint"
            )

    def check(self, content: np.ndarray, where: object) -> None:
        """Raise UserError if a row of content (n, columns) violates a constraint."""
        for one in self.constraints:
            violated = one.is_violated(content)
            if violated.any():
                raise UserError(
                    f"{where}: {violated.sum():,} of {len(content):,} rows violate {printable(one.text)}, the first is "
                    f"row {violated.argmax() + 1:,}: correct or remove them, or leave this constraint out"
                )

    def repair(self, content: np.ndarray, slots: np.ndarray, bins: Mapping[str, np.ndarray], uniform: Uniform) -> None:
        """Change values of rows, in place, so that all rows keep the constraints.

        Args:
            content: (n, columns), the rows; each number is in the bin that ``slots`` has for it.
            slots: (n, columns), the bin of each number.
            bins: for each column with bins, by its name, the lowest and the highest value of each (k, 2).
            uniform: function that returns numbers (n,) in [0, 1) for the rows and the index of a column.
        """
        rows = np.zeros(len(content), bool)
        for one in self.constraints:
            rows |= one.is_violated(content)
        if rows.any():
            content[rows] = self._repaired(content[rows], slots[rows], bins, lambda i: uniform(i)[rows])

    def _repaired(
        self, content: np.ndarray, slots: np.ndarray, bins: Mapping[str, np.ndarray], uniform: Uniform
    ) -> np.ndarray:
        present = ~np.isnan(content)
        bins_of = {i: bins[self.columns[i].name] for i in self._group_of}
        lows, caps = self._find_bounds(slots, bins_of, present)
        for g, group in enumerate(self.groups):
            grid, low = self._grids[g], lows[:, g]
            for one in self.constraints:
                if self._group_of[one.larger] == g and not one.equal:
                    least = round_up(content[:, one.smaller], grid, one.strict)
                    low = np.fmax(low, np.where(present[:, one.larger], least, np.nan))
            value = np.full(len(content), np.nan)
            for i in group:
                moved = _move(content[:, i], low, caps[:, g], bins_of[i], grid, uniform(i))
                value = np.where(np.isnan(value), moved, value)
            for i in group:
                content[:, i] = np.where(present[:, i], value, np.nan)
        return content

    def _find_bounds(
        self, slots: np.ndarray, bins: Mapping[int, np.ndarray], present: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds of the values (n, groups), which leave at least one admissible value.

        They are those of the bins of a row, of all bins, or of the limits: the first with which it can keep all
        constraints.
        """
        own, whole = np.full((2, *slots.shape, 2), np.nan)
        for i, edges in bins.items():
            own[:, i] = edges[slots[:, i].clip(max=len(edges) - 1)]
            whole[:, i] = edges.min(), edges.max()
        lows, caps = self._bounds(np.tile(self._limits, (len(slots), 1, 1)), present)
        for ranges in (whole, own):
            narrow_lows, narrow_caps = self._bounds(ranges, present)
            possible = (narrow_lows <= narrow_caps).all(1, keepdims=True)
            lows, caps = np.where(possible, narrow_lows, lows), np.where(possible, narrow_caps, caps)
        return lows, caps

    def _bounds(self, ranges: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds (n, groups) of values in ranges (n, columns, 2).

        A value at most its cap leaves admissible values for larger groups. The constraints can be kept if no lower
        bound is above its cap.
        """
        lows = np.full((len(ranges), len(self.groups)), -np.inf)
        caps = np.full_like(lows, np.inf)
        for g, group in enumerate(self.groups):
            for i in group:
                lows[:, g] = np.where(present[:, i], np.maximum(lows[:, g], ranges[:, i, 0]), lows[:, g])
                caps[:, g] = np.where(present[:, i], np.minimum(caps[:, g], ranges[:, i, 1]), caps[:, g])
            lows[:, g] = round_up(lows[:, g], self._grids[g])
        for g in reversed(range(len(self.groups))):
            caps[:, g] = round_down(caps[:, g], self._grids[g])
            for one in self.constraints:
                if self._group_of[one.larger] == g and not one.equal:
                    at, both = self._group_of[one.smaller], present[:, one.smaller] & present[:, one.larger]
                    most = round_down(caps[:, g], self._grids[at], one.strict)
                    caps[:, at] = np.where(both, np.minimum(caps[:, at], most), caps[:, at])
        return lows, caps


def _move(
    values: np.ndarray, low: np.ndarray, cap: np.ndarray, bins: np.ndarray, grid: int | None, uniform: np.ndarray
) -> np.ndarray:
    """Return the values (n,), those outside [low, cap] moved into it: into the nearest bin with an admissible value.

    If no bin has one, the nearest admissible value is taken.
    """
    lower = np.maximum(round_up(bins[:, 0], grid), low[:, None])
    upper = np.minimum(round_down(bins[:, 1], grid), cap[:, None])
    distance = np.maximum(lower - values[:, None], values[:, None] - upper)
    distance = np.where(lower <= upper, distance.clip(min=0), np.inf)
    nearest = distance.argmin(1)[:, None]
    lower, upper = (np.take_along_axis(one, nearest, 1)[:, 0] for one in (lower, upper))
    bound = values.clip(low, cap)
    lower, upper = (np.where(np.isfinite(distance.min(1)), one, bound) for one in (lower, upper))
    drawn = draw_between(lower, upper, uniform, grid).clip(lower, upper)
    kept = (low <= values) & (values <= cap) & (round_up(values, grid) == values)
    return np.where(kept | np.isnan(values), values, drawn)


def _parse(text: str, columns: Sequence[Column], where: str) -> Constraint:
    """Return the constraint in a text; the names of columns may have spaces and even operators in them."""
    place = f"{where}: {printable(text)}"
    indices = {column.name: i for i, column in enumerate(columns)}
    splits = [(text[: at.start()].strip(), at[0], text[at.end() :].strip()) for at in OPERATORS.finditer(text)]
    if not splits:
        raise UserError(f"{place}: must compare two columns: {SEVERAL}")
    known = [split for split in splits if split[0] in indices and split[2] in indices]
    left, operator, right = (known or splits)[0]
    for name in (left, right):
        if name not in indices:
            raise UserError(
                f"{place}: there is no column {printable(name)}: the columns are {listed(list(indices))}; minimum and "
                "maximum limit a column by a number"
            )
        column = columns[indices[name]]
        if column.is_category:
            raise UserError(f"{place}: {printable(name)} is of kind {column.kind}: compare numbers, or dates")
    a, b = indices[left], indices[right]
    if a == b:
        raise UserError(f"{place}: compares a column with itself: name two columns")
    if (columns[a].kind == "date") != (columns[b].kind == "date"):
        raise UserError(f"{place}: compares a date with a number: name two columns of numbers, or two of dates")
    if ">" in operator:
        a, b = b, a
    return Constraint(text, a, b, strict=operator in "<>", equal=operator == "==")
