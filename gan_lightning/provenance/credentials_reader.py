"""Verifies content credentials: signed C2PA manifests inside files.

The type of a file is detected from its content, as a forger chooses the name.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import c2pa

from gan_lightning.files import check_regular
from gan_lightning.provenance.credentials import ANY_TYPE, DERIVATION, RECORD
from gan_lightning.provenance.derivations import parse_derivation
from gan_lightning.provenance.ingredients import failures_of_ingredients, read_ingredients, signer_names
from gan_lightning.provenance.interfaces import FileReader
from gan_lightning.provenance.records import parse_record
from gan_lightning.provenance.status_codes import TRUSTED_SIGNATURE, codes, in_words, is_about_signer
from gan_lightning.provenance.verdicts import Finding, Verdict

MANIFEST_STORE = b"jumdc2pa"  # first bytes of a manifest store, in files of any type
MAX_BYTES = 2**28  # larger files are not searched for a manifest

T = TypeVar("T")


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
        verdict, reason = _verdict(state, store.get("validation_results", {}), signer_names(manifest))
        return Finding(
            str(path),
            verdict,
            reason,
            record=_parse_assertion(manifest, RECORD, parse_record),
            derivation=_parse_assertion(manifest, DERIVATION, parse_derivation),
            ingredients=() if verdict is Verdict.TAMPERED else read_ingredients(store),
        )


def _verdict(state: str, results: dict[str, Any], signer: str) -> tuple[Verdict, str]:
    """Return the verdict on a manifest, and the reason.

    Args:
        state: validation state of the C2PA reader: Trusted, Valid or Invalid.
        results: validation results of the C2PA reader.
        signer: the names in the certificate.
    """
    own = results.get("activeManifest", {})
    failures, of_ingredients = codes(own, "failure"), failures_of_ingredients(results)
    # An ingredient by a signer who is not trusted lowers the state, but it does not change who signed the file itself.
    only_other_signers = bool(of_ingredients) and not failures and all(map(is_about_signer, of_ingredients))
    if state == "Trusted" or (only_other_signers and set(codes(own, "success")) >= TRUSTED_SIGNATURE):
        return Verdict.TRUSTED, f"signed by {signer}"
    if state == "Valid":
        return Verdict.UNKNOWN_SIGNER, f"{signer}, whose certificate leads to no trusted root"
    failures += of_ingredients
    reason = ", ".join(in_words(code) for code in failures) or "its manifest cannot be read"
    if not failures or not all(map(is_about_signer, failures)):
        return Verdict.TAMPERED, reason
    return Verdict.UNKNOWN, f"its certificate is not accepted: {reason}"


def _parse_assertion(manifest: dict[str, Any], label: str, parse: Callable[[str], T | None]) -> T | None:
    """Return the content of this project's assertion in a manifest; None if it holds none, or an invalid one."""
    for assertion in manifest.get("assertions", []):
        if assertion.get("label") == label:
            try:
                return parse(assertion["data"]["json"])
            except (LookupError, TypeError):
                return None
    return None
