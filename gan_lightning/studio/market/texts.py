"""Texts that the chain names only by their SHA-256: the metadata of works, and licences."""

import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from gan_lightning.files import make_folder, synchronize, write_atomically

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Texts:
    """Texts of one kind in a folder, each in a file named by its SHA-256.

    Args:
        folder: the folder.
        suffix: suffix of the files.

    Attributes:
        folder: the folder.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder, self._suffix = folder, suffix
        self._read = lru_cache(maxsize=1024)(self._read_file)

    def add(self, content: bytes) -> bytes:
        """Write a text, unless it is there, and return its SHA-256."""
        digest = hashlib.sha256(content).digest()
        if self.find(digest.hex()) is None:
            make_folder(self.folder)
            with write_atomically(self._path(digest.hex())) as path, path.open("wb") as file:
                file.write(content)
                synchronize(file)
            self.forget()
        return digest

    def find(self, digest: str) -> bytes | None:
        """Return the text of a SHA-256, hexadecimal; None if it is not known here."""
        return self._read(digest) if _DIGEST.fullmatch(digest) else None

    def forget(self) -> None:
        """Read the files again from now on."""
        self._read.cache_clear()

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest}{self._suffix}"

    def _read_file(self, digest: str) -> bytes | None:
        try:
            content = self._path(digest).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == digest else None


def parse_metadata(content: bytes | None) -> dict[str, Any]:
    """Return the fields of the metadata of a work; an empty dict without metadata, or if it is no such JSON."""
    try:
        fields = json.loads(content or b"{}")
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
