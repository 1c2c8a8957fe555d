"""Images of more than 8 bits a channel: which number is white, and the same images with 8 bits."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, SAMPLEFORMAT

from gan_lightning.errors import UserError

# Tags and values of TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
SMALLEST = (340, 280)  # SMinSampleValue, MinSampleValue
LARGEST = (341, 281)  # SMaxSampleValue, MaxSampleValue
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # SampleFormat
KINDS = {UNSIGNED: "unsigned integers", SIGNED: "signed integers", FLOAT: "floating-point numbers"}
WHITE_IS_ZERO = 0  # PhotometricInterpretation


class Numbers(NamedTuple):
    """Says what the numbers of an image file mean.

    Attributes:
        bits: of a channel.
        white: the number that is white; None where neither the file nor its format says it.
        stated: whether the file itself says it.
        inverted: whether 0 is white instead, and ``white`` is black.
        kind: of number, in words.
    """

    bits: int = 8
    white: float | None = 255
    stated: bool = False
    inverted: bool = False
    kind: str = KINDS[UNSIGNED]


def numbers_of(image: Image.Image) -> Numbers:
    """Return what the numbers of an image mean that is open and not decoded yet."""
    if image.format == "TIFF":
        return _numbers_of_tiff(image.tag_v2)  # type: ignore[attr-defined]
    if image.format == "PNG" and any("16" in str(tile[3]) for tile in image.tile):  # type: ignore[attr-defined]
        return Numbers(16, 2**16 - 1)
    return Numbers()


def _numbers_of_tiff(tags: Any) -> Numbers:
    bits = int(np.max(tags.get(BITSPERSAMPLE, 1)))
    format = int(np.max(tags.get(SAMPLEFORMAT, UNSIGNED)))
    white = {UNSIGNED: float(2**bits - 1) if bits <= 16 else None, FLOAT: 1.0}.get(format)
    stated = _stated_white(tags) if bits > 8 else None
    inverted = tags.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO
    return Numbers(bits, stated or white, stated is not None, inverted, KINDS.get(format, "numbers of an unknown kind"))


def _stated_white(tags: Any) -> float | None:
    """Return the largest number that a TIFF file states, if it is the largest of 8 bits or more, as 4095 is of 12.

    Another one is what the brightest pixel happens to have, or what a tool has left there, and says nothing of white.
    """
    smallest, largest = (
        {float(one) for tag in names if tag in tags for one in np.ravel(tags[tag])} for names in (SMALLEST, LARGEST)
    )
    if len(largest) != 1 or smallest - {0.0}:
        return None
    (white,) = largest
    return white if white >= 255 and white.is_integer() and not int(white) & (int(white) + 1) else None


def eight_bits(image: Image.Image, numbers: Numbers, path: Path) -> Image.Image:
    """Return an image with 8 bits a channel, rounded to the nearest; one that has them as it is.

    Args:
        image: as Pillow reads it, maybe turned.
        numbers: what its numbers mean.
        path: of its file, for the message.

    Raises:
        UserError: where nothing says which number is white, or some are beyond it.
    """
    if numbers.bits <= 8 and numbers.white is not None:
        return image
    if image.mode != "F" and not image.mode.startswith("I"):
        return _of_high_bytes(image, numbers, path)
    values = np.asarray(image)
    low, high = values.min(), values.max()
    if numbers.white is None or not (low >= 0 and high <= numbers.white):  # which no NaN is
        raise _refused(path, numbers, f" from {low:g} to {high:g}")
    grey = np.rint(values.astype(np.float32) * np.float32(255 / numbers.white)).astype(np.uint8)
    reduced = Image.fromarray(255 - grey if numbers.inverted else grey)
    if (transparent := image.info.get("transparency")) is not None:
        reduced.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return reduced


def _of_high_bytes(image: Image.Image, numbers: Numbers, path: Path) -> Image.Image:
    """Return an image of several channels, of whose 16 bits Pillow has read the upper 8."""
    if numbers.white != 2**numbers.bits - 1:
        raise _refused(path, numbers, "")
    if "transparency" in image.info:
        image.info["transparency"] = tuple(one >> 8 for one in image.info["transparency"])
    return image


def _refused(path: Path, numbers: Numbers, span: str) -> UserError:
    white = "nothing says which number is white" if numbers.white is None else f"white is {numbers.white:g}"
    return UserError(
        f"{path}: holds {numbers.kind} of {numbers.bits} bits{span}, and {white}: convert it to 8 bits a channel"
    )
