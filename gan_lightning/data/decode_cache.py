"""Keeps decoded images in a file that is mapped into memory: a set is decoded once, and may be larger than memory."""

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

UNFINISHED = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{8}\.tmp")  # names of files: the folder may be anybody's
NOT_SUPPORTED = (EINVAL, ENOSYS, EOPNOTSUPP)
SHOWN = 3  # of the images that cannot be read

Read = Callable[[Path], tuple[np.ndarray, bool]]
Check = Callable[[Iterable[Path]], None]


class DecodeCache:
    """Decoded images of one shape, each set of them in a file of its own.

    A set is known by the real path of its root, the rule of decoding, and each file's path, size, times and inode. Of
    the times one is that of the last change of anything (ctime), which nobody can set: another file of the same name,
    size and date is another one.

    Args:
        folder: of the cache.
        root: of the images.
        rule: version of the rule by which images are decoded.
        shape: (C, H, W) of a decoded image.
    """

    def __init__(self, folder: Path, root: Path, rule: str, shape: tuple[int, ...]) -> None:
        self.folder = folder
        self.root = root
        self.rule = rule
        self.shape = shape

    def load(self, names: Sequence[str], read: Read, check: Check) -> tuple[Tensor, list[str]]:
        """Return the images (n, C, H, W) uint8, and the names of those of which only the first frame counts.

        Args:
            names: paths of the images below the root.
            read: returns a decoded image and whether it has several frames; raises UserError.
            check: is called with the paths of all images before they are decoded, and may raise UserError.

        Raises:
            UserError: where images cannot be read, with the first few of them; where the cache cannot be written.
        """
        states = self._states(names)
        path = self._path(states)
        images = self._kept(path, len(names))
        if images is None:
            check(self.root / name for name in names)
            self._decode(states, read)
            images = np.load(path, mmap_mode="c")
        return torch.from_numpy(images), read_json(_facts(path)).get("several_frames", [])

    def _kept(self, path: Path, count: int) -> np.ndarray | None:
        """Return so many images from a file, copy-on-write: torch warns of arrays that it may not write to.

        None where the file is not there, or is not whole, as a disk that was full or lost its power leaves it.
        """
        try:
            images = np.load(path, mmap_mode="c")
        except (OSError, ValueError, EOFError):
            return None
        return images if images.shape == (count, *self.shape) and images.dtype == np.uint8 else None

    def _states(self, names: Sequence[str]) -> dict[str, str]:
        """Return for each file what changes when it does."""
        root, states, gone = str(self.root), {}, []
        for name in names:
            try:
                found = os.stat(os.path.join(root, name))
                states[name] = f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
            except OSError:
                gone.append(name)
        if gone:
            raise UserError(
                f"data.root={self.root}: {len(gone):,} of {len(names):,} images are links to files that are not there: "
                f"{listed(gone, SHOWN)}: fetch the files, or remove the links"
            )
        return states

    def _path(self, states: dict[str, str]) -> Path:
        """Return where the images of these files are kept."""
        key = hashlib.sha256(repr((self.rule, self.shape, str(self.root.resolve()))).encode())
        for name, state in states.items():
            key.update(f"{state} {name!r}\n".encode())
        return self.folder / f"{key.hexdigest()[:32]}.npy"

    def _decode(self, states: dict[str, str], read: Read) -> None:
        """Decode all images; where some cannot be read, keep the others, which may be all that is left next time."""
        several: list[str] = []
        broken: dict[str, UserError] = {}
        with (
            self._new_file(self._path(states).stem, len(states)) as file,
            _decoding(self.root, states, read) as decoded,
        ):
            for name, one in decoded:
                if isinstance(one, UserError):
                    broken[name] = one
                    continue
                pixels, frames = one
                file.write(pixels.tobytes())
                several += [name] if frames else []
            if good := {name: state for name, state in states.items() if name not in broken}:
                self._finish(file, self._path(good), len(good), several)
        if broken:
            which = f"{len(broken):,} of {len(states):,} images cannot be read (the others are kept, decoded)"
            reasons = [str(error).removeprefix(f"{self.root}{os.sep}") for error in broken.values()]
            raise UserError(f"data.root={self.root}: {which}: {listed(reasons, SHOWN)}")

    def _finish(self, file: IO[bytes], path: Path, count: int, several: list[str]) -> None:
        """Give the file of so many images its name."""
        file.truncate()
        self._write_header(file, count)
        synchronize(file)
        if several:  # before the images, which say that all is there
            write_json(_facts(path), {"several_frames": several})
        Path(file.name).replace(path)

    def _write_header(self, file: IO[bytes], count: int) -> None:
        """Write what NumPy begins a file with, in as many bytes whatever the number of images."""
        file.seek(0)
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *self.shape)}
        np.lib.format.write_array_header_1_0(file, header)

    @contextmanager
    def _new_file(self, key: str, count: int) -> Iterator[IO[bytes]]:
        """Lend a file with room for so many images, and remove it unless it gets another name."""
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
            with suppress(OSError):  # a file system that knows no locks
                fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.exists(file.name):  # nobody has removed it before it was locked
                return file
            file.close()

    def _remove_abandoned(self) -> None:
        """Remove the unfinished files of processes that are gone."""
        for path in self.folder.glob("*.tmp"):
            if UNFINISHED.fullmatch(path.name):
                with suppress(OSError), path.open("r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


@contextmanager
def _decoding(
    root: Path, names: Iterable[str], read: Read
) -> Iterator[Iterator[tuple[str, tuple[np.ndarray, bool] | UserError]]]:
    """Lend the images in order, each with its name, or what is wrong with it; several are decoded at once."""

    def attempt(name: str) -> tuple[np.ndarray, bool] | UserError:
        try:
            return read(root / name)
        except UserError as error:
            return error

    names = list(names)
    pool = ThreadPoolExecutor()
    try:
        decoded = tqdm(pool.map(attempt, names), "decoding", len(names), leave=False, disable=None)
        yield zip(names, decoded, strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # which would all be waited for


def _allocate(file: IO[bytes], size: int) -> None:
    """Take room on the disk; raise OSError where there is not enough. Some systems cannot tell before it is written."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise


def _facts(path: Path) -> Path:
    """Return where facts about a file of decoded images are."""
    return path.with_suffix(".json")
