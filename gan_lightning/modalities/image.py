"""Images: 8 bits a channel, in PNG files."""

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
from gan_lightning.modalities.depth import numbers_of
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content, Sample

MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's, by the number of channels
SUFFIXES = {".apng", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # Pillow knows more: for one it starts Ghostscript
MAX_PIXELS = 2**26  # of an image, before it is scaled: a small file can claim to be of any size
PngImagePlugin.MAX_TEXT_CHUNK = 2**26  # bytes of a text or a profile beside the pixels, where Pillow reads only 2**20
PngImagePlugin.MAX_TEXT_MEMORY = 2**28  # and of all of them
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # of JPEG, but for those within the coded pixels
END_OF_IMAGE = 0xD9
CELL = 56  # pixels: smaller images are enlarged in a sheet until their height reaches it
ODD = "shows something else than its plain pixels, by frames, a palette, transparency, a profile, EXIF or more bits"


class Images(Modality):
    """Images of one size: content (n, C, H, W) uint8, samples (n, C, H, W) float in [-1, 1].

    Args:
        channels: 1 for grey, 3 for RGB, 4 for RGBA.
        height: pixels.
        width: pixels.
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
        images = on_white(content)
        scale = math.ceil(CELL / images.shape[2])
        images = images.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        grid = make_grid(images, nrow=columns or math.ceil(math.sqrt(len(images))), padding=2 * scale)
        return grid.permute(1, 2, 0).numpy()

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        assert isinstance(content, Tensor)
        paths = [folder / f"{i:06d}.png" for i in range(start, start + len(content))]
        for path, pixels in zip(paths, content, strict=True):
            to_picture(pixels).save(path)
        return paths

    def read(self, path: Path, without: Collection[Path] = ()) -> Content:
        images = super().read(path, without)
        assert isinstance(images, Tensor)
        if images.max() == 1:  # what floats from 0 to 1 become that are stored as whole numbers
            raise UserError(f"{path}: no number in it is above 1, and white is 255: scale them first")
        return images

    def read_file(self, path: Path) -> Tensor:
        channels, height, width = self.sample_shape
        mode = MODES.get(channels, "")
        with open_image(path) as image:
            check_end(image, path)
            bits = numbers_of(image).bits
            odd = [f"{bits} bits a channel"] if bits > 8 else []
            odd += ["turned by EXIF"] if is_turned(image) else []
            odd += ["several frames"] if has_several_frames(image) else []
            pixels = in_mode(image, mode) if not odd and image.size == (width, height) else None
            found = ", ".join([image.mode, f"{image.width}×{image.height}", *odd])
        if pixels is None:
            raise UserError(
                f"{path}: is {found}: the data are {mode}, {width}×{height}, 8 bits a channel, which it cannot be "
                "without a change: convert it"
            )
        return torch.from_numpy(pixels).reshape(1, height, width, channels).permute(0, 3, 1, 2)

    def from_array(self, array: np.ndarray) -> Tensor:
        """Return the images in an array; the channels may come last, and may be left out where there is one."""
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
        return Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")

    @classmethod
    def digest(cls, path: Path) -> str:
        """Return the SHA-256 of what is seen: ``mode width height`` and a line feed, then the pixels by rows.

        Raises:
            UserError: for no image, and for one that shows something else than its pixels: with other frames, a
                palette, a profile of colours, turned by EXIF, or with more than 8 bits a channel.
        """
        with open_image(path) as image:
            deep = numbers_of(image).bits > 8
            odd = [key for key in ("transparency", "icc_profile", "gamma", "chromaticity", "srgb") if key in image.info]
            several = getattr(image, "n_frames", 1) > 1 or getattr(image, "default_image", False)
            plain = image.mode in MODES.values() and not (odd or several or is_turned(image) or deep)
            header = f"{image.mode} {image.width} {image.height}\n".encode()
            found = hashlib.sha256(header + np.ascontiguousarray(image).tobytes()).hexdigest()
        if not plain:
            raise UserError(f"{path}: {ODD}")
        return found


def normalize(images: Tensor) -> Tensor:
    """Return uint8 0…255 as float32 in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


def to_uint8(samples: Tensor) -> Tensor:
    """Return [-1, 1] as uint8 0…255 on the CPU, rounded to the nearest."""
    return ((samples.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()


def in_mode(image: Image.Image, mode: str) -> np.ndarray | None:
    """Return an image's pixels in a mode of ``MODES`` if they look the same in it: grey may be stored as RGB, say."""
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


def on_white(images: Tensor) -> Tensor:
    """Return images (n, C, H, W) uint8 that have an alpha channel as they look on white; others as they are."""
    if images.shape[1] != 4:
        return images
    colors, alpha = images[:, :3].float(), images[:, 3:].float() / 255
    return (colors * alpha + 255 * (1 - alpha)).round().to(torch.uint8)


def to_picture(pixels: Tensor) -> Image.Image:
    """Return (C, H, W) uint8 as a Pillow image: grey, RGB or RGBA by its channels."""
    array = pixels.permute(1, 2, 0).numpy()
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def is_turned(image: Image.Image) -> bool:
    """Return whether EXIF says that an image is to be seen otherwise than its pixels are stored."""
    return image.getexif().get(ExifTags.Base.Orientation, 1) != 1


def has_several_frames(image: Image.Image) -> bool:
    """Return whether it is an animation or has several pages; a photo with its preview (MPO) is one image."""
    return image.format != "MPO" and getattr(image, "is_animated", False)


def check_end(image: Image.Image, path: Path) -> None:
    """Raise ValueError for a JPEG file that lacks its end; zeros in its place would be decoded, as grey."""
    if image.format not in ("JPEG", "MPO"):
        return
    content, position = path.read_bytes(), 2
    while marker := MARKER.search(content, position):
        if marker[0][1] == END_OF_IMAGE:
            return
        position = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2], "big")
    raise ValueError("the end of the file is missing")


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open an image from anywhere, not decoded yet; what goes wrong with it becomes a UserError."""
    try:
        check_regular(path)
        # Not by its name: Pillow maps such files into memory, and then mixes up the pixels of turned TIFF images.
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}×{image.height}, more than {MAX_PIXELS:,} pixels")
            yield image
    except UserError:
        raise
    except Exception as error:  # decoders raise what they like
        why = f"no {', '.join(FORMATS)}" if isinstance(error, UnidentifiedImageError) else error
        raise UserError(f"{path}: not a readable image ({why}): repair, convert or remove it") from error
