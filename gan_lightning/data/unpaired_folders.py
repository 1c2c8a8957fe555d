"""The data set of a user's own two domains: any two folders of images."""

import hashlib
import logging
import os
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Literal, Unpack

from pydantic import PositiveInt

from gan_lightning.data.image_folder import decoded_images
from gan_lightning.data.image_tree import ImageTree, count_images
from gan_lightning.data.unpaired import Domain, Unpaired, UnpairedSettings
from gan_lightning.errors import UserError, printable
from gan_lightning.marks import Location, WithoutEffect
from gan_lightning.paths import expand_home
from gan_lightning.system.distributed import first_process

HELD_OUT = 10  # without a folder of test images, one of so many images is held out

log = logging.getLogger(__name__)


class UnpairedFolders(Unpaired):
    """Images in two folders and their subfolders, read as :class:`ImageFolder` does; a model translates A to B.

    Without folders of test images, a tenth of each folder is held out: the images whose paths have the smallest
    SHA-256. So the choice does not depend on a seed, and hardly changes when images are added.

    Args:
        a: folder of the images to translate.
        b: folder of images as the translated ones should look.
        a_test: folder of test images to translate; None to hold out some of ``a``.
        b_test: folder of test images of domain B; None to hold out some of ``b``.
        cache_dir: folder for decoded images, used by :class:`~gan_lightning.data.decode_cache.DecodeCache`.
        image_size: height and width of the samples in pixels.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        follow_links: if True, symbolic links may lead out of the folders.
        a_origin: address of the images of ``a``, for the message if the folder is missing.
        b_origin: address of the images of ``b``.
        licence: licence of the images, for statements about samples; an SPDX identifier such as ``CC-BY-4.0``.
        reverse: True to exchange the folders, and translate B to A.
        settings: as for :class:`Unpaired`; both shapes are [channels, image_size, image_size].
    """

    def __init__(
        self,
        a: Location[str],
        b: Location[str],
        a_test: Location[str | None],
        b_test: Location[str | None],
        cache_dir: Location[str],
        image_size: PositiveInt,
        channels: Literal[1, 3, 4],
        follow_links: WithoutEffect[bool] = False,
        a_origin: WithoutEffect[str | None] = None,
        b_origin: WithoutEffect[str | None] = None,
        licence: str | None = None,
        reverse: bool = False,
        **settings: Unpack[UnpairedSettings],
    ) -> None:
        super().__init__(reverse=reverse, **settings)
        self.folders = {
            setting: Path(folder).expanduser()
            for setting, folder in {"a": a, "b": b, "a_test": a_test, "b_test": b_test}.items()
            if folder is not None
        }
        self.source, self.licence = f"{self.folders['a'].name} and {self.folders['b'].name}", licence
        self.cache_dir = Path(expand_home(cache_dir, "data.cache_dir or XDG_CACHE_HOME"))
        self.image_size = image_size
        self.channels = channels
        self.follow_links = follow_links
        self.origins = {"a": a_origin, "b": b_origin}

    def load_domains(self) -> tuple[Domain, Domain]:
        check_disjoint(self.folders)
        a, b = (self._load(self._tree(name), self._training_names(name)) for name in ("a", "b"))
        return a, b

    def load_test_domains(self) -> tuple[Domain, Domain]:
        a, b = (self._load(*self._test_images(name)) for name in ("a", "b"))
        return a, b

    def _tree(self, name: str) -> ImageTree:
        return ImageTree(self.folders[name], self.follow_links, self.origins.get(name), f"data.{name}")

    def _training_names(self, name: str) -> list[str]:
        tree = self._tree(name)
        found = tree.find()
        if first_process():
            summary, left_out = f"{tree.key}: {count_images(len(found.images))}", found.left_out()
            if left_out:
                summary += f"; left out: {'; '.join(left_out)}"
            log.log(logging.WARNING if left_out else logging.INFO, "%s", printable(summary))
        if f"{name}_test" in self.folders:
            return found.images
        if len(found.images) < 2:
            raise UserError(
                f"{tree.key}: has 1 image: a domain needs one to train on and one to test, and better hundreds; "
                "gan-stylize transfers the style of a single image"
            )
        return sorted(set(found.images) - set(held_out(found.images)))

    def _test_images(self, name: str) -> tuple[ImageTree, list[str]]:
        test = f"{name}_test"
        if test in self.folders:
            tree = self._tree(test)
            return tree, tree.find().images
        tree = self._tree(name)
        return tree, held_out(tree.find().images)

    def _load(self, tree: ImageTree, names: list[str]) -> Domain:
        return Domain(decoded_images(tree, names, self.cache_dir, self.channels, self.image_size))


def held_out(names: Sequence[str]) -> list[str]:
    """Return the tenth of the names, at least one, that have the smallest SHA-256, sorted."""
    by_hash = sorted(names, key=lambda name: hashlib.sha256(os.fsencode(name)).digest())
    return sorted(by_hash[: max(len(names) // HELD_OUT, 1)])


def check_disjoint(folders: dict[str, Path]) -> None:
    """Raise UserError if one folder is, or lies in, another one.

    Args:
        folders: the folders by the names of their settings.
    """
    for (outer, other), (inner, path) in permutations(folders.items(), 2):
        if path.resolve().is_relative_to(other.resolve()):
            raise UserError(
                f"data.{inner}={path}: lies in data.{outer}={other}, whose images are of the other domain or split: "
                "choose folders that share no images"
            )
