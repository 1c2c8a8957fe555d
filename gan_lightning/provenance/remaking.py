"""Makes images again from the photos they were made from, and compares them with files."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from gan_lightning.config.settings import PhotoSettings
from gan_lightning.errors import UserError
from gan_lightning.files import file_digest
from gan_lightning.imaging.photo import Photo, read_photo, write_photo
from gan_lightning.imaging.photo_network import MAX_RESULT_PIXELS
from gan_lightning.modalities.image import Images, open_image, shows_more_than_pixels
from gan_lightning.provenance.derivations import Derivation
from gan_lightning.runs.checkpoints import Trained
from gan_lightning.runs.photo_networks import photo_network

DEFAULTS = {"weights": None, "blend": None, "reverse": False, "ensemble": False}
LOSSY = ("JPEG", "WEBP")  # formats of files that hold other pixels than were written


class Remaker:
    """Makes the image of a photo again by a model, and compares it with files.

    Args:
        trained: the model.
        photo: the photo.
        settings: settings for files without a derivation, of ``DEFAULTS`` where they are missing.

    Raises:
        UserError: if a setting is unknown or out of range.
    """

    def __init__(self, trained: Trained, photo: Path, settings: Mapping[str, Any]) -> None:
        self._trained = trained
        self._photo = photo
        self._settings = self._parse(settings, "--setting")
        self._made: tuple[PhotoSettings, Photo] | None = None

    def compare(self, path: Path, derivation: Derivation | None) -> str | None:
        """Return in words how a file equals the image that the model makes; None if it does not.

        Args:
            path: the file.
            derivation: how it was made, as a signer says; None if none does.

        Raises:
            UserError: if a file cannot be read, or if the derivation names another model or photo.
        """
        settings = self._settings
        if derivation is not None:
            if derivation.model.digest != self._trained.digest:
                raise UserError(f"it names another model: give {derivation.model.name} with --checkpoint")
            if file_digest(self._photo) not in (one.digest for one in derivation.sources):
                raise UserError(f"it names another source: give {derivation.sources[0].name} with --input")
            settings = self._parse(derivation.settings, "its derivation has")
        if (distance := self._distance(path, settings)) is None:
            return None
        chosen = [f"{key}={value}" for key, value in settings.choices().items() if value != DEFAULTS[key]]
        how = "bit for bit" if distance == 0 else f"each pixel within {Images.tolerance} of 255"
        return f"made from {' with '.join([self._photo.name, *filter(None, [', '.join(chosen)])])}, {how}"

    def _parse(self, settings: Mapping[str, Any], where: str) -> PhotoSettings:
        """Return the settings; raise UserError, whose message starts with ``where``, if one is unknown or invalid."""
        try:
            return PhotoSettings.model_validate({"input": str(self._photo), **DEFAULTS, **settings})
        except ValidationError as error:
            problem = error.errors()[0]
            text = f"{where} {'.'.join(map(str, problem['loc']))}={problem['input']}: {problem['msg']}"
            raise UserError(f"{text}: the settings are {', '.join(DEFAULTS)}") from error

    def _distance(self, path: Path, settings: PhotoSettings) -> int | None:
        """Return the largest difference of a file to the image that the model makes; None if it is too large."""
        format = _plain_format(path)
        if format is None:
            return None
        found, made = read_photo(path, MAX_RESULT_PIXELS), self._make(settings)
        if format in LOSSY:
            made = _saved(made, format)
        same_kind = found.pixels.shape == made.pixels.shape and found.pixels.dtype == made.pixels.dtype
        if not same_kind or found.icc_profile != made.icc_profile:
            return None
        distance = int(np.abs(found.pixels.astype(np.int32) - made.pixels).max())
        return distance if distance <= Images.tolerance * np.iinfo(made.pixels.dtype).max // 255 else None

    def _make(self, settings: PhotoSettings) -> Photo:
        if self._made is None or self._made[0] != settings:
            network = photo_network(settings, self._trained)
            self._made = settings, network(read_photo(self._photo, network.most_pixels), self._photo.name)
        return self._made[1]


def _plain_format(path: Path) -> str | None:
    """Return the format of an image file; None if viewers may show something else than its pixels and profile."""
    with open_image(path, MAX_RESULT_PIXELS) as image:
        return None if shows_more_than_pixels(image, path) else image.format


def _saved(photo: Photo, format: str) -> Photo:
    """Return a photo as it is read again after it was written in a format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo")
        write_photo(path, photo, format)
        return read_photo(path, MAX_RESULT_PIXELS)
