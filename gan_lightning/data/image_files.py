"""Reads image files of any supported format, as samples of one size or in their own size."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gan_lightning.errors import UserError
from gan_lightning.modalities.depth import pixel_format, reduce_to_8_bits
from gan_lightning.modalities.image import MODES, check_jpeg_end, open_image

DARK_BELOW = 2**14  # of 2**16: a set that is darker may hold the 10, 12 or 14 bits of a camera
INTERMEDIATE_MODES = {"LAB": "RGB", "La": "LA"}  # Pillow cannot convert these modes to all others directly


def read_image(path: Path, size: int, channels: int) -> np.ndarray:
    """Return an image as (channels, size, size) uint8, by the steps that :class:`ImageFolder` documents.

    Raises:
        UserError: if the file cannot be read, or its bits cannot be reduced to 8.
    """
    with open_in_mode(path, channels) as image:
        fitted = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    pixels = np.array(fitted).reshape(size, size, channels)
    if channels == 4:
        pixels[pixels[..., 3] == 0] = 0  # invisible colors
    return pixels.transpose(2, 0, 1)


def read_photo(path: Path, channels: int) -> np.ndarray:
    """Return an image in its own size, (channels, H, W) uint8, by the other steps that :class:`ImageFolder` documents.

    Raises:
        UserError: if the file cannot be read, or its bits cannot be reduced to 8.
    """
    with open_in_mode(path, channels) as image:
        return np.array(image).reshape(image.height, image.width, channels).transpose(2, 0, 1)


@contextmanager
def open_in_mode(path: Path, channels: int) -> Iterator[Image.Image]:
    """Open an image of 8 bits a channel, upright, in the mode of the number of channels, without transparency below 4.

    Raises:
        UserError: if the file cannot be read, or its bits cannot be reduced to 8.
    """
    with open_image(path) as file:
        check_jpeg_end(file, path)
        bits = pixel_format(file)  # before the file is decoded, which changes its mode
        image = reduce_to_8_bits(ImageOps.exif_transpose(file), bits, path)
        if image.mode in INTERMEDIATE_MODES:
            image = image.convert(INTERMEDIATE_MODES[image.mode])
        if image.has_transparency_data and channels < 4:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        yield image.convert(MODES[channels])


def check_brightness(paths: Iterable[Path]) -> None:
    """Raise UserError if all 16-bit images of a set are so dark that they probably hold fewer bits.

    In 16 bits, 65535 is white, but many tools store 12-bit values unchanged. A single image may be dark; if all are,
    the number of bits is unclear. Black images and files that cannot be read do not count.
    """
    dark = {}
    for path in paths:
        try:
            brightest = _brightest(path)
        except UserError:
            continue
        if brightest is not None and brightest >= DARK_BELOW:
            return
        if brightest:  # black is black by any scale
            dark[path] = brightest
    if dark:
        first, most = min(dark), max(dark.values())
        raise UserError(
            f"{first}: holds 16 bits a channel, in which white is 65535, but none of {len(dark):,} such images is "
            f"brighter than {most}, so they may hold fewer bits: convert them to 8 bits a channel"
        )


def _brightest(path: Path) -> int | None:
    """Return the largest value of a 16-bit image, rounded down to the upper byte for color; None for other images."""
    with open_image(path) as image:
        pixels = pixel_format(image)
        if pixels.bits != 16 or pixels.white_is_stated or pixels.white is None:
            return None
        largest = np.atleast_2d(image.getextrema())[:3, 1]  # without the alpha channel
        return int(largest.max()) << (0 if image.mode.startswith("I") else 8)
