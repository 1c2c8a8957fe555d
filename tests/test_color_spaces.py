"""Color information in image files: what Chromium shows is the reference."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gan_lightning.modalities.image import Images
from gan_lightning.modalities.modality import AmbiguousContent
from tests.png import join_chunks, read_chunks
from tests.studio.conftest import browser  # noqa: F401

COLOR = (200, 90, 40)
SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
WIDE = (31270, 32900, 80000, 20000, 10000, 80000, 15000, 6000)


def saved(format: str, **options: object) -> bytes:
    file = BytesIO()
    Image.new("RGB", (32, 32), COLOR).save(file, format, **options)
    return file.getvalue()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG with more chunks before its pixels."""
    header, *others = read_chunks(saved("PNG"))
    return join_chunks([header, *chunks, *others])


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def primaries(values: tuple[int, ...]) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *values)


def coding_points(*values: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes(values)


def bmp(color_space: int) -> bytes:
    """Return a BMP with a header of version 4; the primaries are those of a screen with red and green swapped."""
    pixels = saved("BMP")[54:]
    ends = [round(2**30 * value) for value in (0.3, 0.6, 0.1, 0.64, 0.33, 0.03, 0.15, 0.06, 0.79)]
    header = struct.pack("<IiiHHIIiiII", 108, 32, 32, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    header += struct.pack("<5I", 0xFF0000, 0xFF00, 0xFF, 0, color_space)
    header += struct.pack("<9i3I", *ends, *[round(2.2 * 2**16)] * 3)
    return b"BM" + struct.pack("<IHHI", 14 + 108 + len(pixels), 0, 0, 14 + 108) + header + pixels


SAME = {
    "plain.png": png(),
    "srgb.png": png((b"sRGB", b"\0")),
    "gamma.png": png(gamma(0.45455)),
    "gamma_and_primaries.png": png((b"sRGB", b"\0"), gamma(0.45455), primaries(SRGB)),
    "brightness.png": png((b"cLLI", bytes(8))),
    "plain.bmp": saved("BMP"),
    "srgb.bmp": bmp(0x73524742),
    "windows.bmp": bmp(0x57696E20),
    "plain.webp": saved("WEBP", lossless=True),
}
OTHER = {
    "gamma.png": png(gamma(0.2)),
    "primaries.png": png(gamma(0.45455), primaries(WIDE)),
    "display_p3.png": png(coding_points(12, 13, 0, 1)),
    "high_dynamic_range.png": png(coding_points(9, 16, 0, 1)),
    "calibrated.bmp": bmp(0),
}
WHITE_POINT = {318: (0.4, 0.4)}  # tag of TIFF files


@pytest.mark.parametrize("name", SAME)
def test_pixels_in_srgb_have_one_digest(tmp_path, name):
    for file, content in {"plain.png": png(), name: SAME[name]}.items():
        (tmp_path / file).write_bytes(content)
    assert Images.digest(tmp_path / name) == Images.digest(tmp_path / "plain.png")


@pytest.mark.parametrize("name", [*OTHER, "white_point.tif"])
def test_other_colors_are_not_plain_pixels(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(OTHER.get(name) or saved("TIFF", tiffinfo=WHITE_POINT))
    with pytest.raises(AmbiguousContent, match="a color profile or color space"):
        Images.digest(path)


@pytest.mark.slow
def test_chromium_agrees(tmp_path, browser):  # noqa: F811
    page = browser.new_page()
    for files, same in ((SAME, True), (OTHER, False)):
        for name, content in files.items():
            path = tmp_path / name
            path.write_bytes(content)
            page.goto(path.as_uri())
            box = page.locator("img").bounding_box()
            with Image.open(BytesIO(page.screenshot())) as screen:
                color = screen.convert("RGB").getpixel((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
            assert (np.abs(np.subtract(color, COLOR)).max() < 8) == same, (name, color)
