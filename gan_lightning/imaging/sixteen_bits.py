"""Reads and writes images with 16 bits a channel, of which Pillow handles only those of a single channel.

Of an image with several channels, Pillow decodes the upper byte of each value and drops the lower one. It does the
opposite if it is told that the bytes are in the other order, so an image that is decoded twice has both.
"""

import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from gan_lightning.errors import UserError
from gan_lightning.modalities.depth import pixel_format, rescale
from gan_lightning.modalities.image import open_image

WHITE = 2**16 - 1
# Byte order of a raw mode of Pillow, such as "RGB;16L", by that with which it decodes the lower bytes.
LOWER_BYTES = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
GREY_WITH_ALPHA = "LA;16B"  # decoded as "RGBA", it has both bytes of both channels
PNG_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels
ROWS_AT_ONCE = 256  # rows that are compressed together


def read_16_bits(path: Path, most: int) -> np.ndarray:
    """Return an image with more than 8 bits a channel as (H, W, C) uint16, turned by its EXIF orientation.

    Args:
        path: the image's file.
        most: the largest number of pixels.

    Raises:
        UserError: if the file cannot be read with 16 bits, or if nothing says which value is white.
    """
    with open_image(path, most) as image:
        pixels, raw_mode = pixel_format(image), _raw_mode(image)
        if image.mode == "F" or image.mode.startswith("I"):
            values = _decode(image)[..., None]
        elif raw_mode == GREY_WITH_ALPHA:
            _set_raw_mode(image, "RGBA")
            values = _decode(image).view(">u2")
        else:
            values = _decode(image).astype(np.uint16) << 8
            values |= _lower_bytes(path, most, raw_mode)
        transparent = image.info.get("transparency")
    result = rescale(values, pixels, path, np.uint16)
    if transparent is None:
        return result
    alpha = np.where((values == np.array(transparent)).all(-1, keepdims=True), 0, WHITE).astype(np.uint16)
    return np.concatenate([result, alpha], -1)


def _lower_bytes(path: Path, most: int, raw_mode: str) -> np.ndarray:
    """Return the lower bytes (H, W, C) of an image with several channels; raise UserError for another raw mode."""
    channels, _, order = raw_mode.partition(";16")
    if channels not in ("RGB", "RGBA", "RGBX") or order not in LOWER_BYTES:
        raise UserError(f"{path}: holds 16 bits a channel as {raw_mode}: convert it to a PNG in RGB")
    with open_image(path, most) as image:
        _set_raw_mode(image, f"{channels};16{LOWER_BYTES[order]}")
        return _decode(image)


def _decode(image: Image.Image) -> np.ndarray:
    ImageOps.exif_transpose(image, in_place=True)
    return np.array(image)


def _raw_mode(image: Any) -> str:
    args = image.tile[0].args
    return args if isinstance(args, str) else args[0]


def _set_raw_mode(image: Any, raw_mode: str) -> None:
    image.tile = [
        tile._replace(args=raw_mode if isinstance(tile.args, str) else (raw_mode, *tile.args[1:]))
        for tile in image.tile
    ]


def write_png_16_bits(path: Path, pixels: np.ndarray, icc_profile: bytes | None, exif: bytes) -> None:
    """Write pixels (H, W, C) uint16 to a PNG file with 16 bits a channel, https://www.w3.org/TR/png-3/.

    Args:
        path: the file to write.
        pixels: 1 channel for grey, 2 for grey with alpha, 3 for RGB, 4 for RGBA.
        icc_profile: the color profile; None for none.
        exif: EXIF data without a header.
    """
    height, width, channels = pixels.shape
    with path.open("wb") as file:

        def write_chunk(name: bytes, data: bytes) -> None:
            file.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))

        file.write(b"\x89PNG\r\n\x1a\n")
        write_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, PNG_COLOR_TYPES[channels], 0, 0, 0))
        if icc_profile is not None:
            write_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc_profile))
        write_chunk(b"eXIf", exif)
        compressor = zlib.compressobj()
        for start in range(0, height, ROWS_AT_ONCE):
            write_chunk(b"IDAT", compressor.compress(_filtered_rows(pixels[start : start + ROWS_AT_ONCE])))
        write_chunk(b"IDAT", compressor.flush())
        write_chunk(b"IEND", b"")


def _filtered_rows(pixels: np.ndarray) -> bytes:
    """Return rows as differences of each byte to that of the pixel on the left, PNG's filter "Sub", with its number."""
    height, width, channels = pixels.shape
    values = np.ascontiguousarray(pixels, ">u2").view(np.uint8).reshape(height, width, 2 * channels)
    rows = np.ones((height, 1 + 2 * channels * width), np.uint8)
    rows[:, 1:] = np.diff(values, axis=1, prepend=np.uint8(0)).reshape(height, -1)
    return rows.tobytes()
