"""How a signed record goes with a file, in it or beside it: each way is a class that signs and one that judges."""

from abc import ABC, abstractmethod
from pathlib import Path

from gan_lightning.provenance.identity import Identity
from gan_lightning.provenance.records import Record
from gan_lightning.provenance.verdicts import Finding


class FileSigner(ABC):
    """Signs files for one identity. Not to be used across a fork.

    Args:
        identity: who signs.
        checkpoint: the file that the samples come from.
        media_type: of the files.
    """

    def __init__(self, identity: Identity, checkpoint: Path, media_type: str) -> None:
        self.identity = identity
        self.checkpoint = checkpoint
        self.media_type = media_type

    @staticmethod
    @abstractmethod
    def takes(media_type: str) -> bool:
        """Return whether files of this type can be signed in this way."""

    @abstractmethod
    def sign(self, path: Path, record: Record) -> None:
        """Sign what a record says of a file."""


class FileReader(ABC):
    """Judges what was signed in one way."""

    @abstractmethod
    def verify(self, path: Path) -> Finding | None:
        """Return the verdict on a file; None if nobody has signed it in this way."""
