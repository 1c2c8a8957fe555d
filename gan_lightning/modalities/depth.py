"""Reduction of images with more than 8 bits a channel to 8 bits, by the value that stands for white."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, SAMPLEFORMAT

from gan_lightning.errors import UserError

# Tags and values of TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
MIN_VALUE_TAGS = (340, 280)  # SMinSampleValue, MinSampleValue
MAX_VALUE_TAGS = (341, 281)  # SMaxSampleValue, MaxSampleValue
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # SampleFormat
TYPE_NAMES = {UNSIGNED: "unsigned integers", SIGNED: "signed integers", FLOAT: "floating-point numbers"}
WHITE_IS_ZERO = 0  # PhotometricInterpretation


class PixelFormat(NamedTuple):
    """Type and range of the pixel values in an image file.

    Attributes:
        bits: number of bits of a channel.
        white: value of a white pixel; None if neither the file nor its format defines it.
        white_is_stated: True if the file itself states ``white``.
        inverted: True if 0 is white and ``white`` is black.
        type_name: type of the values in words, for messages.
    """

    bits: int = 8
    white: float | None = 255
    white_is_stated: bool = False
    inverted: bool = False
    type_name: str = TYPE_NAMES[UNSIGNED]


def pixel_format(image: Image.Image) -> PixelFormat:
    """Return the pixel format of an image that is open but not decoded yet."""
    if image.format == "TIFF":
        return _tiff_pixel_format(image.tag_v2)  # type: ignore[attr-defined]
    if image.format == "PNG" and any("16" in str(tile[3]) for tile in image.tile):  # type: ignore[attr-defined]
        return PixelFormat(16, 2**16 - 1)
    return PixelFormat()


def _tiff_pixel_format(tags: Any) -> PixelFormat:
    bits = int(np.max(tags.get(BITSPERSAMPLE, 1)))
    sample_format = int(np.max(tags.get(SAMPLEFORMAT, UNSIGNED)))
    default_white = {UNSIGNED: float(2**bits - 1) if bits <= 16 else None, FLOAT: 1.0}.get(sample_format)
    stated_white = _stated_white(tags) if bits > 8 else None
    inverted = tags.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO
    type_name = TYPE_NAMES.get(sample_format, "numbers of an unknown type")
    return PixelFormat(bits, stated_white or default_white, stated_white is not None, inverted, type_name)


def _stated_white(tags: Any) -> float | None:
    """Return the largest value that a TIFF file states if it is 2ⁿ − 1 with n ≥ 8, such as 4095; else None.

    Any other value is that of the brightest pixel, or a tool's default, and does not define white.
    """
    smallest, largest = (
        {float(value) for tag in names if tag in tags for value in np.ravel(tags[tag])}
        for names in (MIN_VALUE_TAGS, MAX_VALUE_TAGS)
    )
    if len(largest) != 1 or smallest - {0.0}:
        return None
    (white,) = largest
    return white if white >= 255 and white.is_integer() and not int(white) & (int(white) + 1) else None


def reduce_to_8_bits(image: Image.Image, pixels: PixelFormat, path: Path) -> Image.Image:
    """Return the image with 8 bits a channel, rounded to the nearest; unchanged if it has no more.

    Args:
        image: the decoded image, before or after a rotation.
        pixels: pixel format of the file.
        path: the image's file, for the message.

    Raises:
        UserError: if the value of white is unknown, or a pixel is outside 0 … white.
    """
    if pixels.bits <= 8 and pixels.white is not None:
        return image
    if image.mode != "F" and not image.mode.startswith("I"):
        return _reduced_by_pillow(image, pixels, path)
    values = np.asarray(image)
    reduced = Image.fromarray(rescale(values, pixels, path, np.uint8))
    if (transparent := image.info.get("transparency")) is not None:
        reduced.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return reduced


def rescale(values: np.ndarray, pixels: PixelFormat, path: Path, dtype: type[np.unsignedinteger]) -> np.ndarray:
    """Return the values of an image as integers of which the largest is white and 0 black, rounded to the nearest.

    Args:
        values: the values in the image file.
        pixels: pixel format of the file.
        path: the image's file, for the message.
        dtype: type of the integers.

    Raises:
        UserError: if the value of white is unknown, or a value is outside 0 … white.
    """
    white = np.iinfo(dtype).max
    low, high = values.min(), values.max()
    if pixels.white is None or not (low >= 0 and high <= pixels.white):  # also refuses NaN
        raise _range_error(path, pixels, f" from {low:g} to {high:g}")
    if pixels.white == white and values.dtype.kind == "u":
        scaled = values.astype(dtype, copy=False)  # no copy in float, as the image may be large
    else:
        scaled = np.rint(values.astype(np.float32) * np.float32(white / pixels.white)).astype(dtype)
    return white - scaled if pixels.inverted else scaled


def _reduced_by_pillow(image: Image.Image, pixels: PixelFormat, path: Path) -> Image.Image:
    """Return an image of several channels, of which Pillow has read only the upper byte, and adapt its transparency."""
    if pixels.white != 2**pixels.bits - 1:
        raise _range_error(path, pixels, "")
    if "transparency" in image.info:
        image.info["transparency"] = tuple(value >> 8 for value in image.info["transparency"])
    return image


def _range_error(path: Path, pixels: PixelFormat, span: str) -> UserError:
    white = "nothing says which number is white" if pixels.white is None else f"white is {pixels.white:g}"
    return UserError(
        f"{path}: holds {pixels.type_name} of {pixels.bits} bits{span}, and {white}: convert it to 8 bits a channel"
    )
