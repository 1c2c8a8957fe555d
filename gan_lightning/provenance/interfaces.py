"""Interfaces of proofs of origin.

A FileSigner and a FileReader exist for each way to attach a signed record to a file. A Registry knows the content of
files without anything attached to them.
"""

from abc import ABC, abstractmethod
from pathlib import Path

from gan_lightning.provenance.identity import Identity
from gan_lightning.provenance.records import Record
from gan_lightning.provenance.verdicts import Finding, Registration


class FileSigner(ABC):
    """Signs files of one media type with one identity; must not be used across a fork.

    Args:
        identity: the identity that signs.
        checkpoint: the checkpoint file that generated the samples.
        media_type: media type of the files.
    """

    def __init__(self, identity: Identity, checkpoint: Path, media_type: str) -> None:
        self.identity = identity
        self.checkpoint = checkpoint
        self.media_type = media_type

    @staticmethod
    @abstractmethod
    def supports(media_type: str) -> bool:
        """Return True if this class can sign files of the media type."""

    @abstractmethod
    def sign(self, path: Path, record: Record) -> None:
        """Sign a file: attach the record, signed, to it."""


class FileReader(ABC):
    """Verifies the signatures that a FileSigner makes."""

    @abstractmethod
    def verify(self, path: Path) -> Finding | None:
        """Return the finding about a file; None if it has no signature of this kind."""


class Registry(ABC):
    """Public registry in which accounts claim content, such as a contract on a chain."""

    @abstractmethod
    def artifact(self, path: Path) -> str:
        """Return the digest by which the registry names the content of a file; raise UserError if it is unreadable."""

    @abstractmethod
    def find(self, artifact: str) -> Registration | None:
        """Return the registration of an artifact; None if there is none.

        Raises:
            UserError: if the registry does not answer.
        """
