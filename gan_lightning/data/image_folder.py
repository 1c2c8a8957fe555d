"""The data set of a user's own images: any folder, decoded once into a memory-mapped file."""

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
from gan_lightning.data.image_files import check_brightness, read_image
from gan_lightning.data.image_tree import FoundImages, ImageTree, count_images
from gan_lightning.data.images import LabelledImages
from gan_lightning.errors import UserError, listed, printable
from gan_lightning.marks import Location, WithoutEffect
from gan_lightning.modalities.image import has_several_frames, open_image
from gan_lightning.modalities.label import list_classes
from gan_lightning.paths import expand_home
from gan_lightning.system.distributed import first_process

DECODER_VERSION = "v5"  # of read_image: change it whenever its output changes, or the cache returns old images

log = logging.getLogger(__name__)


class ImageFolder(LabelledImages):
    """Images in a folder and its subfolders. If all images are in subfolders, the subfolders are the classes.

    Classes have the names of their folders and are in the order of the names, or in numeric order if all names are
    whole numbers. Subfolders that are all named like parts of a data set, such as ``train`` and ``test``, are not
    classes.

    Hidden files and folders are skipped, and so are the files that commands of this package have written: a run does
    not train on samples of another run. The log says what else is skipped.

    Each image is processed in these steps: reduce more than 8 bits a channel to 8; rotate it by its EXIF orientation;
    blend transparency with white; convert it to grey (1 channel) or RGB (3); scale its shorter side to ``image_size``
    (Lanczos); crop the centre. With 4 channels, RGBA, it keeps its transparency, and
    invisible pixels become black, so that models do not learn their colors. Of an image with several frames, such
    as an animation, the first is used, with a warning.

    Args:
        root: folder of the images.
        cache_dir: folder for decoded images, used by :class:`~gan_lightning.data.decode_cache.DecodeCache`.
        image_size: height and width of the samples in pixels.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        sample_shape: [channels, image_size, image_size].
        follow_links: if True, symbolic links may lead out of the folder, as links of data tools do. If False, a folder
            from somebody else cannot make a run read other files.
        origin: address of the images, for the message if the folder is missing.
        licence: licence of the images, for statements about samples; an SPDX identifier such as ``CC-BY-4.0``.
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
        origin: WithoutEffect[str | None] = None,
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
        self.origin = origin

    def load(self) -> Examples:
        tree = ImageTree(self.root, self.follow_links, self.origin)
        found = tree.find()
        classes = self._find_classes(tree)
        if first_process():
            self._log_summary(tree, found, classes)
        images = decoded_images(tree, found.images, self.cache_dir, self.channels, self.image_size)
        return Examples(images, _labels(found.images, classes))

    def _find_classes(self, tree: ImageTree) -> list[str]:
        """Return the names of the subfolders that are classes; an empty list if there are no classes."""
        setting = f"data.num_classes={self.num_classes}" if self.condition is None else "conditional=true"
        if self.num_classes is not None:
            tree.check_classes(setting)
        if self.condition is not None:
            tree.check_several_classes(setting)
        if tree.loose or not tree.classes or tree.splits:
            return []
        if self.num_classes not in (None, len(tree.classes)):
            empty = f", and none in {listed(tree.empty)}" if tree.empty else ""
            found = f"images are in {len(tree.classes)} of its folders, {list_classes(tree.classes)}{empty}"
            raise UserError(f"data.num_classes={self.num_classes}: {tree.key}: {found}")
        self.name_classes([printable(name) for name in tree.classes])
        return tree.classes

    def _log_summary(self, tree: ImageTree, found: FoundImages, classes: list[str]) -> None:
        """Log the number of images and classes, and the reasons why files are left out."""
        summary = f"{tree.key}: {count_images(len(found.images))}"
        if classes:
            summary += f", {len(classes):,} classes: {list_classes(classes)}"
        elif tree.splits:
            summary += f", without classes: {listed(tree.splits)} are parts of a data set, which are read together"
        elif tree.classes:
            summary += f", without classes: {tree.loose[0]} lies beside the folders {list_classes(tree.classes)}"
        left_out = found.left_out()
        if classes and tree.empty:
            left_out.append(f"folders without images: {listed(tree.empty)}")
        if left_out:
            summary += f"; left out: {'; '.join(left_out)}"
        level = logging.WARNING if left_out or (tree.classes and not classes) else logging.INFO
        log.log(level, "%s", printable(summary))


def decoded_images(tree: ImageTree, names: list[str], cache_dir: Path, channels: int, size: int) -> Tensor:
    """Return images (n, channels, size, size) uint8, read by the steps that :class:`ImageFolder` documents.

    The log says if some have several frames.

    Args:
        tree: the folder of the images.
        names: paths of the images, relative to the folder.
        cache_dir: folder for decoded images.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        size: height and width in pixels.

    Raises:
        UserError: if an image cannot be read.
    """

    def decode(path: Path) -> tuple[np.ndarray, bool]:
        with open_image(path) as image:
            several_frames = has_several_frames(image)
        return read_image(path, size, channels), several_frames

    cache = DecodeCache(cache_dir, tree.root, DECODER_VERSION, (channels, size, size), tree.setting)
    images, several_frames = cache.load(names, decode, check_brightness)
    if several_frames:
        log.warning(
            "%s: %s several frames, of which the first counts: %s",
            tree.key, "1 image has" if len(several_frames) == 1 else f"{len(several_frames):,} images have",
            several_frames[0] + (", …" if len(several_frames) > 1 else ""),
        )  # fmt: skip
    return images


def _labels(images: list[str], classes: list[str]) -> Tensor:
    """Return the labels (n,) of images by the subfolders that they are in; all 0 if there are no classes."""
    labels = {name: label for label, name in enumerate(classes)}
    return torch.tensor([labels.get(path.partition(os.sep)[0], 0) for path in images])
