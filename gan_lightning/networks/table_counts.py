"""Generators of tables that count: each column given the label, another column, both or neither."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.chow_liu import (
    conditional_mutual_information,
    maximum_spanning_tree,
    mutual_information,
)
from gan_lightning.system.randomness import secret_normal

Structure = Literal["independent", "label", "tree", "tan"]

ROWS_AT_ONCE = 8192  # rows that ``fit`` counts in one matrix product


@dataclass
class Conditional:
    """Distribution of one column given the label and another column.

    Attributes:
        column: index of the column.
        given_label: True if the column depends on the label.
        parent: index of the other column that the column depends on; None if there is none.
        table: probabilities (classes, slots of the parent, slots), with 1 in place of what does not matter.
    """

    column: int
    given_label: bool
    parent: int | None
    table: Tensor

    @cached_property
    def thresholds(self) -> Tensor:
        """Cumulative probabilities (distributions, slots − 1), from which on a latent chooses the next slot.

        They are float64 numbers with the precision of float32, so that latents of both types choose the same slots.
        """
        return self.table.flatten(0, 1).double().cumsum(1)[:, :-1].float().double()

    def rows(self, codes: Tensor, target: int | None) -> Tensor:
        """Return the index of the distribution of each row (n,) among those of ``table.flatten(0, 1)``."""
        index = torch.zeros_like(codes[:, 0])
        if self.given_label:
            index = index + codes[:, target] * self.table.shape[1]
        return index if self.parent is None else index + codes[:, self.parent]


class Generator(nn.Module):
    """Maps latents (B, columns) in [0, 1) to rows (B, D): one block of a one-hot vector for each column.

    It has no weights: it counts rows, and samples one column after another from the counted distributions. Each latent
    coordinate chooses the slot of its column by the inverse of the cumulative distribution. A row is therefore the same
    on every device. The distribution of a column depends on

    * ``independent``: nothing;
    * ``label``: the label (naive Bayes);
    * ``tree``: one other column, by the tree that has the highest likelihood (Chow & Liu, 1968,
      https://doi.org/10.1109/TIT.1968.1054142). Its root is the label, if there is one;
    * ``tan``: the label and one other column, tree-augmented naive Bayes (Friedman, Geiger & Goldszmidt, 1997,
      https://doi.org/10.1023/A:1007465528199).

    With a condition, the label is the condition, and the other columns follow the counted distribution given it.

    Distributions are smoothed as if ``smoothing`` more rows had been counted for each combination of parents. Those
    rows follow the column's distribution given the label alone, which is smoothed towards the column's marginal, which
    is smoothed towards the uniform distribution. So every row has a probability above 0.

    Args:
        blocks: number of slots of each column.
        target: index of the column of labels; None if there is none.
        structure: what each column depends on.
        smoothing: weight of the simpler distribution, as a number of rows.

    Raises:
        ValueError: if the structure needs a label and there is none.
    """

    counts: Tensor

    def __init__(
        self,
        blocks: Sequence[PositiveInt],
        target: NonNegativeInt | None,
        structure: Structure,
        smoothing: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.given_label, self.has_tree = structure in ("label", "tan"), structure in ("tree", "tan")
        if target is None and self.given_label:
            raise ValueError(f"structure={structure}: needs a label: set data.target, or choose independent or tree")
        if target is not None and target >= len(blocks):
            raise ValueError(f"target={target}: there are {len(blocks)} columns, counted from 0")
        self.blocks, self.target, self.smoothing = list(blocks), target, smoothing
        self.starts = list(accumulate(self.blocks, initial=0))[:-1]
        width = sum(self.blocks)
        classes = self.blocks[target] if target is not None and self.given_label else 1
        # How many rows of each class have each pair of slots; without a tree, how many have each slot. Integers of 32
        # bits are enough for 2 billion rows, and half as much in a checkpoint.
        self.register_buffer("counts", torch.zeros(classes, width if self.has_tree else 1, width, dtype=torch.int32))
        self._derived: tuple[Tensor, int, list[Conditional]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for copies, which derive their distributions from their own counts."""
        return self.__dict__ | {"_derived": None}

    @torch.no_grad()
    def count(self, sample: Tensor) -> None:
        """Add rows (n, D) to the counts."""
        with torch.autocast(sample.device.type, enabled=False):  # bfloat16 has no integers above 256
            sample = sample.float()  # exact up to 2^24 rows
            for label, counts in enumerate(self.counts):
                rows = sample[self._block(sample, self.target)[:, label] > 0.5] if self.given_label else sample
                seen = rows.T @ rows if self.has_tree else rows.sum(0, keepdim=True)
                counts += seen.round().to(counts.dtype)

    @torch.no_grad()
    def add_noise(self, noise_multiplier: float) -> None:
        """Add Gaussian noise to the counts, which is rounded as they are.

        Each row adds 1 to one slot of each column, so its L2 sensitivity is the root of the number of columns. Counts
        below 0 count as 0 when distributions are derived.

        Args:
            noise_multiplier: standard deviation of the noise over the sensitivity.
        """
        noise = noise_multiplier * len(self.blocks) ** 0.5 * secret_normal(self.counts.shape, self.counts.device)
        self.counts += noise.round().to(self.counts.dtype)

    def fit(self, sample: Tensor) -> Self:
        """Count the rows (n, D), and no others; return the generator."""
        self.counts.zero_()
        for part in sample.split(ROWS_AT_ONCE):
            self.count(part.to(self.counts.device))
        return self

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        codes = torch.zeros(len(latent), len(self.blocks), dtype=torch.int64, device=latent.device)
        for one in self.distributions():
            if one.column == self.target and condition is not None:
                codes[:, one.column] = condition
                continue
            thresholds = one.thresholds.to(latent.device)
            of_rows = thresholds.index_select(0, one.rows(codes, self.target))
            chosen = latent[:, one.column, None].to(of_rows).contiguous()
            codes[:, one.column] = torch.searchsorted(of_rows, chosen, right=True)[:, 0]
        slots = codes + torch.tensor(self.starts, device=latent.device)
        return torch.zeros(len(latent), sum(self.blocks), device=latent.device).scatter_(1, slots, 1.0)

    def log_probability(self, sample: Tensor) -> Tensor:
        """Return the log-probability of each row (n, D), in nats (n,)."""
        codes = torch.stack([block.argmax(1) for block in sample.split(self.blocks, 1)], 1)
        total = torch.zeros(len(sample), device=sample.device)
        for one in self.distributions():
            logs = one.table.flatten(0, 1).log().float().to(sample.device)
            total = total + logs[one.rows(codes, self.target), codes[:, one.column]]
        return total

    def distributions(self) -> list[Conditional]:
        """Return the distribution of each column, parents before their children.

        They are derived from the counts, on the CPU in float64, when the counts have changed.
        """
        if self._derived is None or self._derived[0] is not self.counts or self._derived[1] != self.counts._version:
            self._derived = self.counts, self.counts._version, self._derive()
        return self._derived[2]

    def parents(self) -> dict[int, int | None]:
        """Return the other column that each column depends on, by index, parents before their children.

        The label is the first column, if there is one.
        """
        counts, columns = self.counts.cpu().numpy(), range(len(self.blocks))
        first = 0 if self.target is None else self.target
        if not self.has_tree:
            return dict.fromkeys(sorted(columns, key=lambda column: column != first))
        if not self.given_label:
            return maximum_spanning_tree(mutual_information(counts[0], self.starts), first)
        # The label is the parent of all others. The tree is one of the other columns.
        others = [column for column in columns if column != first]
        weights = conditional_mutual_information(counts, self.starts)[np.ix_(others, others)]
        tree = maximum_spanning_tree(weights, 0) if others else {}
        named = {others[node]: None if parent is None else others[parent] for node, parent in tree.items()}
        return {first: None} | named

    def _derive(self) -> list[Conditional]:
        counts = self.counts.cpu().double().clamp(min=0)
        of_classes = counts.diagonal(dim1=1, dim2=2) if self.has_tree else counts[:, 0]  # of each slot
        distributions = []
        for column, parent in self.parents().items():
            given_label = self.given_label and column != self.target
            table = torch.full((self.blocks[column],), 1 / self.blocks[column], dtype=torch.float64)
            table = self._smooth(self._block(of_classes.sum(0), column), table)[None]
            if given_label:
                table = self._smooth(self._block(of_classes, column), table)
            table = table[:, None]
            if parent is not None:
                pairs = self._block(self._block(counts, column).transpose(1, 2), parent).transpose(1, 2)
                table = self._smooth(pairs, table)
            distributions.append(Conditional(column, given_label, parent, table))
        return distributions

    def _smooth(self, counts: Tensor, simpler: Tensor) -> Tensor:
        """Return the shares of counts (…, slots), each distribution smoothed towards a simpler one."""
        return (counts + self.smoothing * simpler) / (counts.sum(-1, keepdim=True) + self.smoothing)

    def _block(self, slots: Tensor, column: int | None) -> Tensor:
        """Return the slots (…, slots) of one column of (…, D)."""
        assert column is not None
        return slots.narrow(-1, self.starts[column], self.blocks[column])
