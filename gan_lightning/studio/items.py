"""Samples that were kept, in folders with their provenance.

gallery/ID/    record.json, the file, preview.png unless the file is its own preview, and the statement about the file

An item is written in another folder and renamed, so it is either complete or absent. An item that is damaged later is
shown as missing.
"""

import os
import re
import secrets
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_lightning.errors import printable
from gan_lightning.files import make_folder, synchronize, synchronize_folder, write_json
from gan_lightning.paths import STATEMENT_SUFFIX
from gan_lightning.studio.item_records import RECORD, ItemRecord, Words, parse_record
from gan_lightning.studio.refusals import Refusal, unknown
from gan_lightning.studio.untrusted import is_inside, read_small_text

REMOVED = ".removed."  # starts the name of a folder that is being removed
ID = re.compile(r"[0-9]{10,15}-[0-9a-f]{8}", re.ASCII)
MAX_TITLE = 80  # characters of a title in the name of a download


@dataclass(frozen=True)
class Item:
    """Item of the gallery.

    Attributes:
        id: name of its folder.
        folder: its folder.
        record: content of record.json; None if it cannot be read.
        problem: what is damaged, in words; None if nothing is.
    """

    id: str
    folder: Path
    record: ItemRecord | None
    problem: str | None

    @property
    def title(self) -> str:
        return printable(self.record.title) if self.record else ""

    @property
    def artifact(self) -> str:
        """Digest by which a contract names the content; empty if record.json cannot be read."""
        return self.record.artifact if self.record else ""

    @property
    def file(self) -> Path:
        return self.folder / (self.record.file if self.record else "")

    @property
    def preview(self) -> str:
        """URL of a PNG file that shows the sample."""
        return f"/api/gallery/{self.id}/preview"

    @property
    def statement(self) -> Path | None:
        """The signed statement beside the file; None for files that hold their credentials."""
        path = self.file.with_name(self.file.name + STATEMENT_SUFFIX)
        return path if is_inside(path, self.folder) else None

    @property
    def download_name(self) -> str:
        """Name of the file for others: the title and the suffix. A file with a statement keeps its name.

        ``gan-verify`` finds the file by the name in the statement.
        """
        if self.statement is not None:
            return self.file.name
        title = "-".join(re.findall(r"\w+", self.title))[:MAX_TITLE].strip("-_")
        return f"{title or 'sample'}{self.file.suffix}"

    def describe(self, work: int | None) -> dict[str, Any]:
        """Return the item as the API writes it.

        Args:
            work: number of its work on the chain; None if it is not registered.
        """
        unknown_words = {"kept": int(self.id.partition("-")[0]) / 1000, "words": dict.fromkeys(Words.model_fields)}
        nothing = dict.fromkeys(ItemRecord.model_fields) | unknown_words
        url = f"/api/gallery/{self.id}"
        return (self.record.model_dump() if self.record else nothing) | {
            "id": self.id,
            "title": self.title,
            "preview": None if self.problem else self.preview,
            "file": None if self.problem else f"{url}/file",
            "name": None if self.problem else self.download_name,
            "statement": f"{url}/statement" if self.statement and not self.problem else None,
            "work": work,
            "missing": self.problem is not None,
            "problem": self.problem,
        }


class Gallery:
    """Kept samples in a folder. All methods may be called from several threads.

    Args:
        folder: the folder, which is created if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        make_folder(self.folder)
        for path in self.folder.glob(f"{REMOVED}*"):  # a killed server was removing it
            _remove(path)
        self._lock = threading.Lock()
        self._records: dict[str, tuple[tuple[int, int], ItemRecord | str]] = {}

    def add(self, folder: Path, details: dict[str, Any]) -> dict[str, Any]:
        """Move a folder into the gallery and return the new item as the API writes it.

        Args:
            folder: a folder on the file system of the gallery with all files of the item but record.json.
            details: the entries of :class:`ItemRecord` except ``kept``.
        """
        now = time.time()
        record = ItemRecord.model_validate({"kept": now} | details)
        for path in folder.iterdir():
            with path.open("rb") as file:
                synchronize(file)
        write_json(folder / RECORD, record.model_dump())
        item_id = f"{int(now * 1000)}-{secrets.token_hex(4)}"
        folder.rename(self.folder / item_id)
        synchronize_folder(self.folder)
        return self.read(item_id).describe(None)

    def items(self) -> list[Item]:
        """Return all items, also damaged ones, the newest first."""
        return [self._read(name) for name in self._names()]

    def read(self, item_id: str) -> Item:
        """Return an item, also a damaged one; raise Refusal if there is none of this id."""
        if not ID.fullmatch(item_id) or not (self.folder / item_id).is_dir():
            raise unknown("item", item_id)
        return self._read(item_id)

    def find(self, item: str) -> Item | None:
        """Return an item by its id; None if there is none, or if it is damaged."""
        try:
            found = self.read(item)
        except Refusal:
            return None
        return None if found.problem else found

    def find_artifact(self, artifact: str) -> Item | None:
        """Return the item with this content; None if there is none, or if it is damaged."""
        names = (name for name in self._names() if (record := self._record(name)[0]) and record.artifact == artifact)
        return next((item for name in names if (item := self.find(name))), None)

    def remove(self, item_id: str) -> None:
        """Remove an item; raise Refusal if there is none of this id."""
        with self._lock:
            item, removed = self.read(item_id), self.folder / f"{REMOVED}{item_id}"
            item.folder.rename(removed)
            self._records.pop(item_id, None)
        _remove(removed)

    def _names(self) -> list[str]:
        """Return the names of the folders of items, the newest first."""
        return sorted(filter(ID.fullmatch, os.listdir(self.folder)), reverse=True)

    def _read(self, name: str) -> Item:
        folder = self.folder / name
        record, problem = self._record(name)
        files = (record.file, record.preview) if record else ()
        missing = next((one for one in files if not is_inside(folder / one, folder)), None)
        return Item(name, folder, record, printable(f"the file {missing} is missing") if missing else problem)

    def _record(self, name: str) -> tuple[ItemRecord | None, str | None]:
        """Return the content of an item's record.json, or what is wrong with it; it is read again if it has changed."""
        folder = self.folder / name
        if folder.is_symlink():
            return None, "its folder is a link: replace it by the folder itself"
        try:
            found = (folder / RECORD).stat()
        except OSError:
            return None, f"{RECORD} is missing"
        stamp = found.st_mtime_ns, found.st_size
        if name not in self._records or self._records[name][0] != stamp:
            self._records[name] = stamp, parse_record(read_small_text(folder, RECORD))
        content = self._records[name][1]
        return (content, None) if isinstance(content, ItemRecord) else (None, content)


def _remove(folder: Path) -> None:
    """Remove a folder, or a link that stands in its place."""
    folder.unlink() if folder.is_symlink() else shutil.rmtree(folder, ignore_errors=True)
