"""Content credentials: signed C2PA manifests inside files, which name the model and the seed of a sample.

The specification is at https://spec.c2pa.org. Any C2PA reader can read them, and reports the file as made by a trained
algorithm. One assertion is specific to this project: the :class:`Record`. The type of a file is detected from its
content, as a forger chooses the name.
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

RECORD = "org.gan-lightning.sample"  # label of the assertion with the record
SOFTWARE = {"name": "gan-lightning", "version": __version__}
TRAINED_ALGORITHM = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}, "created_assertion_labels": ["c2pa.actions", RECORD]},
}
ANY_TYPE = "application/octet-stream"  # makes the reader detect the type
MANIFEST_STORE = b"jumdc2pa"  # first bytes of a manifest store, in files of any type
MAX_BYTES = 2**28  # larger files are not searched for a manifest
STATUS_IN_WORDS = {  # common validation status codes of the C2PA specification
    "assertion.dataHash.mismatch": "content was changed after signing",
    "assertion.bmffHash.mismatch": "content was changed after signing",
    "assertion.boxesHash.mismatch": "content was changed after signing",
    "assertion.hashedURI.mismatch": "manifest was changed after signing",
    "assertion.missing": "part of the manifest is missing",
    "assertion.undeclared": "manifest holds a part that was not signed",
    "claim.missing": "manifest holds no claim",
    "claim.multiple": "manifest holds several claims",
    "claim.hardBindings.missing": "manifest is not bound to the content",
    "claimSignature.missing": "manifest is not signed",
    "claimSignature.mismatch": "signature does not match the manifest and the certificate",
    "signingCredential.untrusted": "certificate leads to no trusted root",
    "signingCredential.invalid": "certificate is not valid for content credentials",
    "signingCredential.expired": "certificate has expired",
    "signingCredential.ocsp.revoked": "certificate was revoked",
    "timeStamp.mismatch": "time stamp belongs to another signature",
    "timeStamp.untrusted": "time stamp comes from no trusted authority",
    "algorithm.unsupported": "manifest uses an unsupported algorithm",
}


class CredentialsSigner(FileSigner):
    """Signs files of the types that the C2PA library supports: writes the credentials into the file."""

    def __init__(self, identity: Identity, checkpoint: Path, media_type: str) -> None:
        super().__init__(identity, checkpoint, media_type)
        self._signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(alg=b"es256", sign_cert=identity.chain, private_key=identity.key, ta_url=None)
        )
        self._context = c2pa.Context.from_dict(SETTINGS)

    @staticmethod
    def supports(media_type: str) -> bool:
        return media_type in c2pa.Builder.get_supported_mime_types()

    def sign(self, path: Path, record: Record) -> None:
        path.write_bytes(self.sign_content(path.read_bytes(), record))

    def sign_content(self, content: bytes, record: Record) -> bytes:
        """Return the bytes of a file with credentials added; raise UserError if the library refuses it."""
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
                # One string, because the C2PA library does not read back lists of numbers and integers from 2^63 on.
                {"label": RECORD, "data": {"json": canonical_json(asdict(record))}},
            ],
        }


def reader_context(trusted_roots: bytes) -> c2pa.Context:
    """Return the settings with which manifests are read: nothing is fetched from the network.

    Args:
        trusted_roots: certificates of the roots to trust, PEM; empty for none.
    """
    trust = {"user_anchors": trusted_roots.decode()} if trusted_roots else {}
    return c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}, "trust": trust})


class CredentialsReader(FileReader):
    """Verifies files by the credentials inside them.

    Args:
        trusted_roots: certificates of the roots to trust, PEM; empty for none.
    """

    def __init__(self, trusted_roots: bytes) -> None:
        self._context = reader_context(trusted_roots)

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
        failures = [failure["code"] for failure in results.get("failure", [])]
        info = manifest.get("signature_info", {})
        signer = ", ".join(info[key] for key in ("common_name", "issuer") if info.get(key))
        return Finding(str(path), *_verdict(state, failures, signer), _read_record(manifest))


def _verdict(state: str, failures: list[str], signer: str) -> tuple[Verdict, str]:
    """Return the verdict on a manifest, and the reason.

    Args:
        state: validation state of the C2PA reader: Trusted, Valid or Invalid.
        failures: validation status codes.
        signer: the names in the certificate.
    """
    if state == "Trusted":
        return Verdict.TRUSTED, f"signed by {signer}"
    if state == "Valid":
        return Verdict.UNKNOWN_SIGNER, f"{signer}, whose certificate leads to no trusted root"
    reason = ", ".join(_in_words(code) for code in failures) or "its manifest cannot be read"
    only_signer = all(code.startswith("signingCredential.") for code in failures)
    if not failures or not only_signer:
        return Verdict.TAMPERED, reason
    return Verdict.UNKNOWN, f"its certificate is not accepted: {reason}"


def _in_words(code: str) -> str:
    """Return a C2PA status code in plain words, with the code in brackets; the code alone if it is not a common one."""
    return f"{STATUS_IN_WORDS[code]} ({code})" if code in STATUS_IN_WORDS else code


def _read_record(manifest: dict[str, Any]) -> Record | None:
    """Return the record of a manifest; None if it holds none, or an invalid one."""
    for assertion in manifest.get("assertions", []):
        if assertion.get("label") == RECORD:
            try:
                return parse_record(assertion["data"]["json"])
            except (LookupError, TypeError):
                return None
    return None
