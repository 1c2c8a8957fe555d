"""Files that are whole or not there: JSON that is written atomically, digests, checks."""

import hashlib
import json
import os
from pathlib import Path
from typing import IO, Any


def write_json(path: Path, content: Any) -> None:
    """Write beside its place, flush to the disk and rename, so that there is never half a file."""
    unfinished = path.with_name(f".{path.name}.tmp")
    with unfinished.open("w") as file:
        file.write(json.dumps(content, indent=2) + "\n")
        synchronize(file)
    unfinished.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return what such a file holds; nothing where it is missing or damaged."""
    try:
        content = json.loads(path.read_text())
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError):
        return {}


def synchronize(file: IO[Any]) -> None:
    """Flush the file to the disk, where it survives a loss of power."""
    file.flush()
    os.fsync(file.fileno())


def file_digest(path: Path) -> str:
    """Return the file's SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_regular(path: Path) -> None:
    """Raise OSError for pipes and devices, whose content may never come or never end."""
    if path.exists() and not path.is_file():
        raise OSError("no regular file")
