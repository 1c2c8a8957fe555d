"""Applies networks to images of any size, tile by tile, with the result that the whole image would give."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gan_lightning.imaging.photo import to_samples

TILE = 256  # height and width, without the margins; smaller and larger tiles were slower on CPUs
MIN_SIDE = 8  # smaller images are extended: networks reflect their input at its border, for example


class Span(NamedTuple):
    """Rows or columns of an image that a tile computes, ``start`` to ``end``, and reads, ``first`` to ``last``."""

    start: int
    end: int
    first: int
    last: int


def spans(length: int, margin: int | None, multiple: int) -> list[Span]:
    """Return the spans of an image side, which cover it without gaps and start and end at multiples.

    Args:
        length: the length of the side in pixels, a multiple of ``multiple``.
        margin: the number of pixels to read beyond those to compute; None to read all.
        multiple: the number of which the first and last pixels to read must be multiples.
    """
    if margin is None:
        return [Span(0, length, 0, length)]
    margin = _round_up(margin, multiple)
    step = _round_up(-(-length // -(-length // max(TILE, 4 * margin))), multiple)  # spans of equal length
    return [
        Span(start, end := min(start + step, length), max(start - margin, 0), min(end + margin, length))
        for start in range(0, length, step)
    ]


def indices(length: int, multiple: int) -> np.ndarray:
    """Return the rows or columns of an image, continued by reflection to a multiple and to ``MIN_SIDE``."""
    extended = _round_up(max(length, MIN_SIDE, 2 * multiple), multiple)
    return np.pad(np.arange(length), (0, extended - length), mode="reflect")


def _round_up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple


def apply_in_tiles(
    network: Callable[[Tensor], Tensor],
    pixels: np.ndarray,
    scale: int,
    margin: int | None,
    multiple: int,
    description: str = "",
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield the rows, columns and values (1, C, h, w) of the result's parts, and show a progress bar.

    Only one tile at a time is in memory as floats. The parts together are the result for the whole image, continued by
    reflection to a multiple and to ``MIN_SIDE``, and cropped.

    Args:
        network: samples (1, C, h, w) in [-1, 1] -> samples of ``scale`` times the height and width.
        pixels: the image, (H, W, C) uint8 or uint16.
        scale: the scale of the network.
        margin: see :class:`gan_lightning.networks.image_to_image.ImageToImage`.
        multiple: see there.
        description: the text before the progress bar.
    """
    height, width, _ = pixels.shape
    all_rows, all_columns = indices(height, multiple), indices(width, multiple)
    tiles = [
        (rows, columns)
        for rows in spans(len(all_rows), margin, multiple)
        for columns in spans(len(all_columns), margin, multiple)
    ]
    for rows, columns in tqdm(tiles, description, disable=None, leave=False):
        read = np.ix_(all_rows[rows.first : rows.last], all_columns[columns.first : columns.last])
        with torch.inference_mode():
            result = network(to_samples(pixels[read]))
        written_rows, kept_rows = _place(rows, height, scale)
        written_columns, kept_columns = _place(columns, width, scale)
        yield written_rows, written_columns, result[..., kept_rows, kept_columns]


def _place(span: Span, length: int, scale: int) -> tuple[slice, slice]:
    """Return the rows or columns that a tile computes, in the result for the image and in that for the tile."""
    start, end, first = (scale * place for place in (span.start, min(span.end, length), span.first))
    return slice(start, end), slice(start - first, end - first)
