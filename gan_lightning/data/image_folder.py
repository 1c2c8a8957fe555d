"""Any folder of pictures, decoded once into a memory-mapped file."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from tqdm import tqdm

from gan_lightning.data.datamodule import ImageData
from gan_lightning.errors import UserError
from gan_lightning.files import check_regular
from gan_lightning.marks import Location, WithoutEffect

MAX_PIXELS = 2**26  # of a picture, before it is scaled: a small file can claim to be of any size
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # Pillow knows more: for one it starts Ghostscript
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


class ImageFolder(ImageData):
    """Pictures below a folder; where all lie in subfolders, the subfolders' names, sorted, are the classes.

    The rule for each picture, in this order: turn it upright by its EXIF orientation, lay it on white where it
    is transparent, make it grey (1 channel) or RGB (3), scale its shorter side to ``image_size`` (Lanczos), crop
    the centre. Of an animation, the first frame counts.

    The result is kept as one uint8 file in ``cache_dir`` under a name made from the pictures' paths, sizes and
    times of change, and mapped into memory: a set may be larger than the machine's memory.

    Args:
        root: the folder.
        cache_dir: where decoded pictures are kept.
        image_size: height and width of the samples, pixels.
        channels: 1 or 3.
        sample_shape: [channels, image_size, image_size].
        licence: of the pictures, for statements about samples; an SPDX identifier, as ``CC-BY-4.0``.
    """

    def __init__(
        self,
        root: Location[str],
        cache_dir: Location[str],
        image_size: PositiveInt,
        channels: Literal[1, 3],
        sample_shape: Sequence[PositiveInt],
        batch_size: PositiveInt,
        num_classes: PositiveInt | None,
        seed: NonNegativeInt,
        licence: WithoutEffect[str | None] = None,
    ) -> None:
        super().__init__(batch_size, sample_shape, num_classes, seed)
        self.root = Path(str(root)).expanduser()
        self.source, self.licence = self.root.name, licence
        self.cache_dir = Path(cache_dir).expanduser()
        self.image_size = image_size
        self.channels = channels

    def load(self) -> tuple[Tensor, Tensor]:
        paths = self._paths()
        cache = self.cache_dir / f"{self._cache_key(paths)}.npy"
        if not cache.exists():
            self._decode(paths, cache)
        # Copy-on-write: torch warns of arrays that it may not write to.
        images = torch.from_numpy(np.load(cache, mmap_mode="c"))
        return images, self._labels(paths)

    def _paths(self) -> list[Path]:
        if not self.root.is_dir():
            raise UserError(f"data.root={self.root}: no such folder: data.root=<a folder of pictures>")
        paths, seen = [], set()
        for folder, _, names in os.walk(self.root, followlinks=True):
            found = [Path(folder), *(Path(folder, name) for name in names if is_picture(name))]
            for path in found:
                self._check_link(path)
            if (real := found[0].resolve()) in seen:
                raise UserError(f"data.root={self.root}: {folder} is a link to {real}, read already: remove it")
            seen.add(real)
            paths += found[1:]
        if not paths:
            raise UserError(f"data.root={self.root}: no pictures in it or below ({', '.join(sorted(SUFFIXES))})")
        return sorted(paths)

    def _check_link(self, path: Path) -> None:
        """What is elsewhere must not be read by way of a folder that came from somebody else."""
        if path != self.root and path.is_symlink() and not path.resolve().is_relative_to(self.root.resolve()):
            raise UserError(
                f"data.root={self.root}: {path} is a link to {path.resolve()}, outside: put a copy there, or remove it"
            )

    def _labels(self, paths: list[Path]) -> Tensor:
        classes = {name: label for label, name in enumerate(class_folders(self.root))}
        return torch.tensor([classes.get(path.relative_to(self.root).parts[0], 0) for path in paths])

    def _cache_key(self, paths: list[Path]) -> str:
        digest = hashlib.sha256(repr(("v1", self.channels, self.image_size)).encode())
        for path in paths:
            state = path.stat()
            digest.update(repr((str(path.relative_to(self.root)), state.st_size, state.st_mtime_ns)).encode())
        return digest.hexdigest()[:32]

    def _decode(self, paths: list[Path], cache: Path) -> None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        shape = (len(paths), self.channels, self.image_size, self.image_size)
        unfinished = cache.with_suffix(f".{os.getpid()}.tmp")
        try:
            images = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
            with ThreadPoolExecutor() as pool:
                decoded = pool.map(lambda path: read_picture(path, self.image_size, self.channels), paths)
                for i, pixels in enumerate(tqdm(decoded, "decoding", len(paths), leave=False, disable=None)):
                    images[i] = pixels
            images.flush()
            unfinished.replace(cache)
        finally:
            unfinished.unlink(missing_ok=True)


def class_folders(root: Path) -> list[str]:
    """Return the names of the classes, sorted: those of the subfolders that hold pictures, however deep.

    There are none where some pictures lie beside the subfolders, or where there is no such folder.
    """
    _, folders, files = next(os.walk(root), ("", [], []))
    if any(is_picture(name) for name in files):
        return []
    return sorted(name for name in folders if _holds_pictures(root / name))


def _holds_pictures(folder: Path) -> bool:
    return any(is_picture(name) for _, _, names in os.walk(folder) for name in names)


def is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """A picture from anywhere, not decoded yet; what goes wrong with it becomes a UserError."""
    try:
        check_regular(path)
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(f"{picture.width}×{picture.height}, more than {MAX_PIXELS:,} pixels")
            yield picture
    except Exception as error:  # decoders raise what they like
        raise UserError(f"{path}: not a readable picture ({error}): repair or remove it") from error


def read_picture(path: Path, size: int, channels: int) -> np.ndarray:
    """One picture as (channels, size, size) uint8, by the rule of :class:`ImageFolder`."""
    with open_picture(path) as picture:
        upright = ImageOps.exif_transpose(picture)
        if upright.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
        upright = upright.convert("L" if channels == 1 else "RGB")
        fitted = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(fitted).reshape(size, size, channels).transpose(2, 0, 1)
