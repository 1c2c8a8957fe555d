"""Files of visitors in temporary folders: uploads, and generated samples. Each file belongs to one visitor."""

import re
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gan_lightning.studio.refusals import unknown
from gan_lightning.studio.visitors import Visitor

UPLOAD_SECONDS = 3600
MAX_UPLOADS_OF_ONE = 8  # files of one visitor: an older one makes room
MAX_UPLOAD_BYTES = 2**30  # of all visitors together
MAX_SAMPLE_BYTES = 2**29  # of all visitors together
MAX_GROUPS = 5000
MAX_NAME = 80  # characters of a file's name


@dataclass(frozen=True)
class Upload:
    """A file that a visitor has sent.

    Attributes:
        id: id of the upload.
        visitor: the visitor it belongs to.
        name: name of the file, made safe.
        path: the file, in a folder of its own.
        size: size in bytes.
        time: when it arrived, by the monotonic clock.
    """

    id: str
    visitor: Visitor
    name: str
    path: Path
    size: int
    time: float = field(default_factory=time.monotonic)


class Uploads:
    """Files that visitors have sent; they are removed after an hour, and the oldest ones when there are too many.

    Args:
        folder: folder for the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._uploads: OrderedDict[str, Upload] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, visitor: Visitor, name: str, content: bytes) -> Upload:
        """Store a file and return the upload."""
        key = secrets.token_hex(16)
        path = self._folder / key / safe_name(name)
        path.parent.mkdir()
        path.write_bytes(content)
        upload = Upload(key, visitor, path.name, path, len(content))
        with self._lock:
            self._uploads[key] = upload
            self._make_room(visitor)
        return upload

    def find(self, visitor: Visitor, name: str) -> Upload:
        """Return an upload of a visitor; raise Refusal if there is none of this id."""
        with self._lock:
            self._remove_old()
            upload = self._uploads.get(name)
        if upload is None or upload.visitor != visitor:
            raise unknown("upload", name)
        return upload

    def _make_room(self, visitor: Visitor) -> None:
        self._remove_old()
        own = [one.id for one in self._uploads.values() if one.visitor == visitor]
        for key in own[:-MAX_UPLOADS_OF_ONE]:
            self._remove(key)
        while sum(one.size for one in self._uploads.values()) > MAX_UPLOAD_BYTES:
            self._remove(next(iter(self._uploads)))

    def _remove_old(self) -> None:
        oldest = time.monotonic() - UPLOAD_SECONDS
        for key in [one.id for one in self._uploads.values() if one.time < oldest]:
            self._remove(key)

    def _remove(self, key: str) -> None:
        shutil.rmtree(self._uploads.pop(key).path.parent, ignore_errors=True)


@dataclass(frozen=True)
class StoredSample:
    """A generated sample, or an image on a walk.

    Attributes:
        id: id of the sample.
        index: row of its latent; None if the file holds all samples, and for an image on a walk.
        file: the file, as the modality writes it.
        preview: PNG file that shows it.
        media_type: media type of the file.
        recipe: how it was generated; None for an image on a walk.
    """

    id: str
    index: int | None
    file: Path
    preview: Path
    media_type: str
    recipe: dict[str, Any] | None


class Samples:
    """Generated samples that are not kept, in folders of samples that one job made; the oldest folders make room.

    Args:
        folder: folder for the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._groups: OrderedDict[str, tuple[Visitor, list[StoredSample], int]] = OrderedDict()
        self._lock = threading.Lock()

    def new_folder(self) -> Path:
        """Create a folder for the samples of one job."""
        folder = self._folder / secrets.token_hex(16)
        folder.mkdir()
        return folder

    def add(
        self, visitor: Visitor, folder: Path, made: Sequence[dict[str, Any]], recipe: dict[str, Any] | None
    ) -> list[StoredSample]:
        """Add the samples in a folder and return them.

        Args:
            visitor: the visitor they belong to.
            folder: a folder from ``new_folder`` with all their files.
            made: ``index``, ``file``, ``preview`` and ``media_type`` of each; files by their names in the folder.
            recipe: how they were generated.
        """
        samples = [
            StoredSample(
                f"{folder.name}-{i}",
                one["index"],
                folder / one["file"],
                folder / one["preview"],
                one["media_type"],
                recipe,
            )
            for i, one in enumerate(made)
        ]
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        with self._lock:
            self._groups[folder.name] = (visitor, samples, size)
            while len(self._groups) > 1 and (
                len(self._groups) > MAX_GROUPS or sum(one for *_, one in self._groups.values()) > MAX_SAMPLE_BYTES
            ):
                oldest, _ = self._groups.popitem(last=False)
                shutil.rmtree(self._folder / oldest, ignore_errors=True)
        return samples

    def find(self, visitor: Visitor, name: str) -> StoredSample:
        """Return a sample of a visitor; raise Refusal if there is none of this id."""
        with self._lock:
            owner, samples, _ = self._groups.get(name.partition("-")[0], (None, [], 0))
        found = next((one for one in samples if one.id == name), None)
        if found is None or owner != visitor:
            raise unknown("sample", name)
        return found


def safe_name(name: str) -> str:
    """Return the last part of a name with letters, digits, dots, dashes and underscores only; its suffix stays."""
    last = re.split(r"[/\\]", name)[-1]
    safe = re.sub(r"[^\w.-]+", "_", last).lstrip(".-")[-MAX_NAME:].lstrip(".-")
    return safe.encode()[-200:].decode(errors="ignore") or "file"
