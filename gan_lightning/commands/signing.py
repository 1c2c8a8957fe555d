"""Signs the images that commands make of other images, and adds records of what was signed to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError
from gan_lightning.runs.checkpoints import Trained

if TYPE_CHECKING:  # needs an extra
    from gan_lightning.provenance.derivations import Derivation, Model, Role, Setting
    from gan_lightning.provenance.identity import Identity
    from gan_lightning.provenance.records import Record


def add_to_ledger(folder: str | None, identity: Identity, records: Sequence[Record | Derivation]) -> None:
    """Add records to the ledger in a folder; None for no ledger.

    Raises:
        UserError: if the ledger cannot be written, or was changed; the message starts with ``ledger=``.
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


class ImageSigner:
    """Signs images that are made of other images in one way, and adds their derivations to a ledger.

    Args:
        identity: the identity that signs.
        ledger: folder of the ledger; None for none.
        method: what is done, in words.
        model: the model that does it.
        settings: settings by which the model makes the same images again.
    """

    def __init__(
        self, identity: Identity, ledger: str | None, method: str, model: Model, settings: dict[str, Setting]
    ) -> None:
        self._identity = identity
        self._ledger = ledger
        self._method = method
        self._model = model
        self._settings = settings

    def sign(self, output: Path, sources: Sequence[tuple[Path, Role]], unfinished: Path) -> None:
        """Sign an image.

        Args:
            output: path of the image.
            sources: the images it was made from, each with its role, as for
                :func:`gan_lightning.provenance.signing_derived.sign_derived`.
            unfinished: path of the image as long as it is not renamed to ``output``.

        Raises:
            UserError: if that is not possible; the message starts with ``sign=`` or ``ledger=``.
        """
        from gan_lightning.provenance.signing_derived import sign_derived

        derivation = sign_derived(
            output,
            sources,
            self._identity,
            method=self._method,
            model=self._model,
            settings=self._settings,
            unfinished=unfinished,
        )
        add_to_ledger(self._ledger, self._identity, [derivation])


def photo_signer(identity: Identity, settings: GenerateSettings, trained: Trained, scale: int) -> ImageSigner:
    """Return the signer of images that a trained model makes of photos.

    Args:
        identity: the identity that signs.
        settings: the settings by which the images are made.
        trained: the model.
        scale: height and width of an image in multiples of those of its photo.
    """
    from gan_lightning.provenance.signing_derived import model_of

    method = f"super-resolution ×{scale}" if scale > 1 else "image translation"
    return ImageSigner(identity, settings.ledger, method, model_of(trained), settings.choices())
