"""Values that change with the iteration: functions of it alone, so that a resumed run goes on with the same."""

import math
from collections.abc import Callable

from pydantic import FiniteFloat, NonNegativeInt, PositiveInt

Schedule = Callable[[int], float]


class Linear:
    """From ``begin`` to ``end`` over so many iterations, then ``end``; ``begin`` for ``hold`` iterations first."""

    def __init__(self, begin: FiniteFloat, end: FiniteFloat, iterations: PositiveInt, hold: NonNegativeInt = 0) -> None:
        self.begin, self.end, self.iterations, self.hold = begin, end, iterations, hold

    def __call__(self, iteration: int) -> float:
        return self.begin + (self.end - self.begin) * self._progress(iteration)

    def _progress(self, iteration: int) -> float:
        return min(max(iteration - self.hold, 0) / self.iterations, 1.0)


class Cosine(Linear):
    """The same along half a cosine, slow at both ends (Loshchilov & Hutter, 2016, arXiv:1608.03983)."""

    def _progress(self, iteration: int) -> float:
        return (1 - math.cos(math.pi * super()._progress(iteration))) / 2


def as_schedule(value: float | Schedule) -> Schedule:
    """A number as the schedule that never changes."""
    return value if callable(value) else lambda iteration: value
