"""Images with certificates that the C2PA library refuses to sign with; they are inserted after signing."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from gan_lightning.provenance import identity
from gan_lightning.provenance.credentials import SETTINGS, TRAINED_ALGORITHM
from gan_lightning.provenance.verify import Verifier
from tests.test_credentials import changed

MAIL, CODE = ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CODE_SIGNING
ROOT_KEY, KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
ACTION = {"action": "c2pa.created", "digitalSourceType": TRAINED_ALGORITHM}
MANIFEST = {
    "claim_generator_info": [{"name": "test", "version": "1"}],
    "assertions": [{"label": "c2pa.actions", "data": {"actions": [ACTION]}}],
}


def builder(issuer, subject, key):
    parts = [x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"), name]) for name in (
        x509.NameAttribute(NameOID.COMMON_NAME, issuer), x509.NameAttribute(NameOID.COMMON_NAME, subject))]  # fmt: skip
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(parts[0])
        .subject_name(parts[1])
        .public_key(key.public_key())
        .serial_number(2**100)  # gives all certificates the same length
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


ROOT = (
    builder("Jane Roe", "Jane Roe", ROOT_KEY)
    .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    .add_extension(identity._usage(signs_certificates=True), critical=True)
    .sign(ROOT_KEY, hashes.SHA256())
)


def certificate(issuer="Jane Roe", signed_by=ROOT_KEY, purpose=MAIL, subject="Jane Doe", key=KEY):
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key((ROOT_KEY if key is KEY else signed_by).public_key())
    return (
        builder(issuer, subject, key)
        .add_extension(by, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(identity._usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .sign(signed_by, hashes.SHA256())
    )


def der(one):
    return one.public_bytes(Encoding.DER)


def signature(content: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    r, s = decode_dss_signature(key.sign(content, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def image_with_certificate(put_in: Callable[[], x509.Certificate], key=KEY) -> bytes:
    """Return a signed PNG in whose manifest another certificate replaces the one given to the library."""
    good, bad = certificate(), put_in()
    while len(der(bad)) != len(der(good)):  # signatures differ in length by a byte or two
        bad = put_in()

    def sign(content):
        return signature(content.replace(der(good), der(bad)), key)

    content = signed_image([good], sign)
    return changed(b"caBX", lambda manifest: manifest.replace(der(good), der(bad)))(content, None)


def signed_image(chain: list[x509.Certificate], sign: Callable[[bytes], bytes], url: str | None = None) -> bytes:
    """Return a signed PNG; with ``url``, it names that address in place of a manifest."""
    plain, signed = BytesIO(), BytesIO()
    Image.new("L", (28, 28)).save(plain, "PNG")
    plain.seek(0)
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in chain).decode()
    signer = c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, pem, None)
    builder = c2pa.Builder(MANIFEST, c2pa.Context.from_dict(SETTINGS))
    if url:
        builder.set_no_embed()
        builder.set_remote_url(url)
    builder.sign(signer, "image/png", plain, signed)
    return signed.getvalue()


@pytest.mark.parametrize(
    ("put_in", "key", "verdict", "reason"),
    [
        (certificate, KEY, "trusted", "signed by Jane Doe, Example"),
        (
            lambda: certificate(purpose=CODE),
            KEY,
            "unknown",
            "its certificate is not accepted: certificate leads to no trusted root (signingCredential.untrusted), "
            "certificate is not valid for content credentials (signingCredential.invalid)",
        ),
        (
            lambda: certificate(issuer="Jane Doe", signed_by=KEY),
            KEY,
            "valid but unknown signer",
            "Jane Doe, Example, whose certificate leads to no trusted root",
        ),
        (
            lambda: certificate(signed_by=OTHER_KEY),
            KEY,
            "valid but unknown signer",
            "Jane Doe, Example, whose certificate leads to no trusted root",
        ),
        (
            certificate,
            OTHER_KEY,
            "tampered",
            "signature does not match the manifest and the certificate (claimSignature.mismatch)",
        ),
    ],
    ids=["right", "wrong purpose", "signed by itself", "issued by another of that name", "wrong key"],
)
def test_inserted_certificates(tmp_path, put_in, key, verdict, reason):
    path = tmp_path / "a.png"
    path.write_bytes(image_with_certificate(put_in, key))
    found = Verifier(ROOT.public_bytes(Encoding.PEM)).verify(path)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_signing_certificate_may_not_issue_others(tmp_path):
    """Jane Doe's certificate, issued by the trusted root for signing only, has issued Mallory's."""
    mallory = certificate("Jane Doe", KEY, subject="Mallory", key=OTHER_KEY)
    path = tmp_path / "a.png"
    path.write_bytes(signed_image([mallory, certificate()], lambda content: signature(content, OTHER_KEY)))
    found = Verifier(ROOT.public_bytes(Encoding.PEM)).verify(path)
    assert found.verdict not in ("trusted", "tampered"), found


def test_no_manifest_is_fetched_from_the_network(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/manifest.c2pa"
        path = tmp_path / "a.png"
        path.write_bytes(signed_image([certificate()], lambda content: signature(content, KEY), url))
        assert url.encode() in path.read_bytes()
        assert Verifier(ROOT.public_bytes(Encoding.PEM)).verify(path).verdict == "unknown"
        server.settimeout(0)
        with pytest.raises(BlockingIOError):  # nobody has connected
            server.accept()
