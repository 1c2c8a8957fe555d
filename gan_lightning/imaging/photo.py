"""Photos: images of any size and format, with their transparency, their bits and their color profile."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from gan_lightning.data.image_files import INTERMEDIATE_MODES
from gan_lightning.errors import UserError, listed
from gan_lightning.imaging.sixteen_bits import read_16_bits, write_png_16_bits
from gan_lightning.modalities.depth import pixel_format
from gan_lightning.modalities.image import check_jpeg_end, has_several_frames, open_image

MAX_PHOTO_PIXELS = 2**27  # 134 million, of which a photo in RGB and its decoder take about 1 GB
FORMATS = {  # to write, by suffix
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF",
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
MAX_SIDE = {"JPEG": 2**16 - 1, "WEBP": 2**14 - 1}  # of the formats that have a limit
GREY_MODES = ("1", "L", "LA", "La")
SOFTWARE = "GAN Lightning"  # EXIF tag of all photos that are written

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Photo:
    """An image as its file holds it.

    Attributes:
        pixels: (H, W, C) uint8 or uint16; C is 1 for grey, 2 for grey with alpha, 3 for RGB, 4 for RGBA.
        icc_profile: ICC color profile; None if the file has none.
    """

    pixels: np.ndarray
    icc_profile: bytes | None = None


def to_samples(pixels: np.ndarray) -> Tensor:
    """Return pixels (H, W, C) uint8 or uint16 as a float32 tensor (1, C, H, W) in [-1, 1]."""
    half = np.iinfo(pixels.dtype).max / 2
    return torch.from_numpy(pixels.astype(np.float32)).div_(half).sub_(1).permute(2, 0, 1)[None]


def to_pixels(samples: Tensor, dtype: np.dtype) -> np.ndarray:
    """Return samples (1, C, H, W) in [-1, 1] as pixels (H, W, C) of the type, rounded to the nearest."""
    white = np.iinfo(dtype).max
    values = ((samples[0].float() + 1) * (white / 2)).round().clamp(0, white)
    return values.permute(1, 2, 0).cpu().numpy().astype(dtype)


def read_photo(path: Path, most: int = MAX_PHOTO_PIXELS) -> Photo:
    """Return a photo, turned by its EXIF orientation.

    Grey, alpha and 16 bits a channel are kept; a palette, CMYK and other color spaces become RGB. Of an image with
    several frames, the first is used, with a warning.

    Args:
        path: the image's file.
        most: the largest number of pixels.

    Raises:
        UserError: if the file is not an image, is damaged or too large, or if its values cannot be read as they are.
    """
    with _any_size(), open_image(path, most) as file:
        check_jpeg_end(file, path)
        if has_several_frames(file):
            log.warning("%s: has several frames, of which the first is used", path)
        profile = file.info.get("icc_profile")
        deep = pixel_format(file).bits > 8
        pixels = read_16_bits(path, most) if deep else _pixels(file)
    return Photo(pixels, profile)


@contextmanager
def _any_size() -> Iterator[None]:
    """Suppress Pillow's warning about large images, as ``open_image`` has a limit of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _pixels(image: Image.Image) -> np.ndarray:
    """Return the pixels (H, W, C) uint8 of an image, turned by its EXIF orientation."""
    ImageOps.exif_transpose(image, in_place=True)  # without a copy of an image that is not turned
    if image.mode in INTERMEDIATE_MODES:
        image = image.convert(INTERMEDIATE_MODES[image.mode])
    mode = "L" if image.mode in GREY_MODES else "RGB"
    if image.has_transparency_data:
        mode += "A"
    pixels = np.array(image if image.mode == mode else image.convert(mode))
    return pixels.reshape(*pixels.shape[:2], len(mode))


def check_format(path: Path, channels: int, dtype: np.dtype, height: int, width: int) -> None:
    """Raise UserError if the format that ``path`` names cannot hold such an image.

    Args:
        path: the file to write.
        channels: the number of channels, as in :class:`Photo`.
        dtype: type of the pixels.
        height: the height in pixels.
        width: the width in pixels.
    """
    name = FORMATS.get(path.suffix.lower())
    if name is None:
        raise UserError(f"output={path}: the name of a {listed(list(FORMATS))} file is needed")
    lossless = path.with_suffix(".png").name
    if name == "JPEG" and channels in (2, 4):
        raise UserError(f"output={path}: JPEG has no transparency, which the image has: output={lossless}")
    if dtype != np.uint8 and (name in ("JPEG", "WEBP") or (name == "TIFF" and channels > 1)):
        kind = "color or transparency with " if name == "TIFF" else ""
        raise UserError(
            f"output={path}: {name} is written with 8 bits a channel, but the image has {kind}16: output={lossless}"
        )
    if max(height, width) > MAX_SIDE.get(name, max(height, width)):
        raise UserError(
            f"output={path}: {width}×{height} is too large for {name}, which has at most {MAX_SIDE[name]:,} pixels a "
            f"side: output={lossless}"
        )


def write_photo(path: Path, photo: Photo, format: str) -> None:
    """Write a photo to a file in a format of ``FORMATS``, whatever its name.

    A color profile is written if it is one for the photo's channels.
    """
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = SOFTWARE
    grey = photo.pixels.shape[2] < 3
    profile = photo.icc_profile
    if profile is not None and profile[16:20] != (b"GRAY" if grey else b"RGB "):  # its color space
        profile = None
    if format == "PNG" and photo.pixels.dtype != np.uint8:
        write_png_16_bits(path, photo.pixels, profile, exif.tobytes().removeprefix(b"Exif\0\0"))
        return
    pixels = photo.pixels[..., 0] if photo.pixels.shape[2] == 1 else photo.pixels
    Image.fromarray(pixels).save(path, format, exif=exif, icc_profile=profile, **OPTIONS.get(format, {}))


def is_ours(path: Path) -> bool:
    """Return True if ``write_photo`` has written the file."""
    try:
        with _any_size(), open_image(path, MAX_PHOTO_PIXELS) as image:
            return image.getexif().get(ExifTags.Base.Software) == SOFTWARE
    except UserError:
        return False
