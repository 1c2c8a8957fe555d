"""Data sets for super-resolution: the two photos in scikit-learn, and photos in folders."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Unpack

import torch
from sklearn.datasets import load_sample_images
from tqdm import tqdm

from gan_lightning.data.image_files import read_photo
from gan_lightning.data.image_tree import ImageTree
from gan_lightning.data.super_resolution import Photo, SuperResolution, SuperResolutionSettings
from gan_lightning.errors import UserError, printable
from gan_lightning.imaging.colors import luma
from gan_lightning.marks import Location, WithoutEffect
from gan_lightning.system.distributed import first_process

HELD_OUT = 10  # without a folder of test photos, every tenth photo is a test photo

log = logging.getLogger(__name__)


class SamplePhotos(SuperResolution):
    """The two photos in scikit-learn, a temple and a flower, 640×427 RGB. The right quarter of each is held out.

    Takes the arguments of :class:`SuperResolution`.
    """

    source, licence = "china.jpg and flower.jpg of scikit-learn, https://scikit-learn.org", "CC-BY-2.0"

    def read_training_photos(self) -> Iterable[Photo]:
        return [Photo(name, pixels[:, :, : pixels.shape[2] // 4 * 3]) for name, pixels in self._photos()]

    def read_test_photos(self) -> Iterable[Photo]:
        return [Photo(name, pixels[:, :, pixels.shape[2] // 4 * 3 :]) for name, pixels in self._photos()]

    def _photos(self) -> Iterator[Photo]:
        photos = load_sample_images()
        for name, pixels in zip(photos.filenames, photos.images, strict=True):
            photo = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
            if self.modality.sample_shape[0] == 1:
                photo = luma(photo[None].float())[0].round().to(torch.uint8)
            yield Photo(Path(name).stem, photo)


class PhotoFolder(SuperResolution):
    """Photos in folders and their subfolders, of any size.

    Hidden files and files that commands of this package have written are skipped, as :class:`ImageFolder` skips them.
    Photos are turned by their EXIF orientation, blended with white where they are transparent, and converted to grey or
    RGB. Photos smaller than a region are left out, which the log says.

    Args:
        root: folder of the training photos, or a list of folders.
        test_root: folder of the test photos; None to hold out every tenth photo.
        follow_links: if True, symbolic links may lead out of the folders.
        origin: address of the photos, for the message if a folder is missing.
        licence: licence of the photos, for statements about samples; an SPDX identifier such as ``CC-BY-4.0``.
        settings: see :class:`SuperResolution`.
    """

    def __init__(
        self,
        root: Location[str | list[str]],
        test_root: Location[str | None] = None,
        follow_links: WithoutEffect[bool] = False,
        origin: WithoutEffect[str | None] = None,
        licence: str | None = None,
        **settings: Unpack[SuperResolutionSettings],
    ) -> None:
        super().__init__(**settings)
        roots = [root] if isinstance(root, str) else list(root)
        self.roots = [Path(one).expanduser() for one in roots]
        self.test_root = None if test_root is None else Path(test_root).expanduser()
        self.follow_links = follow_links
        self.origin = origin
        self.licence = licence
        self.source = ", ".join(one.name for one in self.roots)

    def read_training_photos(self) -> Iterator[Photo]:
        paths = self._find(self.roots)
        if self.test_root is None:
            held_out = set(self._held_out(paths))
            paths = [path for path in paths if path not in held_out]
        side = self.region * self.scale
        small = []
        for path in tqdm(paths, "reading photos", disable=None, leave=False):
            photo = self._read(path)
            if min(photo.pixels.shape[1:]) < side:
                small.append(photo.name)
            yield photo
        if small and first_process():
            names = printable(small[0]) + (", …" if len(small) > 1 else "")
            log.warning("data: %d photos smaller than %d×%d are left out: %s", len(small), side, side, names)

    def read_test_photos(self) -> Iterator[Photo]:
        paths = self._held_out(self._find(self.roots)) if self.test_root is None else self._find([self.test_root])
        return map(self._read, paths)

    def _find(self, roots: Sequence[Path]) -> list[Path]:
        trees = [ImageTree(root, self.follow_links, self.origin) for root in roots]
        return [tree.root / name for tree in trees for name in tree.find().images]

    def _held_out(self, paths: Sequence[Path]) -> Sequence[Path]:
        if len(paths) < 2:
            raise UserError(f"data.root={paths[0].parent}: one photo alone: add others, or data.test_root=<a folder>")
        return paths[::HELD_OUT]

    def _read(self, path: Path) -> Photo:
        return Photo(path.stem, torch.from_numpy(read_photo(path, self.modality.sample_shape[0])))
