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


def repeated(name: str) -> Callable[[TableReference, TableView], int | None]:
    """Return the metric that is the field ``name`` of :class:`CanaryCounts`; None without canaries."""

    def metric(reference: TableReference, samples: TableView) -> int | None:
        counts = samples.compute_once(find_canaries, reference)
        return None if counts is None else getattr(counts, name)

    return metric


canaries_exact, canaries_near, controls_exact, controls_near = map(
    repeated, ("exact", "near", "exact_controls", "near_controls")
)
