"""Signed documents: DSSE envelopes with an ES256 signature and the certificates of the signer.

The format is https://github.com/secure-systems-lab/dsse. Signatures are ECDSA with P-256 and SHA-256, in DER. The
fields ``certificate`` and ``intermediates`` of a signature hold certificates as base64 of PEM, as in in-toto's witness.
"""

import base64
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import verification

from gan_lightning.provenance.identity import PURPOSES, UNREADABLE, Identity, certificate_names

ES256 = ec.ECDSA(hashes.SHA256())


class InvalidDocument(Exception):
    """A document is malformed, or its signature does not match."""


class UnrecognizedDocument(InvalidDocument):
    """A document is not an envelope of this kind, so whether it was changed cannot be decided."""


@dataclass(frozen=True)
class SignedPayload:
    """Payload of an envelope whose signature was verified.

    Args:
        payload: the signed bytes.
        signer: the names in the certificate.
        distrust: the reason why the certificate is not trusted; None if it leads to a trusted root.
        certificate: the certificate of the signer.
    """

    payload: bytes
    signer: str
    distrust: str | None
    certificate: x509.Certificate

    @property
    def trusted(self) -> bool:
        return self.distrust is None


def seal(identity: Identity, payload_type: str, payload: bytes) -> dict[str, Any]:
    """Return an envelope with the signed payload, as plain values for JSON."""
    key = load_pem_private_key(identity.key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate, *intermediates = x509.load_pem_x509_certificates(identity.chain)
    signature = {
        "keyid": certificate.fingerprint(hashes.SHA256()).hex(),
        "sig": _encode(key.sign(pre_authentication_encoding(payload_type, payload), ES256)),
        "certificate": _encode(certificate.public_bytes(Encoding.PEM)),
        "intermediates": [_encode(one.public_bytes(Encoding.PEM)) for one in intermediates],
    }
    return {"payload": _encode(payload), "payloadType": payload_type, "signatures": [signature]}


def unseal(envelope: Any, payload_type: str, trusted_roots: bytes) -> SignedPayload:
    """Verify the signature of an envelope and return its payload.

    Args:
        envelope: parsed JSON of unknown origin.
        payload_type: type that the payload must have.
        trusted_roots: certificates of the roots to trust, PEM; empty for none.

    Raises:
        UnrecognizedDocument: if it is not an envelope with one signature and this type of payload.
        InvalidDocument: if the signature does not match the payload.
    """
    try:
        (signature,) = envelope["signatures"]
        payload, signature_bytes = _decode(envelope["payload"]), _decode(signature["sig"])
        chain = tuple(_decode(one) for one in (signature["certificate"], *signature["intermediates"]))
        certificate, *_ = (x509.load_pem_x509_certificate(one) for one in chain)
        key, signer = certificate.public_key(), certificate_names(certificate)
        found_type = envelope["payloadType"]
    except (*UNREADABLE, LookupError, TypeError, AttributeError) as error:
        raise UnrecognizedDocument(f"not an envelope with one signature ({type(error).__name__})") from error
    if found_type != payload_type:
        raise UnrecognizedDocument(f"holds {str(found_type)[:100]!r}, not {payload_type!r}")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidDocument("not signed by a P-256 key")
    try:
        key.verify(signature_bytes, pre_authentication_encoding(payload_type, payload), ES256)
    except InvalidSignature as error:
        raise InvalidDocument("its signature does not match its content") from error
    return SignedPayload(payload, signer, _distrust(chain, trusted_roots), certificate)


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that DSSE signs: type and payload, each with its length."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


@functools.lru_cache(maxsize=64)
def _distrust(chain: Sequence[bytes], trusted_roots: bytes) -> str | None:
    """Return why a chain of certificates, the signer's first, leads to no trusted root; None if it does."""
    if not trusted_roots:
        return "no root is trusted"
    permitted = verification.ExtensionPolicy.permit_all()
    agnostic = verification.Criticality.AGNOSTIC
    signers = (
        permitted.require_present(x509.KeyUsage, agnostic, _must_sign)
        .require_present(x509.ExtendedKeyUsage, agnostic, _must_be_for_signing)
        .require_present(x509.BasicConstraints, agnostic, _must_not_be_authority)
    )
    authorities = permitted.require_present(x509.KeyUsage, agnostic, _must_issue).require_present(
        x509.BasicConstraints, agnostic, _must_be_authority
    )
    certificate, *intermediates = (x509.load_pem_x509_certificate(one) for one in chain)
    try:
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store(x509.load_pem_x509_certificates(trusted_roots)))
            .time(datetime.now(UTC))
            .extension_policies(ca_policy=authorities, ee_policy=signers)
            .build_client_verifier()
        )
        verifier.verify(certificate, intermediates)
    except (*UNREADABLE, verification.VerificationError) as error:
        if datetime.now(UTC) > certificate.not_valid_after_utc:
            return f"its certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
        return f"its certificate leads to no trusted root ({' '.join(str(error).split())})"
    return None


def _must_sign(policy: verification.Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is None or not usage.digital_signature:
        raise ValueError("not for digital signatures")


def _must_be_for_signing(
    policy: verification.Policy, certificate: x509.Certificate, purposes: x509.ExtendedKeyUsage | None
) -> None:
    if purposes is None or not PURPOSES & set(purposes):
        raise ValueError("not for e-mail protection or document signing")


def _must_issue(policy: verification.Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is None or not usage.key_cert_sign:
        raise ValueError("issued by a certificate that must not issue others")


def _must_be_authority(
    policy: verification.Policy, certificate: x509.Certificate, constraints: x509.BasicConstraints | None
) -> None:
    if constraints is None or not constraints.ca:
        raise ValueError("issued by a certificate that is not an authority's")


def _must_not_be_authority(
    policy: verification.Policy, certificate: x509.Certificate, constraints: x509.BasicConstraints | None
) -> None:
    if constraints is None or constraints.ca:
        raise ValueError("the certificate of an authority")


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii"), validate=True)
