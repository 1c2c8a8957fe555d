"""Signing identities: a certificate with its private key, and the root certificate that others trust.

~/.config/gan-lightning/ or GAN_IDENTITY_DIR    chain.pem key.pem root.pem root_key.pem

The certificates follow the profile of the C2PA specification (https://spec.c2pa.org, "X.509 Certificates"): P-256 keys,
issued by a root that signs only certificates, for e-mail protection, and with the name of an organization.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from gan_lightning.errors import UserError
from gan_lightning.paths import expand_home, xdg_dir

CHAIN, KEY, ROOT, ROOT_KEY = "chain.pem", "key.pem", "root.pem", "root_key.pem"
# Without a time stamp of an authority, credentials become invalid when the certificate of their signer expires.
YEARS, ROOT_YEARS = 10, 20
MAX_NAME = 64  # characters, X.520's upper bound
PURPOSES = {ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")}  # document signing

UNREADABLE = (  # errors of certificates that are malformed or use unsupported features
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True)
class Identity:
    """Certificates and private key of a signer, all PEM.

    Args:
        chain: certificate of the signer, then the intermediate ones.
        key: private key of the signer, PKCS #8.
        root: root certificate, which others trust.
    """

    chain: bytes
    key: bytes
    root: bytes

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self.chain)[0]

    def __str__(self) -> str:
        """Return the names, the date of expiry and the fingerprint of the certificate in one line."""
        certificate = self.certificate
        digest = certificate.fingerprint(hashes.SHA256()).hex()
        return f"{certificate_names(certificate)}, until {certificate.not_valid_after_utc:%Y-%m-%d}, SHA-256 {digest}"


def folder() -> Path:
    """Return the folder of the identity, which need not exist."""
    if named := os.environ.get("GAN_IDENTITY_DIR"):
        return Path(expand_home(named, "GAN_IDENTITY_DIR")).absolute()
    return xdg_dir("XDG_CONFIG_HOME", "~/.config") / "gan-lightning"


def create(name: str, organization: str) -> Identity:
    """Create a root and a signing certificate that it issues, and store them in the folder of the identity.

    Args:
        name: name of the signer, 1 to 64 printable characters.
        organization: its organization, 1 to 64 printable characters.

    Raises:
        UserError: if a name is invalid, or the folder already holds an identity.
    """
    for option, value in {"name": name, "organization": organization}.items():
        if not value.strip() or len(value) > MAX_NAME or not value.isprintable():
            raise UserError(f"--{option} {value!r}: must be 1 to {MAX_NAME} printable characters")
    now = datetime.now(UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, leaf_name = _subject(f"{name[: MAX_NAME - 7]} (root)", organization), _subject(name, organization)
    root_id = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_id)
    root = (
        _builder(root_name, root_name, root_key, now, ROOT_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _builder(leaf_name, root_name, key, now, YEARS)
        .add_extension(authority, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    identity = Identity(leaf.public_bytes(Encoding.PEM), _pem(key), root.public_bytes(Encoding.PEM))
    _store(identity, {ROOT_KEY: _pem(root_key)})
    return identity


def adopt(certificate: Path, key: Path, root: Path) -> Identity:
    """Store a certificate that an authority has issued in the folder of the identity.

    Args:
        certificate: file with the certificate of the signer, then the intermediate ones, PEM.
        key: file with the private key of the signer, PEM, without a password.
        root: file with the root certificate of the authority, PEM.

    Raises:
        UserError: if the files do not match each other or the profile, or the folder already holds an identity.
    """
    chain, key_pem, root_pem = (_read(path) for path in (certificate, key, root))
    try:
        loaded = load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UserError(f"--key {key}: must be a key in PEM without a password ({error})") from error
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or not isinstance(loaded.curve, ec.SECP256R1):
        raise UserError(f"--key {key}: must be an elliptic curve key, P-256")
    identity = Identity(chain, _pem(loaded), root_pem)
    _check(identity, {"certificate": certificate, "key": key, "root": root})
    _store(identity, {})
    return identity


def load() -> Identity:
    """Return the stored identity.

    Raises:
        UserError: if there is none, its key is readable by others, its files do not match, or it has expired.
    """
    place = folder()
    paths = {"certificate": place / CHAIN, "key": place / KEY, "root": place / ROOT}
    if not place.is_dir() or not any(path.exists() for path in paths.values()):
        raise UserError(f'no identity in {place}: gan-identity init --name "…" --organization "…"')
    if paths["key"].exists() and paths["key"].stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UserError(f"{paths['key']}: others can read it: chmod 600 {paths['key']}, or make a new identity")
    identity = Identity(*(_read(path) for path in paths.values()))
    _check(identity, paths)
    return identity


def export(output: Path) -> None:
    """Write the root certificate to a new file, for others to trust; raise UserError if it exists."""
    identity = load()
    try:
        with output.open("xb") as file:
            file.write(identity.root)
    except FileExistsError as error:
        raise UserError(f"--output {output}: exists already: choose another name") from error
    except OSError as error:
        raise UserError(f"--output {output}: cannot be written ({error.strerror}): choose another name") from error


def load_trusted_roots(roots: Sequence[Path] | None) -> bytes:
    """Return the certificates to trust as PEM.

    Args:
        roots: files with certificates; None for the root of the stored identity, if there is one.

    Raises:
        UserError: if a file holds no certificate.
    """
    paths = _own_root() if roots is None else roots
    certificates = []
    for path in paths:
        try:
            certificates += x509.load_pem_x509_certificates(_read(path))
        except UNREADABLE as error:
            raise UserError(f"{path}: must be a certificate in PEM ({error})") from error
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def _own_root() -> list[Path]:
    """Return the root file of the stored identity, if there is one."""
    with suppress(UserError):  # raised if the user has no home folder
        if (own := folder() / ROOT).exists():
            return [own]
    return []


def _check(identity: Identity, paths: dict[str, Path]) -> None:
    """Raise UserError if the identity cannot sign, or C2PA readers would reject its signatures."""
    where = paths["certificate"]
    try:
        certificate, *intermediates = x509.load_pem_x509_certificates(identity.chain)
        extensions = {extension.oid: extension.value for extension in certificate.extensions}
    except UNREADABLE as error:
        raise UserError(f"{where}: must be a certificate in PEM ({error})") from error
    try:
        (root,) = x509.load_pem_x509_certificates(identity.root)
    except UNREADABLE as error:
        raise UserError(f"{paths['root']}: must be one certificate in PEM ({error})") from error
    try:
        key = load_pem_private_key(identity.key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UserError(f"{paths['key']}: must be a key in PEM without a password ({error})") from error
    if key.public_key() != certificate.public_key():
        raise UserError(f"{paths['key']}: is not the key of {where}")
    for one, issuer in zip([certificate, *intermediates], [*intermediates, root], strict=True):
        try:
            one.verify_directly_issued_by(issuer)
        except Exception as error:  # several types: for names, algorithms and signatures
            raise UserError(
                f"{paths['root']}: did not issue {where}, which must hold the signer's and intermediate certificates"
            ) from error
    usage, purposes = extensions.get(ExtensionOID.KEY_USAGE), extensions.get(ExtensionOID.EXTENDED_KEY_USAGE)
    constraints = extensions.get(ExtensionOID.BASIC_CONSTRAINTS)
    if (isinstance(constraints, x509.BasicConstraints) and constraints.ca) or certificate.issuer == certificate.subject:
        raise UserError(f"{where}: is the certificate of an authority, which must not sign files itself")
    if not isinstance(usage, x509.KeyUsage) or not usage.digital_signature:
        raise UserError(f"{where}: lacks the key usage digitalSignature")
    if not isinstance(purposes, x509.ExtendedKeyUsage) or not PURPOSES & set(purposes):
        raise UserError(f"{where}: is not for e-mail protection or document signing, as C2PA requires")
    if ExtensionOID.AUTHORITY_KEY_IDENTIFIER not in extensions or not _name(certificate, NameOID.ORGANIZATION_NAME):
        raise UserError(f"{where}: lacks an authority key identifier or an organization, which C2PA requires")
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise UserError(
            f"{where}: valid from {certificate.not_valid_before_utc:%Y-%m-%d} to "
            f"{certificate.not_valid_after_utc:%Y-%m-%d}: move the folder away and make a new identity"
        )


def _store(identity: Identity, more_files: dict[str, bytes]) -> None:
    """Write all files or none, readable only by their owner; raise UserError if the folder is not empty."""
    place = folder()
    if checkout := next((parent for parent in (place, *place.parents) if (parent / ".git").exists()), None):
        raise UserError(
            f"{place}: is inside the checkout {checkout}, where keys may be published by accident: set GAN_IDENTITY_DIR"
        )
    files = {CHAIN: identity.chain, KEY: identity.key, ROOT: identity.root} | more_files
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))  # mode 0700
    except OSError as error:
        raise UserError(f"{place}: cannot be created ({error.strerror}): set GAN_IDENTITY_DIR") from error
    linked: list[Path] = []
    try:
        for name, content in files.items():
            with os.fdopen(os.open(unfinished / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if _holds_only_folders(place):  # such as that of accounts
            for name in files:
                os.link(unfinished / name, place / name)  # fails if the file exists
                linked.append(place / name)
            place.chmod(0o700)
            shutil.rmtree(unfinished)
        else:
            unfinished.rename(place)  # fails if the folder exists and is not empty
    except OSError as error:
        shutil.rmtree(unfinished)
        for path in linked:
            path.unlink()
        if place.is_dir() and any(place.iterdir()):
            raise UserError(f"{place}: is not empty: set GAN_IDENTITY_DIR") from error
        raise UserError(f"{place}: cannot be written ({error.strerror})") from error


def _holds_only_folders(place: Path) -> bool:
    """Return True if a folder exists, is not empty, and holds folders only."""
    content = list(place.iterdir()) if place.is_dir() else []
    return bool(content) and all(one.is_dir() for one in content)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, years: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # for verifiers whose clock is slow
        .not_valid_after(now + timedelta(days=365.25 * years))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(name: str, organization: str) -> x509.Name:
    attributes = {NameOID.ORGANIZATION_NAME: organization, NameOID.COMMON_NAME: name}
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes.items()])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate_names(certificate: x509.Certificate) -> str:
    """Return the common name and the organization of the subject, separated by a comma."""
    return ", ".join(
        filter(None, (_name(certificate, oid) for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)))
    )


def _name(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    return next((str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)), "")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
