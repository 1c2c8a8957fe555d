"""Values that depend only on the iteration, so that a resumed run continues with the same values."""

import math
from collections.abc import Callable

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


def as_schedule(value: float | Schedule) -> Schedule:
    """Return a schedule as it is, and a number as a constant schedule."""
    return value if callable(value) else lambda iteration: value
