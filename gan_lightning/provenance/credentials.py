"""Content credentials: signed C2PA manifests inside files, which name the model and the seed of a sample.

The specification is at https://spec.c2pa.org. Any C2PA reader can read them, and reports the file as made by a trained
algorithm. One assertion is specific to this project: the :class:`Record`, or the :class:`Derivation` of an image that
was made from others.
"""

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import c2pa

from gan_lightning import __version__
from gan_lightning.errors import UserError
from gan_lightning.provenance.derivations import Derivation
from gan_lightning.provenance.identity import Identity
from gan_lightning.provenance.interfaces import FileSigner
from gan_lightning.provenance.records import Record, canonical_json

RECORD = "org.gan-lightning.sample"  # label of the assertion with the record
DERIVATION = "org.gan-lightning.derivation"  # label of the assertion with the derivation
SOFTWARE = {"name": "gan-lightning", "version": __version__}
TRAINED_ALGORITHM = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}, "created_assertion_labels": ["c2pa.actions", RECORD, DERIVATION]},
}
ANY_TYPE = "application/octet-stream"  # makes the C2PA library detect the type
DIGEST_PREFIX = "sha256:"  # of instance ids of ingredients that are digests of files


@dataclass(frozen=True)
class IngredientFile:
    """File to add to a manifest as an ingredient.

    Args:
        definition: definition of the ingredient, as the C2PA library reads it.
        media_type: media type of the file.
        content: content of the file, which may hold credentials of its own.
    """

    definition: dict[str, Any]
    media_type: str
    content: bytes


class CredentialsWriter:
    """Writes manifests into files of one media type, signed by one identity; must not be used across a fork.

    Args:
        identity: the identity that signs.
        media_type: media type of the files, which the C2PA library must support.
    """

    def __init__(self, identity: Identity, media_type: str) -> None:
        self._media_type = media_type
        self._signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(alg=b"es256", sign_cert=identity.chain, private_key=identity.key, ta_url=None)
        )
        # No root is trusted here: each reader finds by its own roots if it trusts the signers of ingredients.
        self._context = c2pa.Context.from_dict(SETTINGS)

    @staticmethod
    def supports(media_type: str) -> bool:
        """Return True if the C2PA library writes files of the media type."""
        return media_type in c2pa.Builder.get_supported_mime_types()

    def write(self, path: Path, manifest: dict[str, Any], ingredients: Sequence[IngredientFile] = ()) -> list[str]:
        """Sign a file: write the manifest into it.

        Return the reason for each ingredient whose own credentials cannot be read, and are left out.

        Args:
            path: the file to sign.
            manifest: definition of the manifest, as the C2PA library reads it.
            ingredients: files to add to those that the manifest lists.

        Raises:
            UserError: if the library refuses the file.
        """
        signed = io.BytesIO()
        problems: list[str] = []
        try:
            builder = c2pa.Builder(manifest, self._context)
            for one in ingredients:
                try:
                    builder.add_ingredient(one.definition, one.media_type, io.BytesIO(one.content))
                except c2pa.C2paError as error:
                    builder.add_ingredient(one.definition, ANY_TYPE, io.BytesIO())
                    problems.append(f"{one.definition['title']}: {_one_line(error)}")
            builder.sign(self._signer, self._media_type, io.BytesIO(path.read_bytes()), signed)
        except c2pa.C2paError as error:
            raise UserError(f"sign=true: {_one_line(error)}") from error
        path.write_bytes(signed.getvalue())
        return problems


class CredentialsSigner(FileSigner):
    """Signs files of the types that the C2PA library supports: writes the credentials into the file."""

    def __init__(self, identity: Identity, checkpoint: Path, media_type: str) -> None:
        super().__init__(identity, checkpoint, media_type)
        self._writer = CredentialsWriter(identity, media_type)

    @staticmethod
    def supports(media_type: str) -> bool:
        return CredentialsWriter.supports(media_type)

    def sign(self, path: Path, record: Record) -> None:
        self._writer.write(path, self._manifest(record))

    def _manifest(self, record: Record) -> dict[str, Any]:
        created = {
            "action": "c2pa.created",
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "softwareAgent": SOFTWARE,
            "digitalSourceType": TRAINED_ALGORITHM,
        }
        return {
            "claim_generator_info": [SOFTWARE],
            "ingredients": [model_ingredient(self.checkpoint.name, record.checkpoint)],
            "assertions": [{"label": "c2pa.actions", "data": {"actions": [created]}}, assertion(RECORD, record)],
        }


def model_ingredient(name: str, digest: str) -> dict[str, Any]:
    """Return the definition of the ingredient that stands for a model.

    Args:
        name: name of its file.
        digest: SHA-256 of the file, hexadecimal.
    """
    return {
        "title": name,
        "format": "application/octet-stream",
        "relationship": "inputTo",
        "instance_id": f"{DIGEST_PREFIX}{digest}",
        "data_types": [{"type": "c2pa.types.model.pytorch"}],
    }


def assertion(label: str, record: Record | Derivation) -> dict[str, Any]:
    """Return the definition of an assertion with a record or a derivation.

    It holds one string, because the C2PA library does not read back lists of numbers and integers from 2^63 on.
    """
    return {"label": label, "data": {"json": canonical_json(asdict(record))}}


def _one_line(error: c2pa.C2paError) -> str:
    return " ".join(str(error).split())
