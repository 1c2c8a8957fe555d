"""Counts of steps by the context that they follow."""

from typing import Annotated, Any, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

Discount = Annotated[float, Field(gt=0, lt=1)]


class Range(NamedTuple):
    """Consecutive entries of a table for each of several sequences, and their shares in the counts of a context.

    Attributes:
        first: index of the first entry (B,).
        last: index after the last entry (B,).
        share: part of the context's probability that the entries have (B,), float64.
        rest: part of the probability that a shorter context distributes (B,), float64.
        total: number of steps that were counted in the context (B,).
    """

    first: Tensor
    last: Tensor
    share: Tensor
    rest: Tensor
    total: Tensor


class Table(nn.Module):
    """Counts of steps by the context that they follow, as sorted tensors that grow.

    Args:
        base: number of steps that there are; contexts and steps are numbers from 0 on.
        discount: what is subtracted from each count.

    Attributes:
        keys: context · ``base`` + step of each entry, ascending, int64.
        counts: how often the entry was counted, int32.
    """

    keys: Tensor
    counts: Tensor

    def __init__(self, base: int, discount: float) -> None:
        super().__init__()
        self.base, self.discount = base, discount
        self.register_buffer("keys", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("counts", torch.zeros(0, dtype=torch.int32))
        self._sums: tuple[Tensor, int, Tensor, Tensor] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for copies, which sum their own counts."""
        return self.__dict__ | {"_sums": None}

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        for name in ("keys", "counts"):
            if f"{prefix}{name}" in state_dict:  # the tables of a checkpoint have their own length
                setattr(self, name, torch.empty_like(state_dict[f"{prefix}{name}"], device=getattr(self, name).device))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def add(self, keys: Tensor, counted: int) -> Tensor:
        """Add entries with these keys (n,), and count the first ``counted`` of them.

        Returns:
            The new index of each entry that was there before.
        """
        new, place = keys.unique(return_inverse=True)
        added = torch.zeros_like(new, dtype=self.counts.dtype).index_add_(
            0, place[:counted], self.counts.new_ones(counted)
        )
        merged = torch.cat([self.keys, new]).unique()
        moved = torch.searchsorted(merged, self.keys)
        counts = torch.zeros_like(merged, dtype=self.counts.dtype)
        counts[moved] = self.counts
        counts[torch.searchsorted(merged, new)] += added
        self.keys, self.counts = merged, counts
        return moved

    def renumber(self, contexts: Tensor) -> None:
        """Replace each context by ``contexts[context]``, which ascends as the contexts do."""
        self.keys = contexts[self.keys // self.base] * self.base + self.keys % self.base

    def find(self, context: Tensor, step: Tensor) -> Tensor:
        """Return the index of entries, which is -1 where there is none or where the context is -1."""
        if not len(self.keys):
            return torch.full_like(context, -1)
        key = context * self.base + step
        index = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        return torch.where((self.keys[index] == key) & (context >= 0), index, -1)

    def range(self, context: Tensor, low: Tensor, high: Tensor) -> Range:
        """Return the entries of a context whose steps are from ``low`` to below ``high``; -1 is an empty context."""
        masses, types = self.sums()
        key = context.clamp(min=0) * self.base
        ends = torch.stack([key, key + self.base, key + low, key + high])
        begin, end, first, last = torch.searchsorted(self.keys, ends).unbind()
        is_known = context >= 0
        rest = self.discount * (types[end] - types[begin])
        total = (masses[end] - masses[begin] + rest).round() * is_known
        divisor = total.clamp(min=1)
        share = (masses[last] - masses[first]) / divisor * is_known
        return Range(first, last, share, torch.where(total > 0, rest / divisor, 1.0), total)

    def choose(self, found: Range, place: Tensor) -> Tensor:
        """Return the step at places from 0 to below ``found.share`` (B,) of the distribution; 0 without entries."""
        if not len(self.keys):
            return torch.zeros_like(found.first)
        masses, _ = self.sums()
        index = torch.searchsorted(masses, masses[found.first] + place * found.total, right=True) - 1
        index = torch.minimum(torch.maximum(index, found.first), found.last - 1).clamp(0, max(len(self.keys) - 1, 0))
        return self.keys[index] % self.base

    def sums(self) -> tuple[Tensor, Tensor]:
        """Return the sum of discounted counts before each entry, and the number of counted entries before it.

        Both are float64 and have one number more than there are entries. They are computed when counts have changed.
        """
        if self._sums is None or self._sums[0] is not self.counts or self._sums[1] != self.counts._version:
            counts, seen = self.counts.long().cumsum(0), (self.counts > 0).cumsum(0)
            zero = counts.new_zeros(1)
            types = torch.cat([zero, seen]).double()
            masses = torch.cat([zero, counts]).double() - self.discount * types
            self._sums = self.counts, self.counts._version, masses, types
        return self._sums[2], self._sums[3]
