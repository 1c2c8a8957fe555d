"""The long-lived parts of a studio, which all routes share."""

import fcntl
import os
import secrets
import shutil
from pathlib import Path

from gan_lightning.errors import UserError
from gan_lightning.files import make_folder
from gan_lightning.studio.items import Gallery
from gan_lightning.studio.jobs import Jobs, Kind
from gan_lightning.studio.library import Library
from gan_lightning.studio.market import Market
from gan_lightning.studio.settings import StudioSettings
from gan_lightning.studio.stores import Samples, Uploads
from gan_lightning.studio.visitors import Visitors
from gan_lightning.studio.worker import Worker

TEMPORARY = "temporary"  # folder of files that are removed when a studio starts


class Studio:
    """Paths and long-lived parts of a studio, shared by all routes.

    Args:
        settings: the options.

    Attributes:
        settings: the options.
        temporary: folder for temporary files, on the file system of the gallery.
        visitors: sessions of browsers.
        kinds: kinds of jobs by name. The function ``router`` of a module adds its own:
            ``studio.kinds["verify"] = Kind(VerifyRequest, prepare_verify)``.
        jobs: the queue of jobs for the worker process.
        uploads: files that visitors have sent.
        samples: samples that visitors have generated and not kept.
        library: the runs.
        gallery: kept samples.
        market: works on a chain, and their trade.

    Raises:
        UserError: if another studio uses the folder.
        OSError: if the folder cannot be written.
    """

    def __init__(self, settings: StudioSettings) -> None:
        self.settings = settings
        make_folder(settings.folder)
        self._lock = os.open(settings.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"--folder {settings.folder}: another gan-studio uses it: choose another folder") from error
        self.temporary = settings.folder.absolute() / TEMPORARY
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(mode=0o700)
        self.visitors = Visitors()
        self.kinds: dict[str, Kind] = {}
        self.jobs = Jobs(Worker(settings.trust_code))
        self.uploads = Uploads(self.make_temporary_folder("uploads"))
        self.samples = Samples(self.make_temporary_folder("samples"))
        self.library = Library(settings.runs, without=[settings.folder, settings.ledger])
        self.gallery = Gallery(settings.folder / "gallery")
        self.market = Market(settings, self.gallery)

    def new_kept_folder(self) -> Path:
        """Create a folder for a sample that becomes an item of the gallery; ``gallery.add`` renames it."""
        folder = self.temporary / "kept" / secrets.token_hex(16)
        folder.mkdir(parents=True)
        return folder

    def make_temporary_folder(self, name: str) -> Path:
        """Create a folder for temporary files of one kind and return it."""
        folder = self.temporary / name
        folder.mkdir()
        return folder

    def start(self) -> None:
        """Start what runs beside the server."""
        self.jobs.start()
        self.market.start()

    def close(self) -> None:
        """Stop what runs beside the server, and remove temporary files."""
        self.jobs.close()
        self.market.close()
        shutil.rmtree(self.temporary, ignore_errors=True)
        os.close(self._lock)
