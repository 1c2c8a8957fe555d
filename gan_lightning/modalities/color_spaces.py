"""Color information in image files that lets viewers show other colors than those of the pixels in sRGB."""

import struct
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

# https://www.w3.org/TR/png-3/: gamma and primaries of sRGB, as the chunks gAMA and cHRM store them
SRGB_GAMMA = 1 / 2.2
SRGB_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
TOLERANCE = 0.001
PNG_SIGNATURE_SIZE = 8
CODING_POINTS = b"cICP"  # chunk that names a color space, for video and for high dynamic range

# https://learn.microsoft.com/windows/win32/api/wingdi/ns-wingdi-bitmapv5header
BMP_SIZE, BMP_COLOR_SPACE = 14, 14 + 56  # offsets of the size of the header, and of the field bV5CSType
BMP_V4 = 108  # bytes of the first header that has this field
BMP_SRGB = {0x73524742, 0x57696E20}  # LCS_sRGB, LCS_WINDOWS_COLOR_SPACE

TIFF_COLORS = (301, 318, 319)  # TransferFunction, WhitePoint, PrimaryChromaticities


def has_other_colors(image: Image.Image, path: Path) -> bool:
    """Return True if an image file names a color space other than sRGB in another way than by an ICC profile.

    Args:
        image: the image, open but not decoded yet.
        path: its file.
    """
    if image.format == "PNG":
        return _png_has_other_colors(image, path)
    if image.format == "BMP":
        return _bmp_has_other_colors(path)
    return image.format == "TIFF" and any(tag in image.tag_v2 for tag in TIFF_COLORS)  # type: ignore[attr-defined]


def _png_has_other_colors(image: Image.Image, path: Path) -> bool:
    gamma = image.info.get("gamma", SRGB_GAMMA)
    primaries = image.info.get("chromaticity", SRGB_PRIMARIES)
    differences = [gamma - SRGB_GAMMA, *(a - b for a, b in zip(primaries, SRGB_PRIMARIES, strict=True))]
    return any(abs(one) > TOLERANCE for one in differences) or CODING_POINTS in _png_chunks(path)


def _png_chunks(path: Path) -> Iterator[bytes]:
    """Yield the names of the chunks of a PNG file."""
    with path.open("rb") as file:
        file.seek(PNG_SIGNATURE_SIZE)
        while len(header := file.read(8)) == 8:
            size, name = struct.unpack(">I4s", header)
            yield name
            file.seek(size + 4, 1)  # 4 bytes of a checksum follow the data


def _bmp_has_other_colors(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(BMP_COLOR_SPACE + 4)
    (size,) = struct.unpack_from("<I", start, BMP_SIZE)
    return size >= BMP_V4 and struct.unpack_from("<I", start, BMP_COLOR_SPACE)[0] not in BMP_SRGB
