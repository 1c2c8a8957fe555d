"""Content credentials: a signed C2PA manifest in a file, that says which model made it and how.

The specification is at https://spec.c2pa.org; any of its readers can read them, and knows the file as made by a trained
algorithm. What only this project understands is one assertion, a :class:`Record`. The library tells a file's type by
what is in it: a forger chooses names.
"""

import io
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import c2pa

from gan_lightning import __version__
from gan_lightning.errors import UserError
from gan_lightning.files import check_regular
from gan_lightning.provenance.identity import Identity
from gan_lightning.provenance.interfaces import FileReader, FileSigner
from gan_lightning.provenance.records import Record, canonical_json, parse_record
from gan_lightning.provenance.verdicts import Finding, Verdict

RECORD = "org.gan-lightning.sample"  # label of our assertion
SOFTWARE = {"name": "gan-lightning", "version": __version__}
TRAINED_ALGORITHM = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}, "created_assertion_labels": ["c2pa.actions", RECORD]},
}
ANY_TYPE = "application/octet-stream"  # for the reader, which finds the type out
MANIFEST_STORE = b"jumdc2pa"  # how one begins, in files of any type
MAX_BYTES = 2**28


class CredentialsSigner(FileSigner):
    """Puts credentials into files of the types that C2PA's library takes."""

    def __init__(self, identity: Identity, checkpoint: Path, media_type: str) -> None:
        super().__init__(identity, checkpoint, media_type)
        self._signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(alg=b"es256", sign_cert=identity.chain, private_key=identity.key, ta_url=None)
        )
        self._context = c2pa.Context.from_dict(SETTINGS)

    @staticmethod
    def takes(media_type: str) -> bool:
        return media_type in c2pa.Builder.get_supported_mime_types()

    def sign(self, path: Path, record: Record) -> None:
        path.write_bytes(self.signed(path.read_bytes(), record))

    def signed(self, content: bytes, record: Record) -> bytes:
        """Return a file's content with credentials in it."""
        signed = io.BytesIO()
        try:
            builder = c2pa.Builder(self._manifest(record), self._context)
            builder.sign(self._signer, self.media_type, io.BytesIO(content), signed)
        except c2pa.C2paError as error:
            raise UserError(f"sign=true: {' '.join(str(error).split())}") from error
        return signed.getvalue()

    def _manifest(self, record: Record) -> dict[str, Any]:
        model = {
            "title": self.checkpoint.name,
            "format": "application/octet-stream",
            "relationship": "inputTo",
            "instance_id": f"sha256:{record.checkpoint}",
            "data_types": [{"type": "c2pa.types.model.pytorch"}],
        }
        created = {
            "action": "c2pa.created",
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "softwareAgent": SOFTWARE,
            "digitalSourceType": TRAINED_ALGORITHM,
        }
        return {
            "claim_generator_info": [SOFTWARE],
            "ingredients": [model],
            "assertions": [
                {"label": "c2pa.actions", "data": {"actions": [created]}},
                # One string: C2PA's library reads lists of numbers and integers from 2^63 on back as something else.
                {"label": RECORD, "data": {"json": canonical_json(asdict(record))}},
            ],
        }


class CredentialsReader(FileReader):
    """Judges the credentials in files.

    Args:
        trusted_roots: certificates of the roots to trust, PEM; empty for none.
    """

    def __init__(self, trusted_roots: bytes) -> None:
        trust = {"user_anchors": trusted_roots.decode()} if trusted_roots else {}
        settings = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}, "trust": trust}
        self._context = c2pa.Context.from_dict(settings)

    def verify(self, path: Path) -> Finding | None:
        check_regular(path)
        if path.stat().st_size > MAX_BYTES:
            return None
        content = path.read_bytes()
        try:
            reader = c2pa.Reader(ANY_TYPE, io.BytesIO(content), context=self._context)
        except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
            return None
        except c2pa.C2paError as error:
            if MANIFEST_STORE not in content:
                return None
            reason = f"its manifest cannot be read ({' '.join(str(error).split())})"
            return Finding(str(path), Verdict.TAMPERED, reason)
        with reader:
            store, state = json.loads(reader.json()), str(reader.get_validation_state())
        manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
        results = store.get("validation_results", {}).get("activeManifest", {})
        failures = [one["code"] for one in results.get("failure", [])]
        info = manifest.get("signature_info", {})
        signer = ", ".join(info[key] for key in ("common_name", "issuer") if info.get(key))
        return Finding(str(path), *_verdict(state, failures, signer), _record(manifest))


def _verdict(state: str, failures: list[str], signer: str) -> tuple[Verdict, str]:
    """Return the verdict on a manifest, and its reason.

    Args:
        state: of C2PA's reader: Trusted, Valid or Invalid.
        failures: its codes.
        signer: the names in the certificate.
    """
    if state == "Trusted":
        return Verdict.TRUSTED, f"signed by {signer}"
    if state == "Valid":
        return Verdict.UNKNOWN_SIGNER, f"{signer}, by a certificate of no trusted root"
    about_the_signer = [code for code in failures if code.startswith("signingCredential.")]
    if not failures or about_the_signer != failures:
        return Verdict.TAMPERED, ", ".join(failures) or "its manifest cannot be read"
    return Verdict.UNKNOWN, f"its signature does not count: {', '.join(failures)}"


def _record(manifest: dict[str, Any]) -> Record | None:
    """Return the record in our assertion; None if there is none, or none of ours."""
    for assertion in manifest.get("assertions", []):
        if assertion.get("label") == RECORD:
            try:
                return parse_record(assertion["data"]["json"])
            except (LookupError, TypeError):
                return None
    return None
