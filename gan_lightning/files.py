"""Reads, checks, hashes and atomically writes files."""

import csv
import errno
import hashlib
import itertools
import json
import os
import platform
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

_unfinished: set[Path] = set()  # temporary paths that this process is writing to
_numbers = itertools.count()  # of temporary paths, so that threads never share one


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or a folder; rename it to ``path`` at the end of the body.

    If the body raises, the temporary path is removed. Temporary paths that killed processes have left in the same
    folder are removed first; the name tells the machine and the process. Locks would not do here, as the path may be a
    folder, and the caller opens it. ``data/decode_cache.py`` uses locks, since several machines may share its folder.
    """
    _remove_abandoned(path.parent)
    unfinished = path.absolute().with_name(f".{platform.node()}.{os.getpid()}.{next(_numbers)}.tmp")
    _unfinished.add(unfinished)
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        _unfinished.discard(unfinished)
        _remove(unfinished)


def _remove_abandoned(folder: Path) -> None:
    """Remove temporary paths of ended processes of this machine; processes of other machines may still be running."""
    for path in folder.absolute().glob(f".{platform.node()}.*.*.tmp"):
        process = path.name.split(".")[-3]
        if process.isdecimal() and not _is_another_running(int(process)) and path not in _unfinished:
            _remove(path)


def _is_another_running(process: int) -> bool:
    """Return True if a process of that number is running and is not this one."""
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
    """Create a folder and its parents if they do not exist; raise NotADirectoryError if one of them is a file."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), error.filename) from error


def write_text_file(path: Path, text: str) -> None:
    """Write a text file atomically and flush it to disk."""
    with write_atomically(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        synchronize(file)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically and flush it to disk."""
    write_text_file(path, json.dumps(content, indent=2) + "\n")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV table with a header atomically; cells of other columns are ignored."""
    with write_atomically(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if the file is missing, damaged or holds something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError):
        return {}


def synchronize(file: IO[Any]) -> None:
    """Flush the file to disk (fsync)."""
    file.flush()
    os.fsync(file.fileno())


def synchronize_folder(path: Path) -> None:
    """Flush the entries of a folder to disk, so that a renamed file survives a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of the file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_regular(path: Path) -> None:
    """Raise OSError if the path is a pipe, a device or a folder: reading a pipe may block, and a device may not end."""
    if path.exists() and not path.is_file():
        raise OSError("not a regular file")
