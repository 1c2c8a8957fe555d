"""Finds the modality of files, and digests what they show."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from gan_lightning.errors import UserError
from gan_lightning.modalities.modality import Modality, modalities
from gan_lightning.modalities.samples import Content

T = TypeVar("T")


class UnknownModality(UserError):
    """No modality is known that a file or a record names."""


class Contents:
    """Finds the modality of files and records, and digests what they show.

    Args:
        packages: of the user's own, with further modalities.
        preferred: whose files are to be expected, as those of a checkpoint's samples.
    """

    def __init__(self, packages: Sequence[str] = (), preferred: type[Modality] | None = None) -> None:
        self._known = [*([preferred] if preferred else []), *modalities(packages)]
        self._preferred = preferred

    def named(self, name: str) -> type[Modality]:
        """Return the modality whose class has that name, as records have it."""
        found = next((one for one in self._known if one.__name__ == name), None)
        if found is None:
            raise UnknownModality(f"the modality {name[:100]!r} is not known: --trust-code, if it is your own")
        return found

    def of(self, path: Path) -> type[Modality]:
        """Return the modality whose files have such a name."""
        found = next((one for one in self._known if one.reads(path.name)), self._preferred)
        if found is None:
            raise UnknownModality(
                f"{path}: no modality has files of such a name, so that what it shows cannot be looked up: "
                "--trust-code, if the modality is your own"
            )
        return found

    def digest(self, path: Path, name: str | None = None) -> str:
        """Return the digest of what a file shows.

        Args:
            path: of the file.
            name: of the modality's class; None to tell it by the file's name.

        Raises:
            UserError: if the modality is unknown, or the file is none of it.
        """
        modality = self.of(path) if name is None else self.named(name)
        return _guarded(modality.digest, path, modality)

    def read(self, path: Path, modality: Modality) -> Content:
        """Return the content of a file; raise UserError if it has none of that modality."""
        return _guarded(modality.read, path, type(modality))


def _guarded(read: Callable[[Path], T], path: Path, modality: type[Modality]) -> T:
    """Read a file from elsewhere, though the modality may expect good files only."""
    try:
        return read(path)
    except (UserError, OSError):
        raise
    except Exception as error:
        reason = f"{type(error).__name__} {error}".strip()
        raise UserError(f"{path}: cannot be read as {modality.__name__} ({reason})") from error
