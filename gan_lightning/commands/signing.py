"""Signs the images that a model makes of photos, and adds records of what was signed to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError
from gan_lightning.runs.checkpoints import Trained

if TYPE_CHECKING:  # needs an extra
    from gan_lightning.provenance.derivations import Derivation
    from gan_lightning.provenance.identity import Identity
    from gan_lightning.provenance.records import Record


def add_to_ledger(folder: str | None, identity: Identity, records: Sequence[Record | Derivation]) -> None:
    """Add records to the ledger in a folder; None for no ledger.

    Raises:
        UserError: if the ledger cannot be written, or was changed.
    """
    from gan_lightning.provenance import ledger

    if folder is None:
        return
    try:
        ledger.append_records(Path(folder), identity, records)
    except UserError as error:  # its message starts with a path in the folder
        raise UserError(f"ledger={error}") from error
    except OSError as error:
        reason = f"cannot be written ({error.strerror}), so nothing is written"
        raise UserError(f"ledger={folder}: {reason}: give another folder, or ledger=null") from error


class PhotoSigner:
    """Signs the images that a model makes of photos, and adds their derivations to the ledger.

    Args:
        identity: the identity that signs.
        settings: the settings by which the images are made.
        trained: the model that makes them.
        scale: height and width of an image in multiples of those of its photo.
    """

    def __init__(self, identity: Identity, settings: GenerateSettings, trained: Trained, scale: int) -> None:
        from gan_lightning.provenance.signing_derived import model_of

        self._identity = identity
        self._ledger = settings.ledger
        self._method = f"super-resolution ×{scale}" if scale > 1 else "image translation"
        self._model = model_of(trained)
        self._settings = settings.choices()

    def sign(self, output: Path, photo: Path, unfinished: Path) -> None:
        """Sign an image.

        Args:
            output: path of the image.
            photo: the photo it was made from.
            unfinished: path of the image as long as it is not renamed to ``output``.
        """
        from gan_lightning.provenance.signing_derived import sign_derived

        derivation = sign_derived(
            output,
            [(photo, "parentOf")],
            self._identity,
            method=self._method,
            model=self._model,
            settings=self._settings,
            unfinished=unfinished,
        )
        add_to_ledger(self._ledger, self._identity, [derivation])
