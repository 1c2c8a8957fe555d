"""Files that are whole or not there: written beside their place and renamed; digests, checks."""

import csv
import errno
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

_lent: set[Path] = set()  # paths of this process that are being written to


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Lend another path to write a file or a folder to, which gets the name of ``path`` when it is complete.

    It is removed if it does not get that far. What a process that was killed has left in that folder is removed too.
    """
    _remove_abandoned(path.parent)
    unfinished = path.absolute().with_name(f".{platform.node()}.{os.getpid()}.{len(_lent)}.tmp")
    _lent.add(unfinished)
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        _lent.discard(unfinished)
        _remove(unfinished)


def _remove_abandoned(folder: Path) -> None:
    """Remove unfinished files of processes of this machine that are no more: others may share the folder."""
    for path in folder.absolute().glob(f".{platform.node()}.*.*.tmp"):
        process = path.name.split(".")[-3]
        if process.isdecimal() and not _is_another(int(process)) and path not in _lent:
            _remove(path)


def _is_another(process: int) -> bool:
    """Return whether a process of that number is running, and is not this one."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def _remove(path: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, unless it is there; raise NotADirectoryError where something else is."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), error.filename) from error


def save_text(path: Path, text: str) -> None:
    """Write a text file that is on the disk when this returns."""
    with whole(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        synchronize(file)


def write_json(path: Path, content: Any) -> None:
    """Write a file of JSON that is on the disk when this returns."""
    save_text(path, json.dumps(content, indent=2) + "\n")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table with a line of the names of its columns; a row may have other cells besides."""
    with whole(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def read_json(path: Path) -> dict[str, Any]:
    """Return what such a file holds; nothing where it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
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
