"""Signed documents: DSSE envelopes with ES256 signatures and the signer's certificates.

The format is https://github.com/secure-systems-lab/dsse; signatures are ECDSA with P-256 and SHA-256, in DER, and
certificates lie in ``certificate`` and ``intermediates`` beside each, base64 of PEM, as in-toto's witness has them.
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
    """Not an envelope, or not one that its signer has signed; the text says why."""


class UnrecognizedDocument(InvalidDocument):
    """Not an envelope of this kind at all, so that nobody can tell whether it was changed."""


@dataclass(frozen=True)
class SignedPayload:
    """What an envelope holds, when its signature is right.

    Args:
        payload: what was signed.
        signer: the names in the certificate.
        distrust: why the certificate leads to no trusted root; None where it does.
    """

    payload: bytes
    signer: str
    distrust: str | None

    @property
    def trusted(self) -> bool:
        return self.distrust is None


def seal(identity: Identity, payload_type: str, payload: bytes) -> dict[str, Any]:
    """An envelope, plain values."""
    key = load_pem_private_key(identity.key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate, *between = x509.load_pem_x509_certificates(identity.chain)
    signature = {
        "keyid": certificate.fingerprint(hashes.SHA256()).hex(),
        "sig": _encode(key.sign(to_be_signed(payload_type, payload), ES256)),
        "certificate": _encode(certificate.public_bytes(Encoding.PEM)),
        "intermediates": [_encode(one.public_bytes(Encoding.PEM)) for one in between],
    }
    return {"payload": _encode(payload), "payloadType": payload_type, "signatures": [signature]}


def unseal(envelope: Any, payload_type: str, trusted_roots: bytes) -> SignedPayload:
    """What an envelope with one signature holds.

    Args:
        envelope: plain values, from wherever.
        payload_type: that it must have.
        trusted_roots: certificates of the roots to trust, PEM; empty for none.

    Raises:
        Foreign: where it is no such envelope.
        Broken: where the signature is of something else.
    """
    try:
        (signature,) = envelope["signatures"]
        payload, given = _decode(envelope["payload"]), _decode(signature["sig"])
        chain = tuple(_decode(one) for one in (signature["certificate"], *signature["intermediates"]))
        certificate, *_ = (x509.load_pem_x509_certificate(one) for one in chain)
        key, signer = certificate.public_key(), certificate_names(certificate)
        found = envelope["payloadType"]
    except (*UNREADABLE, LookupError, TypeError, AttributeError) as error:
        raise UnrecognizedDocument(f"no envelope with one signature ({type(error).__name__})") from error
    if found != payload_type:
        raise UnrecognizedDocument(f"holds {str(found)[:100]!r}, not {payload_type!r}")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidDocument("not signed by a P-256 key")
    try:
        key.verify(given, to_be_signed(payload_type, payload), ES256)
    except InvalidSignature as error:
        raise InvalidDocument("its signature is not of what it holds") from error
    return SignedPayload(payload, signer, _distrust(chain, trusted_roots))


def to_be_signed(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: type and payload, each with its length."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


@functools.lru_cache(maxsize=64)
def _distrust(chain: Sequence[bytes], trusted_roots: bytes) -> str | None:
    """Why certificates, the signer's first, do not lead to a trusted root; None where they do."""
    if not trusted_roots:
        return "no root is trusted"
    permitted = verification.ExtensionPolicy.permit_all()
    agnostic = verification.Criticality.AGNOSTIC
    signers = (
        permitted.require_present(x509.KeyUsage, agnostic, _must_sign)
        .require_present(x509.ExtendedKeyUsage, agnostic, _must_be_for_signing)
        .require_present(x509.BasicConstraints, agnostic, _must_be_no_authority)
    )
    authorities = permitted.require_present(x509.KeyUsage, agnostic, _must_issue).require_present(
        x509.BasicConstraints, agnostic, _must_be_authority
    )
    certificate, *between = (x509.load_pem_x509_certificate(one) for one in chain)
    try:
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store(x509.load_pem_x509_certificates(trusted_roots)))
            .time(datetime.now(UTC))
            .extension_policies(ca_policy=authorities, ee_policy=signers)
            .build_client_verifier()
        )
        verifier.verify(certificate, between)
    except (*UNREADABLE, verification.VerificationError) as error:
        if datetime.now(UTC) > certificate.not_valid_after_utc:
            return f"its certificate has expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
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
        raise ValueError("issued by a certificate that must not issue any")


def _must_be_authority(
    policy: verification.Policy, certificate: x509.Certificate, constraints: x509.BasicConstraints | None
) -> None:
    if constraints is None or not constraints.ca:
        raise ValueError("issued by a certificate that is no authority's")


def _must_be_no_authority(
    policy: verification.Policy, certificate: x509.Certificate, constraints: x509.BasicConstraints | None
) -> None:
    if constraints is None or constraints.ca:
        raise ValueError("an authority's certificate")


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii"), validate=True)
