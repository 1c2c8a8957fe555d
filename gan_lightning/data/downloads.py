"""Downloads of data sets, which leave no empty folders and no traceback when they fail, and readers of their files."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gan_lightning.errors import UserError
from gan_lightning.files import check_regular, file_digest


@contextmanager
def downloading(folder: Path, what: str, remedy: str) -> Iterator[None]:
    """Raise UserError if the download in the body of ``with`` fails, and remove the empty folders that it created.

    Args:
        folder: the folder that the body creates for the files.
        what: beginning of the message, such as ``data.root=data: MNIST``.
        remedy: end of the message.
    """
    created = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        yield
    except (RuntimeError, OSError, EOFError, HTTPException) as error:
        for one in created:
            if one.is_dir() and not any(one.iterdir()):
                one.rmdir()
        reason = f"{type(error).__name__} {error}".strip().splitlines()[-1]
        raise UserError(f"{what} is not there and cannot be downloaded ({reason}): {remedy}") from error


def fetch(path: Path, address: str, sha256: str | None, download: bool, place: str) -> None:
    """Download a file of a data set if it is missing.

    Args:
        path: path of the file.
        address: address of the file.
        sha256: SHA-256 of the file at this address; None to verify nothing.
        download: if False, nothing is downloaded, and a missing file is an error.
        place: path of the file in GAN_DATA_DIR, for messages.

    Raises:
        UserError: if the file is missing and is not downloaded.
    """
    if path.exists():
        return
    where = f"data.root={path.parent}"
    remedy = f"put {address} there, or set GAN_DATA_DIR to the folder that holds {place}"
    if not download:
        raise UserError(f"{where}: {path.name} is not there: data.download=true, {remedy}")
    with downloading(path.parent, f"{where}: {path.name}", remedy):
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(address, str(path), sha256, progress=False)


@contextmanager
def reading_json(path: Path, sha256: str | None, what: str) -> Iterator[Any]:
    """Yield the content of a downloaded JSON file; raise UserError if the body of ``with`` cannot make sense of it.

    Args:
        path: the file to read.
        sha256: SHA-256 that the file must have; None for any.
        what: what the file should hold, for messages.

    Raises:
        UserError: if the file is missing or damaged, or has another SHA-256.
    """
    remedy = "delete the file, and it will be downloaded again"
    try:
        check_regular(path)
        if sha256 is not None and (found := file_digest(path)) != sha256:
            raise UserError(f"{path}: expected SHA-256 {sha256}, found {found}: {remedy}")
        yield json.loads(path.read_text(encoding="utf-8"))
    except UserError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        reason = " ".join(f"{type(error).__name__} {error}".split())
        raise UserError(f"{path}: not {what} ({reason}): {remedy}") from error


class Source(NamedTuple):
    """A file of a public data set.

    Attributes:
        name: name of the file, which is downloaded under this name.
        address: address of the file.
        sha256: SHA-256 of the file at this address; a download with another one is refused.
        other: another name that the file may have.
    """

    name: str
    address: str
    sha256: str
    other: str


class SourceFiles:
    """The folder of the files of a public data set.

    Args:
        root: the folder.
        download: if True, a missing file is downloaded.
        sources: the files.
    """

    def __init__(self, root: str, download: bool, sources: Sequence[Source]) -> None:
        self.root = Path(root).expanduser()
        self.download = download
        self.sources = sources

    def prepare(self) -> None:
        """Download the files that are missing; raise UserError if that fails, or is not allowed."""
        for name, address, sha256, other in self.sources:
            if not (self.root / other).exists():
                fetch(self.root / name, address, sha256, self.download, f"{self.root.name}/{name}")

    def paths(self) -> list[Path]:
        """Return the paths of the files."""
        found = [(self.root / source.name, self.root / source.other) for source in self.sources]
        return [path if path.exists() else other for path, other in found]
