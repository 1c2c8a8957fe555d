"""Releases on disk: drafts that wait for the creator's signature, and signed ones that others can use.

ID/about.json      title, description and item
ID/draft.json      the release without a signature
ID/release.json    the signed release, as gan-chain reads it
"""

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gan_lightning.chain.releases import Release, parse_release
from gan_lightning.files import make_folder, write_json, write_text_file

MAX_UNSIGNED = 200
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True)
class About:
    """Description of a release.

    Args:
        item: id of the item in the gallery.
        title: title of the work.
        description: text about the work.
        made: time at which the draft was made, seconds since 1970.
    """

    item: str
    title: str
    description: str
    made: int


_ABOUT = TypeAdapter(About)


class ReleaseStore:
    """Releases in a folder.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def add_draft(self, release_id: str, draft: Release, about: About) -> None:
        """Write a release without a signature, unless it is there; remove the oldest ones if there are too many."""
        with self._lock:
            folder = self._folder / release_id
            if not (folder / "draft.json").is_file():
                make_folder(folder)
                write_json(folder / "about.json", asdict(about))
                write_text_file(folder / "draft.json", draft.as_bytes().decode())
            unsigned = [one for one in self._folder.iterdir() if not (one / "release.json").exists()]
            unsigned.sort(key=lambda one: one.stat().st_mtime, reverse=True)
            for old in unsigned[MAX_UNSIGNED:]:
                shutil.rmtree(old, ignore_errors=True)

    def sign(self, release_id: str, release: Release) -> None:
        """Write a signed release, unless it is there."""
        with self._lock:
            path = self._folder / release_id / "release.json"
            if not path.is_file():
                write_text_file(path, release.as_bytes().decode())

    def find_draft(self, release_id: str) -> Release | None:
        """Return a release without a signature; None if there is none."""
        return self._read(release_id, "draft.json")

    def find(self, release_id: str) -> Release | None:
        """Return a signed release; None if there is none."""
        return self._read(release_id, "release.json")

    def about(self, release_id: str) -> About:
        return _ABOUT.validate_json((self._folder / release_id / "about.json").read_bytes())

    def signed(self) -> Iterator[tuple[str, Release, About, float]]:
        """Yield id, release, description and time of signing of each signed release, the newest first."""
        found = []
        for path in self._folder.glob("*/release.json"):
            with suppress(OSError):
                found.append((path.stat().st_mtime, path.parent.name))
        for when, release_id in sorted(found, reverse=True):
            with suppress(OSError, ValueError):
                if release := self.find(release_id):
                    yield release_id, release, self.about(release_id), when

    def _read(self, release_id: str, name: str) -> Release | None:
        if not _ID.fullmatch(release_id):
            return None
        try:
            return parse_release((self._folder / release_id / name).read_bytes())
        except (OSError, ValueError):
            return None
