"""Finds the images in a folder, the subfolders that are classes, and the files that are left out."""

import mimetypes
import os
from collections import Counter
from collections.abc import Iterator
from functools import cache, cached_property
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from gan_lightning.data.command_results import is_result, result_subfolders
from gan_lightning.errors import UserError, listed
from gan_lightning.modalities.image import IMAGE_SUFFIXES
from gan_lightning.modalities.label import list_classes

SYSTEM_FOLDERS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}  # parts of one data set
CAMERA_SUFFIXES = {".heic", ".heif", ".avif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw"}  # Pillow lacks some


class Folder(NamedTuple):
    """Content of one folder; paths are relative to the root.

    Attributes:
        images: image files that can be read.
        unread: suffixes of image files of other types, one for each file.
        folders: subfolders that may hold images.
        results: folders that commands of this package have written.
    """

    images: list[str]
    unread: list[str]
    folders: list[str]
    results: list[str]


class FoundImages(NamedTuple):
    """All images below a root, and the files that are left out.

    Attributes:
        images: paths of the images relative to the root, sorted.
        unread: number of image files of other types by suffix.
        results: folders with images that commands of this package have written.
    """

    images: list[str]
    unread: Counter[str]
    results: list[str]

    def left_out(self) -> list[str]:
        """Return a phrase for each reason to leave files out."""
        unread = [f"{suffix} {n:,}" for suffix, n in self.unread.most_common()]
        return [
            *([f"types that are not read: {listed(unread)}"] if unread else []),
            *([f"results of commands: {listed(self.results, 2)}"] if self.results else []),
        ]


class ImageTree:
    """The images in a folder and its subfolders, except hidden files and results of this package's commands.

    Args:
        root: folder of the images.
        follow_links: if True, symbolic links may lead out of the folder.
        origin: address of the images, for the message if the folder is missing; None if it is unknown.
        setting: name of the setting of the folder, for messages.
    """

    def __init__(
        self, root: Path, follow_links: bool = False, origin: str | None = None, setting: str = "data.root"
    ) -> None:
        self.root = root
        self.origin = origin
        self.follow_links = follow_links
        self.setting = setting
        self.key = f"{setting}={root}"

    def find(self) -> FoundImages:
        """Return all images.

        Raises:
            UserError: if there are none, a folder cannot be read, or a link leads out of the root or in a circle.
        """
        images, unread, results = [], Counter[str](), []
        for folder in self._walk():
            images += folder.images
            unread.update(folder.unread)
            results += [result for result in folder.results if _holds_image(self.root / result)]
        found = FoundImages(sorted(images, key=lambda path: path.split(os.sep)), unread, results)
        if not images:
            left_out = "".join(f"; left out: {phrase}" for phrase in [*found.left_out(), *self._count_other_files()])
            raise UserError(f"{self.key}: no images in it or below ({', '.join(sorted(IMAGE_SUFFIXES))}){left_out}")
        return found

    @cached_property
    def classes(self) -> list[str]:
        """Names of the root's subfolders with images in them or below, in the order of their labels."""
        return sort_classes([name for name in self._top.folders if any(folder.images for folder in self._walk(name))])

    @cached_property
    def empty(self) -> list[str]:
        """Names of the root's subfolders with neither images nor results of commands."""
        others = [name for name in self._top.folders if name not in self.classes]
        return [name for name in others if not any(folder.results for folder in self._walk(name))]

    @cached_property
    def splits(self) -> list[str]:
        """Names of the subfolders if they are parts of a data set, such as train and test; else an empty list."""
        are_splits = len(self.classes) > 1 and {name.lower() for name in self.classes} <= SPLITS
        return self.classes if are_splits else []

    @property
    def loose(self) -> list[str]:
        """Names of the images in the root itself, outside all subfolders."""
        return self._top.images

    def check_classes(self, setting: str) -> None:
        """Raise UserError unless all images are in subfolders that are the classes.

        Args:
            setting: the setting that needs classes, such as ``conditional=true``.
        """
        if not self.classes:
            count = len(self.find().images)  # raises an error of its own if there are no images
            raise UserError(
                f"{setting}: {self.key}: holds {count_images(count)}, but not in subfolders, one for each class: "
                f"make these, or leave out {setting}"
            )
        if self.loose:
            count = len(self.loose)
            lie = f"{self.loose[0]} lies" if count == 1 else f"{count:,} images, such as {self.loose[0]}, lie"
            raise UserError(
                f"{setting}: {self.key}: {lie} beside the folders that are the classes ({list_classes(self.classes)}): "
                "move all images into such folders, or away"
            )
        if self.splits:
            raise UserError(
                f"{setting}: {self.key}: {listed(self.splits)} are parts of a data set, not classes: "
                f"data.root={self.root / self._training_split}"
            )

    def check_several_classes(self, setting: str) -> None:
        """Raise UserError if there is only one class; ``setting`` is as for ``check_classes``."""
        if len(self.classes) > 1:
            return
        (only,) = self.classes
        inside = ImageTree(self.root / only, self.follow_links)
        if not inside.loose and len(inside.classes) > 1:
            remedy = f"{inside.key} has the folders {list_classes(inside.classes)}"
        else:
            remedy = "add folders of other classes"
        raise UserError(f"{setting}: {self.key}: only one folder holds images, so {only} is the only class: {remedy}")

    @property
    def _training_split(self) -> str:
        return next((name for name in self.splits if name.lower().startswith("train")), self.splits[0])

    def _count_other_files(self) -> list[str]:
        """Return a phrase with the number of visible files by suffix, for a root without images."""
        files = (name for _, _, names in os.walk(self.root) for name in names if not is_hidden(name))
        counts = [f"{suffix or 'no suffix'} {n:,}" for suffix, n in Counter(map(_suffix, files)).most_common()]
        return [f"files of other types: {listed(counts)}: unpack or convert them"] if counts else []

    def _walk(self, start: str = "") -> Iterator[Folder]:
        """Yield the content of a folder and of each folder below it."""
        seen: dict[tuple[int, int], str] = {}
        pending = [start]
        while pending:
            path = pending.pop()
            self._check_new(path, seen)
            folder = self._list(path)
            pending += reversed(folder.folders)
            yield folder

    @cached_property
    def _top(self) -> Folder:
        return self._list("")

    def _list(self, path: str) -> Folder:
        entries = self._entries(path)
        names = {entry.name for entry in entries}
        if path and is_result(self.root / path, names):
            return Folder([], [], [], [path])
        images, unread, folders = [], [], []
        for entry in entries:
            if is_hidden(entry.name):
                continue
            suffix = _suffix(entry.name)
            if _is_folder(entry):
                folders.append(self._checked_path(path, entry))
            elif suffix in IMAGE_SUFFIXES:
                images.append(self._checked_path(path, entry))
            elif suffix in _known_image_suffixes():
                unread.append(suffix)
        written = {os.path.join(path, name) for name in result_subfolders(self.root / path, names)}
        results = [folder for folder in folders if folder in written]
        return Folder(images, unread, [folder for folder in folders if folder not in written], results)

    def _entries(self, path: str) -> list[os.DirEntry[str]]:
        if not self.root.is_dir():
            found = "is a file, not a folder: unpack it" if self.root.exists() else "no such folder"
            source = f"get the images from {self.origin}, and " if self.origin else ""
            raise UserError(f"{self.key}: {found}: {source}{self.setting}=<a folder of images>")
        try:
            with os.scandir(self.root / path) as entries:
                return sorted(entries, key=attrgetter("name"))
        except OSError as error:
            where = self.root / path
            raise UserError(f"{self.key}: {where}: {error.strerror}: make it readable, or move it away") from error

    def _checked_path(self, path: str, entry: os.DirEntry[str]) -> str:
        """Return the path of an entry; raise UserError for a link that leads out of the root unless links may."""
        if entry.is_symlink() and not self.follow_links:
            real = Path(os.path.realpath(entry.path))  # Path.resolve fails for a link to itself
            if not real.is_relative_to(self._real_root):
                raise UserError(
                    f"{self.key}: {entry.path} is a link to {real}, outside: put a copy there, remove it, or "
                    "data.follow_links=true if files outside may be read"
                )
        return os.path.join(path, entry.name)

    @cached_property
    def _real_root(self) -> Path:
        return self.root.resolve()

    def _check_new(self, path: str, seen: dict[tuple[int, int], str]) -> None:
        """Raise UserError if links have led to a folder that was read before."""
        try:
            status = os.stat(self.root / path)
        except OSError:
            return  # reading the folder raises the error
        earlier = seen.setdefault((status.st_dev, status.st_ino), path)
        if earlier != path:
            raise UserError(
                f"{self.key}: {self.root / path} is the same folder as {self.root / earlier}, read already: "
                "remove the link"
            )


def count_images(n: int) -> str:
    """Return ``n`` with its noun: "1 image", "2 images"."""
    return f"{n:,} image{'' if n == 1 else 's'}"


def sort_classes(names: list[str]) -> list[str]:
    """Return the names of classes in the order of their labels: numeric if all are whole numbers, else alphabetic."""
    if all(name.isdecimal() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def is_hidden(name: str) -> bool:
    """Return True if a file or folder of this name is hidden, or belongs to the operating system."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def _holds_image(folder: Path) -> bool:
    return any(_suffix(name) in IMAGE_SUFFIXES for _, _, names in os.walk(folder) for name in names)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


@cache
def _known_image_suffixes() -> set[str]:
    """Return the suffixes of all image types that Python, Pillow or cameras use."""
    known = {suffix for types in mimetypes.MimeTypes().types_map for suffix, kind in types.items() if "image/" in kind}
    pillow = {suffix for suffix, kind in Image.registered_extensions().items() if "image/" in Image.MIME.get(kind, "")}
    return known | CAMERA_SUFFIXES | pillow
