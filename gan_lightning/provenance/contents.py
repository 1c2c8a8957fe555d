"""Finds the modality of files, and hashes their content."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from gan_lightning.errors import UserError
from gan_lightning.modalities.modality import Modality, modalities
from gan_lightning.modalities.samples import Content

T = TypeVar("T")


class UnknownModality(UserError):
    """The modality that a record or the name of a file calls for is unknown."""


class Contents:
    """Finds the modality of files and records, and hashes their content.

    Args:
        packages: packages with modalities of the user.
        preferred: modality to try first, such as that of a checkpoint.
    """

    def __init__(self, packages: Sequence[str] = (), preferred: type[Modality] | None = None) -> None:
        self._known = [*([preferred] if preferred else []), *modalities(packages)]
        self._preferred = preferred

    def modality_named(self, name: str) -> type[Modality]:
        """Return the modality of that class name; raise UnknownModality if there is none."""
        modality = next((one for one in self._known if one.__name__ == name), None)
        if modality is None:
            raise UnknownModality(f"the modality {name[:100]!r} is unknown: give --trust-code if it is your own")
        return modality

    def modality_of(self, path: Path) -> type[Modality]:
        """Return the modality that reads files of such a name; raise UnknownModality if there is none.

        Of several, it is the one with the longest suffix, such as ``.sound.wav`` before ``.wav``.
        """
        reading = (one for one in self._known if one.reads(path.name))
        modality = max(reading, key=lambda one: len(one.suffix), default=self._preferred)
        if modality is None:
            raise UnknownModality(
                f"{path}: no modality reads files of such a name, so its content cannot be looked up: "
                "give --trust-code if the modality is your own"
            )
        return modality

    def digest(self, path: Path, name: str | None = None) -> str:
        """Return the digest of the content of a file.

        Args:
            path: the file to hash.
            name: class name of its modality; None to find it by the name of the file.

        Raises:
            UserError: if the modality is unknown, or cannot read the file.
        """
        modality = self.modality_of(path) if name is None else self.modality_named(name)
        return _read(modality.digest, path, modality)

    def read(self, path: Path, modality: Modality) -> Content:
        """Return the content of a file; raise UserError if the modality cannot read it."""
        return _read(modality.read, path, type(modality))


def _read(read: Callable[[Path], T], path: Path, modality: type[Modality]) -> T:
    """Call ``read``; raise any error as UserError, since a modality of the user may not check foreign files."""
    try:
        return read(path)
    except (UserError, OSError):
        raise
    except Exception as error:
        reason = f"{type(error).__name__} {error}".strip()
        raise UserError(f"{path}: cannot be read as {modality.__name__} ({reason})") from error
