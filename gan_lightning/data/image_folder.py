"""Any folder of pictures, decoded once into a memory-mapped file."""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from tqdm import tqdm

from gan_lightning.data.datamodule import Examples
from gan_lightning.data.images import LabelledImages
from gan_lightning.errors import UserError, refusals_of
from gan_lightning.marks import Location
from gan_lightning.modalities.image import MODES, SUFFIXES, Images, open_image
from gan_lightning.paths import at_home

log = logging.getLogger(__name__)


class ImageFolder(LabelledImages):
    """Pictures below a folder; where all lie in subfolders, the subfolders' names, sorted, are the classes.

    Hidden files and folders are left out.

    The rule for each picture, in this order: turn it upright by its EXIF orientation, lay it on white where it
    is transparent, make it grey (1 channel) or RGB (3), scale its shorter side to ``image_size`` (Lanczos), crop
    the centre. With 4 channels, RGBA, it keeps its transparency instead. Of a picture with several frames, such as an
    animation, the first one counts, and a warning says so.

    The result is kept as one uint8 file in ``cache_dir`` under a name made from the pictures' paths, sizes and
    times of change, and mapped into memory: a set may be larger than the machine's memory. Which pictures have several
    frames stands beside it.

    Args:
        root: the folder.
        cache_dir: where decoded pictures are kept.
        image_size: height and width of the samples, pixels.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        sample_shape: [channels, image_size, image_size].
        licence: of the pictures, for statements about samples; an SPDX identifier, as ``CC-BY-4.0``.
    """

    def __init__(
        self,
        root: Location[str],
        cache_dir: Location[str],
        image_size: PositiveInt,
        channels: Literal[1, 3, 4],
        sample_shape: Sequence[PositiveInt],
        batch_size: PositiveInt,
        num_classes: PositiveInt | None,
        seed: NonNegativeInt,
        licence: str | None = None,
        conditional: bool = False,
        evaluator: Any = None,
    ) -> None:
        super().__init__(batch_size, sample_shape, num_classes, seed, conditional, evaluator)
        self.root = Path(str(root)).expanduser()
        self.source, self.licence = self.root.name, licence
        self.cache_dir = at_home(cache_dir, "data.cache_dir or XDG_CACHE_HOME")
        self.image_size = image_size
        self.channels = channels

    def load(self) -> Examples:
        paths = self._paths()
        cache = self.cache_dir / f"{self._cache_key(paths)}.npy"
        if not cache.exists():
            with refusals_of(f"data.cache_dir={self.cache_dir}"):
                self._decode(paths, cache)
        if (several := cache.with_suffix(".several_frames.json")).exists():
            self._warn_of_frames(json.loads(several.read_text(encoding="utf-8")))
        # Copy-on-write: torch warns of arrays that it may not write to.
        images = torch.from_numpy(np.load(cache, mmap_mode="c"))
        return Examples(images, self._labels(paths))

    def _paths(self) -> list[Path]:
        if not self.root.is_dir():
            raise UserError(f"data.root={self.root}: no such folder: data.root=<a folder of pictures>")
        paths, seen = [], set()
        for folder, subfolders, names in os.walk(self.root, followlinks=True):
            subfolders[:] = visible(subfolders)  # os.walk passes over the rest
            found = [Path(folder), *(Path(folder, name) for name in names if Images.reads(name))]
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
        digest = hashlib.sha256(repr(("v2", self.channels, self.image_size)).encode())
        for path in paths:
            state = path.stat()
            digest.update(repr((str(path.relative_to(self.root)), state.st_size, state.st_mtime_ns)).encode())
        return digest.hexdigest()[:32]

    def _decode(self, paths: list[Path], cache: Path) -> None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        shape = (len(paths), self.channels, self.image_size, self.image_size)
        unfinished = cache.with_suffix(f".{os.getpid()}.tmp")
        several = []
        try:
            images = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
            with ThreadPoolExecutor() as pool:
                decoded = pool.map(self._read, paths)
                for i, (pixels, frames) in enumerate(tqdm(decoded, "decoding", len(paths), leave=False, disable=None)):
                    images[i] = pixels
                    several += [str(paths[i].relative_to(self.root))] if frames else []
            images.flush()
            if several:  # before the pictures, which say that all is there
                cache.with_suffix(".several_frames.json").write_text(json.dumps(several), encoding="utf-8")
            unfinished.replace(cache)
        finally:
            unfinished.unlink(missing_ok=True)

    def _read(self, path: Path) -> tuple[np.ndarray, bool]:
        return read_picture(path, self.image_size, self.channels), has_several_frames(path)

    def _warn_of_frames(self, names: list[str]) -> None:
        log.warning(
            "data.root=%s: %s several frames, of which the first counts: %s",
            self.root, "1 image has" if len(names) == 1 else f"{len(names):,} images have",
            names[0] + (", …" if len(names) > 1 else ""),
        )  # fmt: skip


def class_folders(root: Path) -> list[str]:
    """Return the names of the classes, sorted: those of the subfolders that hold images, however deep.

    There are none where some images lie beside the subfolders, or where there is no such folder.
    """
    _, folders, files = next(os.walk(root), ("", [], []))
    if any(Images.reads(name) for name in files):
        return []
    return sorted(name for name in visible(folders) if _holds_images(root / name))


def _holds_images(folder: Path) -> bool:
    for _, subfolders, names in os.walk(folder):
        if any(Images.reads(name) for name in names):
            return True
        subfolders[:] = visible(subfolders)  # os.walk passes over the rest
    return False


def visible(names: list[str]) -> list[str]:
    """Return the names that are not hidden."""
    return [name for name in names if not name.startswith(".")]


def has_several_frames(path: Path) -> bool:
    """Return whether it is an animation or has several pages; a photo with its preview (MPO) is one image."""
    with open_image(path) as image:
        return image.format != "MPO" and getattr(image, "is_animated", False)


def read_picture(path: Path, size: int, channels: int) -> np.ndarray:
    """One picture as (channels, size, size) uint8, by the rule of :class:`ImageFolder`."""
    with open_image(path) as picture:
        upright = ImageOps.exif_transpose(picture)
        if upright.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        if upright.has_transparency_data and channels < 4:
            upright = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
        upright = upright.convert(MODES[channels])
        fitted = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(fitted).reshape(size, size, channels).transpose(2, 0, 1)
