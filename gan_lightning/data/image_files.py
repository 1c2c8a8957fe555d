"""Reads pictures of any kind as samples of one size."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gan_lightning.errors import UserError
from gan_lightning.modalities.depth import eight_bits, numbers_of
from gan_lightning.modalities.image import MODES, check_end, open_image

DARK = 2**14  # of 16 bits: numbers below may be those of a camera with 10, 12 or 14 bits
THROUGH = {"LAB": "RGB", "La": "LA"}  # modes from which Pillow has no direct way to all others


def read_picture(path: Path, size: int, channels: int) -> np.ndarray:
    """Return one picture as (channels, size, size) uint8, by the rule of an image folder."""
    with open_image(path) as picture:
        check_end(picture, path)
        numbers = numbers_of(picture)
        upright = eight_bits(ImageOps.exif_transpose(picture), numbers, path)
        if upright.mode in THROUGH:
            upright = upright.convert(THROUGH[upright.mode])
        if upright.has_transparency_data and channels < 4:
            upright = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
        upright = upright.convert(MODES[channels])
        fitted = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(fitted).reshape(size, size, channels).transpose(2, 0, 1)


def check_brightness(paths: Iterable[Path]) -> None:
    """Raise UserError if all pictures of 16 bits among some are so dark that fewer bits may be meant.

    The formats say that the largest number is white, and many tools store 12 bits in 16 all the same. One picture may
    be dark; where all are, it cannot be told. Pictures that cannot be read are passed over.
    """
    dark = {}
    for path in paths:
        try:
            found = _brightest(path)
        except UserError:
            continue
        if found is not None and found >= DARK:
            return
        if found:  # black is black by any scale
            dark[path] = found
    if dark:
        first, most = min(dark), max(dark.values())
        raise UserError(
            f"{first}: holds 16 bits a channel, in which white is 65535, but none of {len(dark):,} such pictures is "
            f"brighter than {most}: fewer bits may be meant: convert them to 8 bits a channel"
        )


def _brightest(path: Path) -> int | None:
    """Return the largest number of a picture of 16 bits, of several channels its upper byte alone; None of others."""
    with open_image(path) as picture:
        numbers = numbers_of(picture)
        if numbers.bits != 16 or numbers.stated or numbers.white is None:
            return None
        extrema = np.atleast_2d(picture.getextrema())[:3, 1]  # without the alpha channel
        return int(extrema.max()) << (0 if picture.mode.startswith("I") else 8)
