"""The metrics of one or a few sets of samples as a table for people."""

from collections.abc import Mapping
from typing import Any

from gan_lightning.metrics.findings import MEANING
from gan_lightning.metrics.suite import Figures
from gan_lightning.tables import markdown


def metrics_table(columns: Mapping[str, Mapping[str, Any]], floor: Figures) -> str:
    """A row a metric: its value in each column, what real pictures have, what it is."""
    rows: list[dict[str, Any]] = [
        {"metric": metric}
        | {name: values.get(metric, "") for name, values in columns.items()}
        | {"real data": floor[metric], "what it is": meaning}
        for metric, meaning in MEANING.items()
        if metric in floor and any(metric in values for values in columns.values())
    ]
    return markdown(["metric", *columns, "real data", "what it is"], rows)
