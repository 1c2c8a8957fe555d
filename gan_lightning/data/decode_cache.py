"""Caches decoded images in a memory-mapped file: a set is decoded once, and may be larger than memory."""

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from errno import EINVAL, ENOSYS, EOPNOTSUPP
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gan_lightning.errors import UserError, listed
from gan_lightning.files import read_json, synchronize, write_json

UNFINISHED_NAME = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{8}\.tmp")  # the folder may hold other files
ALLOCATION_UNSUPPORTED = (EINVAL, ENOSYS, EOPNOTSUPP)
MAX_LISTED = 3  # unreadable images in a message

Decode = Callable[[Path], tuple[np.ndarray, bool]]
Check = Callable[[Iterable[Path]], None]


class DecodeCache:
    """Decoded images of one shape; each set of images has a file of its own.

    The name of the file is a hash of the root's real path, the decoder's version, the shape, and each image's path,
    size, times and inode. One of the times is that of the last change of any kind (ctime), which no program can set: an
    image that is replaced by another one of the same name, size and date changes the hash.

    Args:
        folder: folder of the cache.
        root: folder of the images.
        version: version of the decoder, to be changed whenever its output changes.
        shape: (C, H, W) of a decoded image.
        setting: name of the setting of the root, for messages.
    """

    def __init__(
        self, folder: Path, root: Path, version: str, shape: tuple[int, ...], setting: str = "data.root"
    ) -> None:
        self.folder = folder
        self.setting = setting
        self.root = root
        self.version = version
        self.shape = shape

    def load(self, names: Sequence[str], decode: Decode, check: Check) -> tuple[Tensor, list[str]]:
        """Return the images (n, C, H, W) uint8, and the names of images with several frames, of which the first counts.

        Args:
            names: paths of the images, relative to the root.
            decode: function that returns a decoded image, and True if its file has several frames.
            check: function that gets the paths of all images before they are decoded, and may raise UserError.

        Raises:
            UserError: if images cannot be read, or the cache cannot be written.
        """
        states = self._file_states(names)
        path = self._cache_path(states)
        images = self._load_cached(path, len(names))
        if images is None:
            check(self.root / name for name in names)
            self._decode_all(states, decode)
            images = np.load(path, mmap_mode="c")
        return torch.from_numpy(images), read_json(_metadata_path(path)).get("several_frames", [])

    def _load_cached(self, path: Path, count: int) -> np.ndarray | None:
        """Return ``count`` images from a cache file; None if it is missing or incomplete, as after a loss of power.

        They are copy-on-write, as torch warns about arrays that it must not write to.
        """
        try:
            images = np.load(path, mmap_mode="c")
        except (OSError, ValueError, EOFError):
            return None
        return images if images.shape == (count, *self.shape) and images.dtype == np.uint8 else None

    def _file_states(self, names: Sequence[str]) -> dict[str, str]:
        """Return size, times and inode of each file as text, which differs if the file has changed."""
        root, states, missing = str(self.root), {}, []
        for name in names:
            try:
                status = os.stat(os.path.join(root, name))
                states[name] = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
            except OSError:
                missing.append(name)
        if missing:
            raise UserError(
                f"{self.setting}={self.root}: {len(missing):,} of {len(names):,} images are links to files that are "
                f"not there: {listed(missing, MAX_LISTED)}: fetch the files, or remove the links"
            )
        return states

    def _cache_path(self, states: dict[str, str]) -> Path:
        """Return the path of the cache file for images in these states."""
        key = hashlib.sha256(repr((self.version, self.shape, str(self.root.resolve()))).encode())
        for name, state in states.items():
            key.update(f"{state} {name!r}\n".encode())
        return self.folder / f"{key.hexdigest()[:32]}.npy"

    def _decode_all(self, states: dict[str, str], decode: Decode) -> None:
        """Decode all images; if some cannot be read, cache the others, which the next run may use."""
        several_frames: list[str] = []
        unreadable: dict[str, UserError] = {}
        with (
            self._new_file(self._cache_path(states).stem, len(states)) as file,
            _decode_in_parallel(self.root, states, decode) as results,
        ):
            for name, result in results:
                if isinstance(result, UserError):
                    unreadable[name] = result
                    continue
                pixels, has_several_frames = result
                file.write(pixels.tobytes())
                several_frames += [name] if has_several_frames else []
            if readable := {name: state for name, state in states.items() if name not in unreadable}:
                self._finish(file, self._cache_path(readable), len(readable), several_frames)
        if unreadable:
            raise self._unreadable_error(unreadable, len(states))

    def _unreadable_error(self, unreadable: dict[str, UserError], count: int) -> UserError:
        others = " (the others are decoded and kept)" if len(unreadable) < count else ""
        summary = f"{self.setting}={self.root}: {len(unreadable):,} of {count:,} images cannot be read{others}"
        first = str(next(iter(unreadable.values()))).removeprefix(f"{self.root}{os.sep}")
        if len(unreadable) == 1:
            return UserError(f"{summary}: {first}")
        return UserError(f"{summary}: {listed(list(unreadable), MAX_LISTED)}; the first: {first}")

    def _finish(self, file: IO[bytes], path: Path, count: int, several_frames: list[str]) -> None:
        """Complete the file of ``count`` images and give it its final name."""
        file.truncate()
        self._write_header(file, count)
        synchronize(file)
        if several_frames:  # written before the images appear, as their file marks the set as complete
            write_json(_metadata_path(path), {"several_frames": several_frames})
        Path(file.name).replace(path)

    def _write_header(self, file: IO[bytes], count: int) -> None:
        """Write the header of a .npy file; its length does not depend on the number of images."""
        file.seek(0)
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *self.shape)}
        np.lib.format.write_array_header_1_0(file, header)

    @contextmanager
    def _new_file(self, key: str, count: int) -> Iterator[IO[bytes]]:
        """Yield a new file with disk space for ``count`` images, and remove it unless it has been renamed."""
        size = count * prod(self.shape)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_abandoned()
            with self._locked_file(key) as file:
                try:
                    self._write_header(file, count)
                    _allocate(file, file.tell() + size)
                    yield file
                finally:
                    Path(file.name).unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"data.cache_dir={self.folder}: {count:,} decoded images, {size:,} bytes, cannot be kept there "
                f"({error.strerror}): data.cache_dir=<a folder with room for them>, or a smaller data.image_size"
            ) from error

    def _locked_file(self, key: str) -> IO[bytes]:
        """Return a new file that is locked while it is open.

        The lock tells it from the files of killed processes. Several machines may share the folder, so that a process
        number in the name, as in :func:`gan_lightning.files.write_atomically`, would not do.
        """
        while True:
            file = (self.folder / f"{key}.{secrets.token_hex(4)}.tmp").open("xb")
            with suppress(OSError):  # the file system has no locks
                fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.exists(file.name):  # no process has removed it before it was locked
                return file
            file.close()

    def _remove_abandoned(self) -> None:
        """Remove the unfinished files of processes that have ended."""
        for path in self.folder.glob("*.tmp"):
            if UNFINISHED_NAME.fullmatch(path.name):
                with suppress(OSError), path.open("r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


@contextmanager
def _decode_in_parallel(
    root: Path, names: Iterable[str], decode: Decode
) -> Iterator[Iterator[tuple[str, tuple[np.ndarray, bool] | UserError]]]:
    """Yield an iterator over each name with its decoded image or its error, in order."""

    def attempt(name: str) -> tuple[np.ndarray, bool] | UserError:
        try:
            return decode(root / name)
        except UserError as error:
            return error

    names = list(names)
    pool = ThreadPoolExecutor()
    try:
        decoded = tqdm(pool.map(attempt, names), "decoding", len(names), leave=False, disable=None)
        yield zip(names, decoded, strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # otherwise an interrupted run would decode all the rest


def _allocate(file: IO[bytes], size: int) -> None:
    """Reserve disk space for the file; raise OSError if there is not enough. Does nothing where unsupported."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in ALLOCATION_UNSUPPORTED:
                raise


def _metadata_path(path: Path) -> Path:
    """Return the path of the JSON file beside a cache file."""
    return path.with_suffix(".json")
