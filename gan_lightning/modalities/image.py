"""The image modality: 8 bits a channel, written to PNG files."""

import hashlib
import math
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError
from torch import Tensor
from torchvision.utils import make_grid

from gan_lightning.errors import UserError
from gan_lightning.files import check_regular
from gan_lightning.modalities.color_spaces import has_other_colors
from gan_lightning.modalities.depth import pixel_format
from gan_lightning.modalities.modality import AmbiguousContent, Modality
from gan_lightning.modalities.samples import Content, Sample

MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's mode by the number of channels
IMAGE_SUFFIXES = {".apng", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # not all of Pillow's: EPS, for one, starts Ghostscript
MAX_PIXELS = 2**26  # size of an image before it is scaled: a small file can claim any size
# Size of text and color profiles beside the pixels, one and all together; Pillow's default for one is 2**20 bytes.
PngImagePlugin.MAX_TEXT_CHUNK = 2**26
PngImagePlugin.MAX_TEXT_MEMORY = 2**28
SHRINK = "scale it down, crop or remove it"  # remedy for images with more pixels than a limit
JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # without those that occur within the coded pixels
JPEG_END_OF_IMAGE = 0xD9
MIN_SHEET_HEIGHT = 56  # pixels: smaller images are enlarged in a sheet by a whole factor to at least this height
NOT_PLAIN = (
    "shows something else than its plain pixels: it has several frames, a palette, transparency, a color profile "
    "or color space, an EXIF orientation or more than 8 bits a channel"
)


class Images(Modality):
    """Images of one size: content (n, C, H, W) uint8, samples (n, C, H, W) float in [-1, 1].

    Args:
        channels: 1 for grey, 3 for RGB, 4 for RGBA.
        height: height in pixels.
        width: width in pixels.
    """

    suffix = ".png"
    media_type = "image/png"
    content_dtype = torch.uint8
    tolerance = 1

    sample_shape: tuple[int, ...]

    def __init__(self, channels: int, height: int, width: int) -> None:
        self.sample_shape = (channels, height, width)

    def encode(self, content: Content) -> Sample:
        assert isinstance(content, Tensor)
        return normalize(content)

    def decode(self, sample: Sample) -> Content:
        assert isinstance(sample, Tensor)
        return to_uint8(sample)

    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        assert isinstance(content, Tensor)
        images = blend_on_white(content)
        scale = math.ceil(MIN_SHEET_HEIGHT / images.shape[2])
        images = images.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        grid = make_grid(images, nrow=columns or math.ceil(math.sqrt(len(images))), padding=2 * scale)
        return grid.permute(1, 2, 0).numpy()

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        assert isinstance(content, Tensor)
        paths = [folder / f"{i:06d}.png" for i in range(start, start + len(content))]
        for path, pixels in zip(paths, content, strict=True):
            to_pillow(pixels).save(path)
        return paths

    def read(self, path: Path, without: Collection[Path] = ()) -> Content:
        images = super().read(path, without)
        assert isinstance(images, Tensor)
        if images.max() == 1:  # probably floats from 0 to 1 that were stored as integers
            raise UserError(f"{path}: the largest value is 1, but white is 255: scale the values to 0…255")
        return images

    def read_file(self, path: Path) -> Tensor:
        channels, height, width = self.sample_shape
        mode = MODES.get(channels, "")
        with open_image(path) as image:
            check_jpeg_end(image, path)
            bits = pixel_format(image).bits
            obstacles = [f"{bits} bits a channel"] if bits > 8 else []
            obstacles += ["turned by EXIF"] if has_exif_orientation(image) else []
            obstacles += ["several frames"] if has_several_frames(image) else []
            convertible = not obstacles and image.size == (width, height)
            pixels = convert_without_loss(image, mode) if convertible else None
            found = ", ".join([image.mode, f"{image.width}×{image.height}", *obstacles])
        if pixels is None:
            raise UserError(
                f"{path}: is {found}: the data are {mode}, {width}×{height}, 8 bits a channel, and reading it as such "
                "would change it: convert it"
            )
        return torch.from_numpy(pixels).reshape(1, height, width, channels).permute(0, 3, 1, 2)

    def from_array(self, array: np.ndarray) -> Tensor:
        """Return the images in an array; channels may be the last axis, and a single channel needs no axis."""
        images = super().from_array(array)
        channels, height, width = self.sample_shape
        if images.shape[1:] == (height, width, channels):
            return images.permute(0, 3, 1, 2)
        return images[:, None] if images.shape[1:] == (height, width) and channels == 1 else images

    def check(self, content: Content, where: object = "content") -> Content:
        if isinstance(content, Tensor) and content.dtype != torch.uint8:
            dtype = str(content.dtype).removeprefix("torch.")
            raise UserError(
                f"{where}: is {dtype}: must be uint8, from 0 for black to 255 for white: scale and round it"
            )
        return super().check(content, where)

    @classmethod
    def reads(cls, name: str) -> bool:
        return Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".")

    @classmethod
    def digest(cls, path: Path) -> str:
        """Return the SHA-256 of an image: of ``mode width height``, a line feed, and the pixels row by row.

        Raises:
            UserError: if the file is not an image.
            AmbiguousContent: if it shows something else than its plain pixels: several frames, a palette, transparency,
                a color profile or color space, an EXIF orientation, or more than 8 bits a channel.
        """
        with open_image(path) as image:
            deep = pixel_format(image).bits > 8
            extras = any(key in image.info for key in ("transparency", "icc_profile")) or has_exif_orientation(image)
            plain = image.mode in MODES.values() and not (extras or deep or shows_more_than_pixels(image, path))
            header = f"{image.mode} {image.width} {image.height}\n".encode()
            digest = hashlib.sha256(header + np.ascontiguousarray(image).tobytes()).hexdigest()
        if not plain:
            raise AmbiguousContent(f"{path}: {NOT_PLAIN}")
        return digest


def normalize(images: Tensor) -> Tensor:
    """Return uint8 pixels 0…255 as float32 in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


def to_uint8(samples: Tensor) -> Tensor:
    """Return samples in [-1, 1] as uint8 pixels 0…255 on the CPU, rounded to the nearest."""
    return ((samples.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()


def convert_without_loss(image: Image.Image, mode: str) -> np.ndarray | None:
    """Return the pixels of an image in a mode of ``MODES``; None if that changes how it looks.

    For example, RGB whose channels are equal becomes grey, and RGBA without transparency becomes RGB.
    """
    if image.mode == mode:
        return np.array(image)
    if mode not in MODES.values() or image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        return None
    pixels = np.array(image.convert("RGBA"))
    if mode == "RGBA":
        return pixels
    opaque = (pixels[..., 3] == 255).all()
    if mode == "RGB":
        return pixels[..., :3] if opaque else None
    grey = (pixels[..., :3] == pixels[..., :1]).all()
    return pixels[..., 0] if opaque and grey else None


def blend_on_white(images: Tensor) -> Tensor:
    """Return RGBA images (n, 4, H, W) uint8 as RGB on a white background; other images unchanged."""
    if images.shape[1] != 4:
        return images
    colors, alpha = images[:, :3].float(), images[:, 3:].float() / 255
    return (colors * alpha + 255 * (1 - alpha)).round().to(torch.uint8)


def to_pillow(pixels: Tensor) -> Image.Image:
    """Return (C, H, W) uint8 as a Pillow image, which is grey, RGB or RGBA depending on C."""
    array = pixels.permute(1, 2, 0).numpy()
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def has_exif_orientation(image: Image.Image) -> bool:
    """Return True if the EXIF data rotate or mirror the image when it is shown."""
    return image.getexif().get(ExifTags.Base.Orientation, 1) != 1


def shows_more_than_pixels(image: Image.Image, path: Path) -> bool:
    """Return True if viewers may show more frames or other colors than the pixels and the ICC profile of an image.

    Args:
        image: the image, open but not decoded yet.
        path: its file.
    """
    several_frames = getattr(image, "n_frames", 1) > 1 or getattr(image, "default_image", False)
    return several_frames or has_other_colors(image, path)


def has_several_frames(image: Image.Image) -> bool:
    """Return True for an animation or several pages. A photo with its preview (MPO) counts as one image."""
    return image.format != "MPO" and getattr(image, "is_animated", False)


def check_jpeg_end(image: Image.Image, path: Path) -> None:
    """Raise ValueError if a JPEG file has no end marker; Pillow decodes zeros in place of the missing part as grey."""
    if image.format not in ("JPEG", "MPO"):
        return
    content, position = path.read_bytes(), 2
    while marker := JPEG_MARKER.search(content, position):
        if marker[0][1] == JPEG_END_OF_IMAGE:
            return
        position = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2], "big")
    raise ValueError("the end of the file is missing")


@contextmanager
def open_image(path: Path, most: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image of at most ``most`` pixels without decoding it.

    Raises:
        UserError: for any exception here or in the body of ``with``.
    """
    try:
        check_regular(path)
        # Opened here, not by Pillow: it would map the file into memory and mix up the pixels of rotated TIFF images.
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > most:
                raise UserError(f"{path}: {image.width}×{image.height} is more than {most:,} pixels: {SHRINK}")
            yield image
    except UserError:
        raise
    except Image.DecompressionBombError as error:  # of Pillow, which does not tell width and height
        raise UserError(f"{path}: is more than {most:,} pixels: {SHRINK}") from error
    except Exception as error:  # decoders raise many types
        why = f"none of {', '.join(FORMATS)}" if isinstance(error, UnidentifiedImageError) else error
        raise UserError(f"{path}: not a readable image ({why}): repair, convert or remove it") from error
