"""Describes a metric: the function that computes it, and what reports need to show its values."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

Metrics = dict[str, float]


class Metric(NamedTuple):
    """A number that describes a set of samples.

    Attributes:
        name: the name in ``evaluation/<name>``.
        meaning: a short description for tables.
        compute: (reference, samples) -> value; None if the data lack what it needs.
        baseline: reference -> the value of perfect samples; None to apply ``compute`` to other real examples.
        quick: True for a cheap metric, which the alarm computes during training.
        headline: True for a metric that is shown in tables without room for all.
        warn: (value, baseline) -> a message that names a fault, or None if there is none.
        group: the part of a report that shows the metric, such as ``realism``, ``utility`` or ``privacy``.
        better: the values that are better; None if neither direction is.
    """

    name: str
    meaning: str
    compute: Callable[[Any, Any], float | None]
    baseline: Callable[[Any], float | None] | None = None
    quick: bool = False
    headline: bool = False
    warn: Callable[[float, float], str | None] | None = None
    group: str = "realism"
    better: Literal["higher", "lower", "as real"] | None = None
