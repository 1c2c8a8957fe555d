"""The long-lived parts of a studio, which all routes share."""

import fcntl
import shutil
from pathlib import Path
from typing import Any

from gan_lightning.errors import UserError
from gan_lightning.files import make_folder
from gan_lightning.studio.settings import StudioSettings
from gan_lightning.studio.visitors import Visitors

TEMPORARY = "temporary"  # folder of files that are removed when a studio starts


class Studio:
    """Paths and long-lived parts of a studio, shared by all routes.

    Args:
        settings: the options.

    Attributes:
        settings: the options.
        temporary: folder for temporary files, on the file system of the gallery.
        visitors: sessions of browsers.

    Raises:
        UserError: if another studio uses the folder.
        OSError: if the folder cannot be written.
    """

    library: Any
    gallery: Any
    market: Any

    def __init__(self, settings: StudioSettings) -> None:
        self.settings = settings
        make_folder(settings.folder)
        self._lock = (settings.folder / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"--folder {settings.folder}: another gan-studio uses it: choose another folder") from error
        self.temporary = settings.folder.absolute() / TEMPORARY
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(mode=0o700)
        self.visitors = Visitors()

    def make_temporary_folder(self, name: str) -> Path:
        """Create a folder for temporary files of one kind and return it."""
        folder = self.temporary / name
        folder.mkdir()
        return folder

    def start(self) -> None:
        """Start what runs beside the server."""

    def close(self) -> None:
        """Stop what runs beside the server, and remove temporary files."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        self._lock.close()
