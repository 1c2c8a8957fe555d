"""Any folder of pictures, decoded once into a memory-mapped file."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from gan_lightning.data.datamodule import Examples
from gan_lightning.data.decode_cache import DecodeCache
from gan_lightning.data.image_tree import Found, ImageTree
from gan_lightning.data.images import LabelledImages
from gan_lightning.data.pictures import check_brightness, read_picture
from gan_lightning.errors import UserError, listed, printable
from gan_lightning.marks import Location, WithoutEffect
from gan_lightning.modalities.image import has_several_frames, open_image
from gan_lightning.paths import expand_home
from gan_lightning.system.distributed import first_process

RULE = "v4"  # of read_picture: another one for each change of what it returns, or old images come from the cache

log = logging.getLogger(__name__)


class ImageFolder(LabelledImages):
    """Images below a folder; where all lie in subfolders, these are the classes, and what is told by class has their
    names. They are in the order of the names, as numbers where all are whole numbers. Where all
    are called as parts of a data set, ``train`` and ``test``, say, they are no classes.

    Hidden files and folders are left out, and what this package's commands have written: a run does not train on the
    samples of another one. A line says what else is left out.

    The rule for each picture, in this order: reduce more than 8 bits a channel to 8, turn it upright by its EXIF
    orientation, lay it on white where it is transparent, make it grey (1 channel) or RGB (3), scale its shorter side to
    ``image_size`` (Lanczos), crop the centre. With 4 channels, RGBA, it keeps its transparency instead. Of a picture
    with several frames, such as an animation, the first one counts, and a warning says so.

    Args:
        root: the folder.
        cache_dir: where decoded images are kept, by :class:`~gan_lightning.data.decode_cache.DecodeCache`.
        image_size: height and width of the samples, pixels.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        sample_shape: [channels, image_size, image_size].
        follow_links: whether links may lead out of the folder, as those of tools that keep files elsewhere do. What
            is there must not be read by way of a folder that came from somebody else.
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
        follow_links: WithoutEffect[bool] = False,
        licence: str | None = None,
        conditional: bool = False,
        evaluator: Any = None,
    ) -> None:
        super().__init__(batch_size, sample_shape, num_classes, seed, conditional, evaluator)
        self.root = Path(root).expanduser()
        self.source, self.licence = self.root.name, licence
        self.cache_dir = Path(expand_home(cache_dir, "data.cache_dir or XDG_CACHE_HOME"))
        self.image_size = image_size
        self.channels = channels
        self.follow_links = follow_links

    def load(self) -> Examples:
        tree = ImageTree(self.root, self.follow_links)
        found = tree.find()
        classes = self._classes(tree)
        if first_process():
            self._tell(tree, found, classes)
        cache = DecodeCache(self.cache_dir, self.root, RULE, self.modality.sample_shape)
        images, several = cache.load(found.images, self._read, check_brightness)
        if several:
            self._warn_of_frames(several)
        return Examples(images, _labels(found.images, classes))

    def _classes(self, tree: ImageTree) -> list[str]:
        """Return the folders that are classes; none where some images lie beside them."""
        asked = f"data.num_classes={self.num_classes}" if self.condition is None else "conditional=true"
        if self.num_classes is not None:
            tree.check_classes(asked)
        if self.condition is not None:
            tree.check_several(asked)
        if tree.loose or not tree.classes or tree.splits:
            return []
        if self.num_classes not in (None, len(tree.classes)):
            empty = f", and none in {listed(tree.empty)}" if tree.empty else ""
            found = f"images are in {len(tree.classes)} of its folders, {listed(tree.classes)}{empty}"
            raise UserError(f"data.num_classes={self.num_classes}: {tree.key}: {found}")
        self.name_classes([printable(name) for name in tree.classes])
        return tree.classes

    def _tell(self, tree: ImageTree, found: Found, classes: list[str]) -> None:
        """Say what was read, and what was left out and why."""
        said = f"{tree.key}: {len(found.images):,} image{'s' if len(found.images) > 1 else ''}"
        if classes:
            said += f", {len(classes):,} classes: {listed(classes)}"
        elif tree.splits:
            said += f", without classes: {listed(tree.splits)} are parts of a data set, which are read together"
        elif tree.classes:
            said += f", without classes: {tree.loose[0]} lies beside the folders {listed(tree.classes)}"
        left_out = found.left_out()
        if classes and tree.empty:
            left_out.append(f"folders without images: {listed(tree.empty)}")
        level = logging.WARNING if left_out or (tree.classes and not classes) else logging.INFO
        log.log(level, "%s", printable(f"{said}; left out: {'; '.join(left_out)}" if left_out else said))

    def _read(self, path: Path) -> tuple[np.ndarray, bool]:
        with open_image(path) as image:
            several = has_several_frames(image)
        return read_picture(path, self.image_size, self.channels), several

    def _warn_of_frames(self, names: list[str]) -> None:
        log.warning(
            "data.root=%s: %s several frames, of which the first counts: %s",
            self.root, "1 image has" if len(names) == 1 else f"{len(names):,} images have",
            names[0] + (", …" if len(names) > 1 else ""),
        )  # fmt: skip


def _labels(images: list[str], classes: list[str]) -> Tensor:
    """Return the labels (n,) of images by the folders that they are in; 0 for all where there are no classes."""
    labels = {name: label for label, name in enumerate(classes)}
    return torch.tensor([labels.get(path.partition(os.sep)[0], 0) for path in images])
