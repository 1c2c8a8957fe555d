"""Finds the images below a folder, which of its subfolders are classes, and what is left out."""

import mimetypes
import os
from collections import Counter
from collections.abc import Iterator
from functools import cache, cached_property
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from gan_lightning.errors import UserError, listed
from gan_lightning.files import read_json
from gan_lightning.modalities.image import SUFFIXES
from gan_lightning.paths import GENERATED, MANIFEST, METRICS, MULTIRUN

# A folder that holds one of these is the result of a command: of training, a sweep, a search, signing.
RESULTS = {".hydra", GENERATED, MULTIRUN, "study.db", "best.yaml", "samples.intoto.json"}
FACTS = {MANIFEST: "segments", METRICS: "generators"}  # the same, with that key: others have such files too
MAX_FACTS = 2**24  # bytes of such a file: reading a larger one would take its time
WRITTEN = {"samples", "generated", "evaluation"}  # folders that commands make beside a checkpoint
OF_SYSTEMS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"}  # meant to be hidden
SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}  # parts of one data set
OF_CAMERAS = {".heic", ".heif", ".avif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw"}  # not all known to Pillow


class Folder(NamedTuple):
    """Holds the images and folders of one folder; paths begin below the root.

    Attributes:
        images: files that are read.
        unread: suffixes of files that are images of another type.
        folders: those that may hold images.
        results: those that commands have written.
    """

    images: list[str]
    unread: list[str]
    folders: list[str]
    results: list[str]


class Found(NamedTuple):
    """All images below a root, and what is left out.

    Attributes:
        images: their paths below the root, in order.
        unread: how many images of other types there are, by suffix.
        results: folders with images that commands have written.
    """

    images: list[str]
    unread: Counter[str]
    results: list[str]

    def left_out(self) -> list[str]:
        """Return what is left out, a phrase for each reason."""
        unread = [f"{suffix} {n:,}" for suffix, n in self.unread.most_common()]
        return [
            *([f"types that are not read: {listed(unread)}"] if unread else []),
            *([f"results of commands: {listed(self.results, 2)}"] if self.results else []),
        ]


class ImageTree:
    """The images below a folder. What is hidden is passed over, and what commands of this package have written.

    Args:
        root: the folder.
        follow_links: whether links may lead out of it.
    """

    def __init__(self, root: Path, follow_links: bool = False) -> None:
        self.root = root
        self.follow_links = follow_links
        self.key = f"data.root={root}"

    def find(self) -> Found:
        """Return all images; raise UserError where there are none, and for a link that leads out or around."""
        images, unread, results = [], Counter[str](), []
        for folder in self._folders():
            images += folder.images
            unread.update(folder.unread)
            results += [one for one in folder.results if _holds_image(self.root / one)]
        found = Found(sorted(images, key=lambda path: path.split(os.sep)), unread, results)
        if not images:
            also = "".join(f"; left out: {what}" for what in [*found.left_out(), *self._others()])
            raise UserError(f"{self.key}: no pictures in it or below ({', '.join(sorted(SUFFIXES))}){also}")
        return found

    @cached_property
    def classes(self) -> list[str]:
        """Names of the root's subfolders that hold images, however deep, in the order of their labels."""
        return in_order([name for name in self._top.folders if any(one.images for one in self._folders(name))])

    @cached_property
    def empty(self) -> list[str]:
        """Names of the root's subfolders that hold neither images nor what commands have written."""
        others = [name for name in self._top.folders if name not in self.classes]
        return [name for name in others if not any(one.results for one in self._folders(name))]

    @cached_property
    def splits(self) -> list[str]:
        """Names of the subfolders where they are parts of a data set, for training and testing, and no classes."""
        several = len(self.classes) > 1 and {name.lower() for name in self.classes} <= SPLITS
        return self.classes if several else []

    @property
    def loose(self) -> list[str]:
        """Names of the images that lie in the root itself."""
        return self._top.images

    def check_classes(self, asked: str) -> None:
        """Raise UserError unless all images lie in subfolders, which are the classes.

        Args:
            asked: the setting that asks for classes, as ``conditional=true``.
        """
        if not self.classes:
            count = len(self.find().images)  # which says why there are none
            raise UserError(
                f"{asked}: {self.key}: its {count:,} images lie in no subfolders, one for each class: "
                f"make these, or leave out {asked}"
            )
        if self.loose:
            count = len(self.loose)
            lie = f"{self.loose[0]} lies" if count == 1 else f"{count:,} images, as {self.loose[0]}, lie"
            raise UserError(
                f"{asked}: {self.key}: {lie} beside the folders that are the classes ({listed(self.classes)}): "
                "move what lies there into one of them, or away"
            )
        if self.splits:
            raise UserError(
                f"{asked}: {self.key}: {listed(self.splits)} are parts of a data set, and no classes: "
                f"data.root={self.root / self._part}"
            )

    def check_several(self, asked: str) -> None:
        """Raise UserError where there is one class only, which leaves nothing to choose from."""
        if len(self.classes) > 1:
            return
        (only,) = self.classes
        inside = ImageTree(self.root / only, self.follow_links)
        several = not inside.loose and len(inside.classes) > 1
        remedy = f"{inside.key} has the folders {listed(inside.classes)}" if several else "add folders of other classes"
        raise UserError(f"{asked}: {self.key}: only one folder holds images, so {only} is the only class: {remedy}")

    @property
    def _part(self) -> str:
        """Name of the part to train on."""
        return next((name for name in self.splits if name.lower().startswith("train")), self.splits[0])

    def _others(self) -> list[str]:
        """Return, where there are no images, how many other files there are, by suffix: they may hold some."""
        files = (name for _, _, names in os.walk(self.root) for name in names if not hidden(name))
        others = [f"{suffix or 'no suffix'} {n:,}" for suffix, n in Counter(map(_suffix, files)).most_common()]
        return [f"files of other types: {listed(others)}: unpack or convert them"] if others else []

    def _folders(self, start: str = "") -> Iterator[Folder]:
        """Yield what each folder holds, from ``start`` on downward."""
        seen: dict[tuple[int, int], str] = {}
        waiting = [start]
        while waiting:
            path = waiting.pop()
            self._check_new(path, seen)
            folder = self._list(path)
            waiting += reversed(folder.folders)
            yield folder

    @cached_property
    def _top(self) -> Folder:
        return self._list("")

    def _list(self, path: str) -> Folder:
        entries = self._entries(path)
        names = {entry.name for entry in entries}
        if path and self._is_result(path, names):
            return Folder([], [], [], [path])
        images, unread, folders = [], [], []
        for entry in entries:
            if hidden(entry.name):
                continue
            suffix = _suffix(entry.name)
            if _is_folder(entry):
                folders.append(self._checked(path, entry))
            elif suffix in SUFFIXES:
                images.append(self._checked(path, entry))
            elif suffix in _image_suffixes():
                unread.append(suffix)
        written = self._written(path, names)
        results = [one for one in folders if one in written]
        return Folder(images, unread, [one for one in folders if one not in written], results)

    def _entries(self, path: str) -> list[os.DirEntry[str]]:
        if not self.root.is_dir():
            found = "is a file, and no folder: unpack it" if self.root.exists() else "no such folder"
            raise UserError(f"{self.key}: {found}: data.root=<a folder of pictures>")
        try:
            with os.scandir(self.root / path) as entries:
                return sorted(entries, key=attrgetter("name"))
        except OSError as error:
            where = self.root / path
            raise UserError(f"{self.key}: {where}: {error.strerror}: make it readable, or move it away") from error

    def _is_result(self, path: str, names: set[str]) -> bool:
        """Return whether a command has written the folder that holds files and folders of these names."""
        files = {self.root / path / name: key for name, key in FACTS.items() if name in names}
        facts = (file.stat().st_size <= MAX_FACTS and key in read_json(file) for file, key in files.items())
        return bool(RESULTS & names) or any(facts)

    def _written(self, path: str, names: set[str]) -> set[str]:
        """Return the folders that commands write, where one of those names is a checkpoint's or the root is a run's."""
        beside = any(name.endswith(".ckpt") for name in names) or self._is_result(path, names)
        return {os.path.join(path, name) for name in WRITTEN} if beside else set()

    def _checked(self, path: str, entry: os.DirEntry[str]) -> str:
        """Return the path of an entry; what is elsewhere is read by way of somebody else's folder only if asked for."""
        if entry.is_symlink() and not self.follow_links:
            real = Path(os.path.realpath(entry.path))  # of a link to itself, too
            if not real.is_relative_to(self._real_root):
                raise UserError(
                    f"{self.key}: {entry.path} is a link to {real}, outside: put a copy there, remove it, or "
                    "data.follow_links=true if what links lead to may be read"
                )
        return os.path.join(path, entry.name)

    @cached_property
    def _real_root(self) -> Path:
        return self.root.resolve()

    def _check_new(self, path: str, seen: dict[tuple[int, int], str]) -> None:
        """Raise UserError for a folder that was read already, which links have led to again."""
        try:
            status = os.stat(self.root / path)
        except OSError:
            return  # as reading it will tell
        earlier = seen.setdefault((status.st_dev, status.st_ino), path)
        if earlier != path:
            raise UserError(
                f"{self.key}: {self.root / path} is the same folder as {self.root / earlier}, read already: "
                "remove the link"
            )


def in_order(names: list[str]) -> list[str]:
    """Return the names of classes in the order of their labels: as numbers if all are whole numbers, else as text."""
    if all(name.isdecimal() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def hidden(name: str) -> bool:
    """Return whether a file or folder is not meant to be seen."""
    return name.startswith(".") or name in OF_SYSTEMS


def _holds_image(folder: Path) -> bool:
    return any(_suffix(name) in SUFFIXES for _, _, names in os.walk(folder) for name in names)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


@cache
def _image_suffixes() -> set[str]:
    """Return the suffixes of all types of images that Python, Pillow and cameras know."""
    known = {suffix for types in mimetypes.MimeTypes().types_map for suffix, kind in types.items() if "image/" in kind}
    of_pillow = Image.registered_extensions()
    return known | OF_CAMERAS | {suffix for suffix, kind in of_pillow.items() if "image/" in Image.MIME.get(kind, "")}
