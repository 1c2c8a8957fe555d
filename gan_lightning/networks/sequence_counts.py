"""Generator of sequences that counts n-grams: each step given the steps before it."""

from collections.abc import Sequence
from math import prod
from typing import Annotated, Self

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from gan_lightning.modalities.sequence import codes_of, held_values, one_hot
from gan_lightning.networks.context_counts import Discount, Table

MAX_VALUES = 2**38  # of a step, so that an int64 holds the number of a context and of a step together
SEQUENCES_AT_ONCE = 8192  # sequences that ``fit`` counts together

Order = Annotated[int, Field(ge=1, le=5)]


class Generator(nn.Module):
    """Maps latents (B, length) in [0, 1) to sequences (B, length, sum of blocks) of one-hot vectors.

    It has no weights: it counts how often each step follows the ``order - 1`` steps before it. All blocks of a step
    together are one token, such as the chord of four voices. Steps before the first one are a token of their own.

    Counts are smoothed by absolute discounting with interpolation (Ney, Essen & Kneser, 1994,
    https://doi.org/10.1006/csla.1994.1001): ``discount`` is subtracted from each count, and what is gained is spread as
    the context that is one step shorter predicts, down to the uniform distribution. So every sequence has a probability
    above 0.

    A latent coordinate chooses a step by the inverse of the cumulative distribution. A sequence is therefore the same
    on every device.

    With a condition (B, length, values), the block ``given`` has the values of the condition, and the others follow the
    distribution given it and the steps before. Later values of the condition do not matter.

    Args:
        blocks: number of values of each block.
        length: number of steps of a sequence.
        order: n, the number of steps in an n-gram.
        discount: what is subtracted from each count; the nearer to 0, the fewer steps occur that were not counted.
        period: number of steps in a bar or in a verse; the position in it belongs to the context. None for no position.
        end: value of the only block that ends a sequence and fills the rest of it; None if sequences do not end.
        hold: value of a block that stands for its value in the step before, as where a note sounds on; a context then
            has the value that it stands for. None if there is no such value.
        given: index of the block that a condition gives.

    Raises:
        ValueError: if a step has too many values, or if ``end`` or ``given`` is no value or block.
    """

    def __init__(
        self,
        blocks: Sequence[PositiveInt],
        length: PositiveInt,
        order: Order,
        discount: Discount = 0.5,
        period: PositiveInt | None = None,
        end: NonNegativeInt | None = None,
        hold: NonNegativeInt | None = None,
        given: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        if prod(blocks) > MAX_VALUES:
            raise ValueError(f"blocks={list(blocks)}: a step has {prod(blocks):,} values: at most {MAX_VALUES:,}")
        if given >= len(blocks):
            raise ValueError(f"given={given}: there are {len(blocks)} blocks, counted from 0")
        if end is not None and (len(blocks) > 1 or end >= blocks[0]):
            raise ValueError(f"end={end}: must be a value of the only block, blocks={list(blocks)}")
        self.blocks, self.length, self.order, self.period = list(blocks), length, order, period
        self.end, self.hold, self.given = end, hold, given
        self.values = prod(blocks)  # of a step; the next number is the step before the first one
        # The given block is the leading digit of a step, so that each of its values is a range of steps.
        digits = [given, *(block for block in range(len(blocks)) if block != given)]
        self.places = {block: prod(blocks[i] for i in digits[place + 1 :]) for place, block in enumerate(digits)}
        self.tables = nn.ModuleList(Table(self.values + 1, discount) for _ in range(order))
        self.everywhere = None if period is None else Table(self.values + 1, discount)  # steps at any position

    @torch.no_grad()
    def count(self, sample: Tensor) -> None:
        """Add sequences (n, length, sum of blocks) to the counts."""
        steps, sounding = self._steps(sample)
        counted = self._before_end(steps)
        kept, counted = self._pad(counted, True), self._pad(counted, False)
        padded, sounding = self._pad(steps, self.values), self._pad(sounding, self.values)
        if self.everywhere is not None:
            self.everywhere.add(padded[counted], int(counted.sum()))
        context, moved = self._positions(padded), None
        for table in self._levels():
            if moved is not None:
                table.renumber(moved)
            keys, followed = context * table.base + padded, context * table.base + sounding
            moved = table.add(torch.cat([keys[counted], followed[kept]]), int(counted.sum()))
            context = torch.searchsorted(table.keys, followed[:, :-1].contiguous())  # of the following steps
            padded, sounding, kept, counted = padded[:, 1:], sounding[:, 1:], kept[:, 1:], counted[:, 1:]

    def fit(self, sample: Tensor) -> Self:
        """Add sequences (n, length, sum of blocks) to the counts in parts; return the generator."""
        for part in sample.split(SEQUENCES_AT_ONCE):
            self.count(part)
        return self

    @torch.no_grad()
    def log_probability(self, sample: Tensor) -> Tensor:
        """Return the log-probability of each sequence (n, length, sum of blocks), in nats (n,)."""
        steps, sounding = self._steps(sample)
        counted = self._before_end(steps)
        sounding = self._pad(sounding, self.values)
        context = self._positions(sounding)
        probability = torch.full(steps.shape, 1 / self.values, dtype=torch.float64, device=steps.device)
        if self.everywhere is not None:
            probability = self._interpolate(self.everywhere, torch.zeros_like(steps), steps, probability)
        for table in self._levels():
            probability = self._interpolate(table, context[:, -self.length :], steps, probability)
            context = table.find(context[:, :-1], sounding[:, :-1])
            sounding = sounding[:, 1:]
        return (probability.log() * counted).sum(1).float()

    @staticmethod
    def _interpolate(table: Table, context: Tensor, steps: Tensor, simpler: Tensor) -> Tensor:
        found = table.range(context, steps, steps + 1)
        return found.share + found.rest * simpler

    @torch.no_grad()
    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        latent, width = latent.double(), self.values
        low = torch.zeros_like(latent, dtype=torch.int64)
        if condition is not None:
            width = self.places[self.given]
            low = condition.argmax(-1) * width
        first, ended = torch.full_like(low[:, 0], self.values), torch.zeros_like(low[:, 0], dtype=torch.bool)
        contexts = [self._position(1 - self.order, first), *[torch.full_like(first, -1)] * (self.order - 1)]
        for position in range(2 - self.order, 1):
            contexts = self._follow(contexts, first, position)
        chosen, sounding = [], None
        for i in range(self.length):
            step = self._draw(latent[:, i], contexts, low[:, i], low[:, i] + width)
            if self.end is not None:
                step = torch.where(ended, self.end, step)
                ended = ended | (step == self.end)
            chosen.append(step)
            sounding = self._sounding(self._codes(step), sounding)
            contexts = self._follow(contexts, self._number(sounding), i + 1)
        return one_hot(self._codes(torch.stack(chosen, 1)), self.blocks)

    def _follow(self, contexts: list[Tensor], step: Tensor, position: int) -> list[Tensor]:
        """Return the contexts of 0, 1, … steps at a position, from those at the position before and the step there."""
        longer = (table.find(one, step) for table, one in zip(self._levels(), contexts[:-1], strict=False))
        return [self._position(position, step), *longer]

    def _draw(self, latent: Tensor, contexts: list[Tensor], low: Tensor, high: Tensor) -> Tensor:
        """Return steps (B,) from ``low`` to below ``high`` that follow contexts of 0, 1, … steps."""
        levels = [] if self.everywhere is None else [(self.everywhere, torch.zeros_like(low))]
        levels += zip(self._levels(), contexts, strict=True)
        ranges = [table.range(context, low, high) for table, context in levels]
        share = (high - low).double() / self.values
        for found in ranges:
            share = found.share + found.rest * share
        place = latent * share
        step, is_open = low, torch.ones_like(low, dtype=torch.bool)
        for (table, _), found in zip(reversed(levels), reversed(ranges), strict=True):
            is_here = is_open & (place < found.share)
            step = torch.where(is_here, table.choose(found, place), step)
            is_open = is_open & ~is_here
            place = ((place - found.share) / found.rest.clamp(min=1e-300)).clamp(min=0)
        uniform = torch.minimum(low + (place * self.values).long(), high - 1)
        return torch.where(is_open, uniform, step)

    def _steps(self, sample: Tensor) -> tuple[Tensor, Tensor]:
        """Return the steps (B, length) of samples as numbers, and what they are as contexts."""
        codes = codes_of(sample, self.blocks)
        return self._number(codes), self._number(codes if self.hold is None else held_values(codes, self.hold))

    def _sounding(self, codes: Tensor, before: Tensor | None) -> Tensor:
        """Return the values (B, blocks) of codes that follow the values ``before``; None before the first step."""
        return codes if self.hold is None or before is None else torch.where(codes == self.hold, before, codes)

    def _number(self, codes: Tensor) -> Tensor:
        """Return codes (…, blocks) as numbers (…), whose digits are the values of the blocks."""
        return sum(codes[..., block] * place for block, place in self.places.items())  # type: ignore[return-value]

    def _codes(self, steps: Tensor) -> Tensor:
        return torch.stack([steps // self.places[i] % size for i, size in enumerate(self.blocks)], -1)

    def _levels(self) -> list[Table]:
        return list(self.tables)  # type: ignore[arg-type]

    def _before_end(self, steps: Tensor) -> Tensor:
        """Return which steps (B, length) belong to the sequences, the one that ends them included."""
        ends = torch.zeros_like(steps) if self.end is None else (steps == self.end).long()
        return ends.cumsum(1) == ends

    def _pad(self, steps: Tensor, value: int | bool) -> Tensor:
        return torch.cat([torch.full_like(steps[:, :1], value).expand(-1, self.order - 1), steps], 1)

    def _position(self, position: int, like: Tensor) -> Tensor:
        return torch.full_like(like, position % (self.period or 1))

    def _positions(self, padded: Tensor) -> Tensor:
        """Return the place in a period of each step of padded sequences, the context of no steps."""
        index = torch.arange(1 - self.order, self.length, device=padded.device)
        return (index % (self.period or 1)).expand_as(padded).contiguous()
