"""Values that depend only on the iteration, so that a resumed run continues with the same values."""

import bisect
import itertools
import math
from collections.abc import Callable, Sequence

from pydantic import FiniteFloat, NonNegativeInt, PositiveInt

Schedule = Callable[[int], float]


class Linear:
    """Linear change from one value to another.

    Args:
        begin: the value of the first ``hold`` iterations.
        end: the value after ``hold + iterations`` iterations.
        iterations: the number of iterations from ``begin`` to ``end``.
        hold: the number of iterations before the change starts.
    """

    def __init__(self, begin: FiniteFloat, end: FiniteFloat, iterations: PositiveInt, hold: NonNegativeInt = 0) -> None:
        self.begin, self.end, self.iterations, self.hold = begin, end, iterations, hold

    def __call__(self, iteration: int) -> float:
        return self.begin + (self.end - self.begin) * self._progress(iteration)

    def _progress(self, iteration: int) -> float:
        return min(max(iteration - self.hold, 0) / self.iterations, 1.0)


class Cosine(Linear):
    """Change from one value to another along half a cosine (Loshchilov & Hutter, 2016, arXiv:1608.03983).

    Takes the arguments of :class:`Linear`.
    """

    def _progress(self, iteration: int) -> float:
        return (1 - math.cos(math.pi * super()._progress(iteration))) / 2


class Stages:
    """Several schedules in turn, each of which starts at iteration 0 of its stage.

    Args:
        schedules: the schedule or the constant value of each stage.
        lengths: number of iterations of all stages but the last.
    """

    def __init__(self, schedules: Sequence[FiniteFloat | Schedule], lengths: Sequence[PositiveInt]) -> None:
        if len(schedules) != len(lengths) + 1:
            raise ValueError(f"{len(schedules)} schedules need {len(schedules) - 1} lengths, not {len(lengths)}")
        self.schedules = [as_schedule(one) for one in schedules]
        self.starts = [0, *itertools.accumulate(lengths)]

    def __call__(self, iteration: int) -> float:
        stage = bisect.bisect_right(self.starts, iteration) - 1
        return self.schedules[stage](iteration - self.starts[stage])


def as_schedule(value: float | Schedule) -> Schedule:
    """Return a schedule as it is, and a number as a constant schedule."""
    return value if callable(value) else lambda iteration: value
