"""Metrics of planted canaries, which data without canaries lack."""

from collections.abc import Callable

from torch import Tensor

from gan_lightning.metrics.canaries import CanaryCounts, count_canaries
from gan_lightning.metrics.table_metrics import TableReference, TableView


def find_canaries(samples: TableView, reference: TableReference) -> CanaryCounts | None:
    evaluator = samples.evaluator
    if evaluator.canaries is None:
        return None
    assert isinstance(reference.training, Tensor)
    return count_canaries(samples.content, reference.training, evaluator.canaries, evaluator.distance)


def canaries_exact(reference: TableReference, samples: TableView) -> int | None:
    counts = samples.compute_once(find_canaries, reference)
    return None if counts is None else counts.exact


def canaries_near(reference: TableReference, samples: TableView) -> int | None:
    counts = samples.compute_once(find_canaries, reference)
    return None if counts is None else counts.near


def controls_exact(reference: TableReference, samples: TableView) -> int | None:
    counts = samples.compute_once(find_canaries, reference)
    return None if counts is None else counts.exact_controls


def controls_near(reference: TableReference, samples: TableView) -> int | None:
    counts = samples.compute_once(find_canaries, reference)
    return None if counts is None else counts.near_controls


def of_real_rows(
    compute: Callable[[TableReference, TableView], int | None],
) -> Callable[[TableReference], int | None]:
    """Return a baseline: the metric of the real rows that samples are compared with."""
    return lambda reference: compute(reference, reference.real)
