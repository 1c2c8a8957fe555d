"""The modality of the values of one column of a table, the condition of models of tables."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gan_lightning.modalities.columns import Column
from gan_lightning.modalities.label import Labels


class ColumnValue(Labels):
    """Values of a column with categories: labels, whose names are the values, with the shares that they have.

    A value is given with or without the name of the column: ``condition="income=>50K"`` or ``condition=">50K"``.

    Args:
        column: the column, whose kind is ``category`` or ``ordered``.

    Attributes:
        counts: how often each value occurs in the training rows (num_classes,); equally often until ``fit`` is called.
    """

    suffix = ".values"

    def __init__(self, column: Column) -> None:
        super().__init__(len(column.values), column.values)
        self.column = column
        self.counts = torch.ones(self.num_classes)

    def fit(self, labels: Tensor) -> None:
        """Count the labels (n,) of the training rows."""
        self.counts = torch.bincount(labels, minlength=self.num_classes).float()

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Return n labels, drawn as often as the training rows have them."""
        return torch.multinomial(self.counts, n, replacement=True, generator=generator)

    def _parse(self, text: str) -> int | None:
        name, equals, value = text.partition("=")
        if equals and name.strip() == self.column.name and super()._parse(text) is None:
            text = value.strip()
        return super()._parse(text)

    def state(self) -> dict[str, Any]:
        return super().state() | {"counts": self.counts}

    def load_state(self, state: Mapping[str, Any]) -> None:
        counts = state.get("counts")
        if not isinstance(counts, Tensor) or counts.shape != (self.num_classes,) or not counts.sum() > 0:
            raise ValueError(f"{self.column.name}: the state must have the counts of {self.num_classes} values")
        super().load_state({name: one for name, one in state.items() if name != "counts"})
        self.counts = counts
