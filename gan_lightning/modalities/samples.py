"""Operations on a batch of samples: one tensor, or a dict of tensors if the content is joint.

Content has the same structure, and the same functions work on it.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor

Sample = Tensor | dict[str, Tensor]  # input and output of networks: floating point, batch first
Content = Tensor | dict[str, Tensor]  # data as files hold it: uint8 pixels, int16 sound, token ids; batch first
Shape = tuple[int, ...] | dict[str, tuple[int, ...]]  # shape of one sample, without the batch

T = TypeVar("T", Tensor, dict[str, Tensor], Sample)


def each(function: Callable[..., Tensor], first: T, *others: Sample) -> T:
    """Apply ``function`` to each tensor of ``first`` together with the tensors of the same name of ``others``."""
    if isinstance(first, dict):
        return cast(
            T, {name: function(one, *(cast(dict, other)[name] for other in others)) for name, one in first.items()}
        )
    return function(first, *others)


def leaves(sample: Sample | None) -> list[Tensor]:
    """Return the tensors of a batch in order; an empty list for None."""
    if sample is None:
        return []
    return list(sample.values()) if isinstance(sample, dict) else [sample]


def size(sample: Sample) -> int:
    """Return the number of samples in a batch."""
    return len(leaves(sample)[0])


def shape(sample: Sample) -> Shape:
    """Return the shape of one sample of a batch."""
    if isinstance(sample, dict):
        return {name: tuple(one.shape[1:]) for name, one in sample.items()}
    return tuple(sample.shape[1:])


def cat(samples: Sequence[T]) -> T:
    """Concatenate batches into one."""
    return each(lambda *parts: torch.cat(parts), *samples)


def chunk(sample: T, parts: int) -> list[T]:
    """Split a batch into at most ``parts`` batches of equal size; the last may be smaller, as with ``torch.chunk``."""
    step = -(-size(sample) // parts)
    return [take(sample, slice(start, start + step)) for start in range(0, size(sample), step)]


def take(sample: T, index: slice | Tensor) -> T:
    """Return the samples of a batch at an index."""
    return each(lambda one: one[index], sample)
