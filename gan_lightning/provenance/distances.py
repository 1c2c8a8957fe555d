"""Distances of generated samples to the content of a file."""

from collections.abc import Iterable

import torch
from torch import Tensor

from gan_lightning.modalities.samples import Content, leaves, size, take


def nearest(parts: Iterable[Content], wanted: Content) -> tuple[int, float]:
    """Return the index of the sample closest to the wanted one, and its distance."""
    found = torch.cat([distances(part, wanted) for part in parts])
    index = int(found.argmin())
    return index, float(found[index])


def distance_of_first(parts: Iterable[Content], wanted: Content) -> tuple[int, float] | None:
    """Return 0 and the largest distance of the first samples to the wanted ones; None if there are fewer samples."""
    start, distance = 0, 0.0
    for part in parts:
        rows = take(part, slice(size(wanted) - start))
        end = start + size(rows)
        distance = max(distance, float(distances(rows, take(wanted, slice(start, end))).max()))
        start = end
        if start == size(wanted):
            return 0, distance
    return None


def distances(content: Content, wanted: Content) -> Tensor:
    """Return for each sample the largest absolute difference of its numbers to the wanted ones, shape (n,)."""
    largest = []
    for values, wanted_values in zip(leaves(content), leaves(wanted), strict=True):
        exact = torch.promote_types(values.dtype, torch.int32)
        both_missing = values.isnan() & wanted_values.isnan()
        difference = (values.to(exact) - wanted_values.to(exact)).masked_fill(both_missing, 0)
        largest.append(difference.abs().reshape(len(values), -1).amax(1).double())
    return torch.stack(largest).amax(0).nan_to_num(torch.inf)
