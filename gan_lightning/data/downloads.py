"""Downloads of data sets, which leave no empty folders and no traceback when they fail."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

import torch

from gan_lightning.errors import UserError


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
            if (self.root / name).exists() or (self.root / other).exists():
                continue
            where = f"data.root={self.root}"
            remedy = f"put {address} there, or set GAN_DATA_DIR to the folder that holds {self.root.name}/{name}"
            if not self.download:
                raise UserError(f"{where}: {name} is not there: data.download=true, {remedy}")
            with downloading(self.root, f"{where}: {name}", remedy):
                self.root.mkdir(parents=True, exist_ok=True)
                torch.hub.download_url_to_file(address, str(self.root / name), sha256, progress=False)

    def paths(self) -> list[Path]:
        """Return the paths of the files."""
        found = [(self.root / source.name, self.root / source.other) for source in self.sources]
        return [path if path.exists() else other for path, other in found]
