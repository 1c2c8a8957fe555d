"""Validation status codes of the C2PA specification, and their meaning in plain words."""

from typing import Any

TRUSTED_SIGNER, UNTRUSTED_SIGNER = "signingCredential.trusted", "signingCredential.untrusted"
TRUSTED_SIGNATURE = {TRUSTED_SIGNER, "claimSignature.validated", "claimSignature.insideValidity"}
STATUS_IN_WORDS = {
    "assertion.dataHash.mismatch": "content was changed after signing",
    "assertion.bmffHash.mismatch": "content was changed after signing",
    "assertion.boxesHash.mismatch": "content was changed after signing",
    "assertion.hashedURI.mismatch": "manifest was changed after signing",
    "ingredient.manifest.mismatch": "credentials of an ingredient were changed after signing",
    "ingredient.manifest.missing": "credentials of an ingredient are missing",
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


def codes(results: dict[str, Any], kind: str) -> list[str]:
    """Return the status codes in the validation results of a manifest.

    Args:
        results: the results, as the C2PA reader returns them.
        kind: ``success``, ``informational`` or ``failure``.
    """
    return [str(one.get("code")) for one in results.get(kind, [])]


def in_words(code: str) -> str:
    """Return a C2PA status code in plain words, with the code in brackets; the code alone if it is not a common one."""
    return f"{STATUS_IN_WORDS[code]} ({code})" if code in STATUS_IN_WORDS else code


def is_about_signer(code: str) -> bool:
    """Return True for a status code about the certificate of a signer."""
    return code.startswith("signingCredential.")
