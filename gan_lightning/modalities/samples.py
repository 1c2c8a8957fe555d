"""Operations on a sample that may be one tensor or, for joint content, a dict of tensors.

The same functions work on content, which has the same structure before it is encoded.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor

Sample = Tensor | dict[str, Tensor]  # floating point, batch first: what networks make and see
Content = Tensor | dict[str, Tensor]  # what people see, hear and read: uint8 pixels, int16 sound, token ids
Shape = tuple[int, ...] | dict[str, tuple[int, ...]]  # of one sample, without the batch

T = TypeVar("T", Tensor, dict[str, Tensor], Sample)


def each(function: Callable[..., Tensor], first: T, *others: Sample) -> T:
    """Return ``function`` of each tensor of a sample, and of the tensors in the same place of the others."""
    if isinstance(first, dict):
        return cast(
            T, {name: function(one, *(cast(dict, other)[name] for other in others)) for name, one in first.items()}
        )
    return function(first, *others)


def leaves(sample: Sample | None) -> list[Tensor]:
    """Return the tensors of a sample in their order; none for None."""
    if sample is None:
        return []
    return list(sample.values()) if isinstance(sample, dict) else [sample]


def size(sample: Sample) -> int:
    """Return how many samples a batch has."""
    return len(leaves(sample)[0])


def shape(sample: Sample) -> Shape:
    """Return the shape of one sample of a batch."""
    if isinstance(sample, dict):
        return {name: tuple(one.shape[1:]) for name, one in sample.items()}
    return tuple(sample.shape[1:])


def cat(samples: Sequence[T]) -> T:
    """Return several batches as one."""
    return each(lambda *parts: torch.cat(parts), *samples)


def chunk(sample: T, parts: int) -> list[T]:
    """Split a batch into ``parts`` of the same size; the last may be smaller."""
    step = -(-size(sample) // parts)
    return [take(sample, slice(start, start + step)) for start in range(0, size(sample), step)]


def take(sample: T, index: slice | Tensor) -> T:
    """Return the samples of a batch that an index names."""
    return each(lambda one: one[index], sample)
