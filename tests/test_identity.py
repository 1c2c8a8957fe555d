"""Identities: certificates that the C2PA reader accepts, protected keys, and rejected input."""

import functools
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from gan_lightning.commands import identity as gan_identity
from gan_lightning.errors import UserError
from gan_lightning.provenance import identity

INIT = ["init", "--name", "Jane O'Brien-Müller", "--organization", "Example & Söhne"]


@pytest.fixture
def command(tmp_path, monkeypatch, called):
    """Return a function that runs gan-identity, as command("init", …)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    return functools.partial(called, gan_identity.main)


def read(picture, root):
    """Return the validation of a signed image by the C2PA reader."""
    settings = {"verify": {"remote_manifest_fetch": False}, "trust": {"user_anchors": root.decode()}}
    with (
        c2pa.Context.from_dict(settings) as context,
        c2pa.Reader("image/png", picture.open("rb"), context=context) as it,
    ):
        return it.get_validation_state()


def sign(one, source, target):
    manifest = {
        "claim_generator_info": [{"name": "test", "version": "1"}],
        "assertions": [
            {
                "label": "c2pa.actions",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
                        }
                    ]
                },
            }
        ],
    }
    info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=one.chain, private_key=one.key, ta_url=None)
    with c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}}) as context:
        builder = c2pa.Builder(json.dumps(manifest), context)
        with source.open("rb") as file, target.open("w+b") as signed:
            builder.sign(c2pa.Signer.from_info(info), "image/png", file, signed)


def test_c2pa_reader_trusts_the_identity_by_its_root(command, tmp_path, monkeypatch):
    assert command(*INIT)[0] == 0
    own = identity.load()
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "forger"))
    assert command(*INIT)[0] == 0
    forger = identity.load()
    Image.new("L", (28, 28)).save(tmp_path / "plain.png")
    for name, one in {"own.png": own, "forged.png": forger}.items():
        sign(one, tmp_path / "plain.png", tmp_path / name)
    assert read(tmp_path / "own.png", own.root) == "Trusted"
    assert read(tmp_path / "forged.png", own.root) == "Valid"


def test_keys_are_private_and_never_overwritten(command, tmp_path):
    code, said = command(*INIT)
    assert (code, said.startswith("Jane O'Brien-Müller, Example & Söhne, until ")) == (0, True)
    files = {path.name: path.read_bytes() for path in (tmp_path / "identity").iterdir()}
    assert sorted(files) == ["chain.pem", "key.pem", "root.pem", "root_key.pem"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "identity").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "identity").stat().st_mode) == 0o700
    code, said = command(*INIT)
    assert (code, "is not empty: set GAN_IDENTITY_DIR" in said) == (2, True)
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "identity").iterdir()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["identity"]


def test_certificates_follow_the_profile(command):
    command(*INIT)
    own = identity.load()
    (root,) = x509.load_pem_x509_certificates(own.root)
    for one, years, ca, path_length in ((own.certificate, 10, False, None), (root, 20, True, 0)):
        duration = one.not_valid_after_utc - one.not_valid_before_utc
        assert duration / timedelta(days=365.25) == pytest.approx(years, abs=0.01)
        constraints = one.extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints == x509.Extension(constraints.oid, True, x509.BasicConstraints(ca, path_length))
        usage = one.extensions.get_extension_for_class(x509.KeyUsage)
        assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (True, ca, not ca)


def test_export(command, tmp_path):
    command(*INIT)
    assert command("export", "--output", "trust.pem")[0] == 0
    assert (tmp_path / "trust.pem").read_bytes() == (tmp_path / "identity" / "root.pem").read_bytes()
    assert b"PRIVATE" not in (tmp_path / "trust.pem").read_bytes()
    code, said = command("export", "--output", "trust.pem")
    assert (code, "exists already" in said) == (2, True)


def test_openssl_agrees(command, tmp_path):
    command(*INIT)
    files = [str(tmp_path / "identity" / name) for name in ("root.pem", "chain.pem")]
    check = ["openssl", "verify", "-x509_strict", "-purpose", "smimesign", "-CAfile", *files]
    assert subprocess.run(check, capture_output=True, check=True).stdout.endswith(b": OK\n")


def issued(folder, key=None, password=None, **changed):
    """Write a certificate of an organization with an intermediate authority; return its files."""
    folder.mkdir()
    wanted = {
        "ca": False, "usage": True, "issues": False, "purposes": [ExtendedKeyUsageOID.EMAIL_PROTECTION],
        "authority": True, "organization": "Example", "days": 30,
        "between_ca": True, "between_issues": True, "between_purposes": [],
    } | changed  # fmt: skip
    now = datetime.now(UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    keys[2] = key or keys[2]
    certificates = []
    for i, (name, own) in enumerate(zip(("root", "between", "leaf"), keys, strict=True)):
        last = i == 2
        issuer = certificates[-1].subject if certificates else None
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        parts += (
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, wanted["organization"])] if wanted["organization"] else []
        )
        end = now + timedelta(days=wanted["days"] if last else 4000)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(parts))
            .issuer_name(issuer or x509.Name(parts))
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, end) - timedelta(days=1))
            .not_valid_after(end)
            .add_extension(
                x509.BasicConstraints(ca=wanted["ca" if last else "between_ca"] if i else True, path_length=None),
                critical=True,
            )
        )
        if i and (wanted["authority"] or not last):
            authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[i - 1].public_key())
            builder = builder.add_extension(authority, critical=False)
        if wanted["usage"] or not last:
            issues = (True, wanted["between_issues"], wanted["issues"])[i]
            builder = builder.add_extension(identity._usage(signs_certificates=issues), critical=True)
        if i and (purposes := wanted["purposes" if last else "between_purposes"]):
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        certificates.append(builder.sign(keys[max(i - 1, 0)], hashes.SHA256()))
    root, between, leaf = (one.public_bytes(Encoding.PEM) for one in certificates)
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    private = keys[2].private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encryption)
    for name, content in {"chain.pem": leaf + between, "key.pem": private, "ca.pem": root}.items():
        (folder / name).write_bytes(content)
    return ["adopt", *(f"--{option}={folder / name}" for option, name in FILES.items())]


FILES = {"certificate": "chain.pem", "key": "key.pem", "root": "ca.pem"}


def test_certificate_of_an_organization(command, tmp_path):
    code, said = command(*issued(tmp_path / "issued"))
    assert code == 0, said
    Image.new("L", (28, 28)).save(tmp_path / "plain.png")
    sign(identity.load(), tmp_path / "plain.png", tmp_path / "signed.png")
    assert read(tmp_path / "signed.png", identity.load().root) == "Trusted"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"ca": True}, "is the certificate of an authority"),
        ({"usage": False}, "lacks the key usage digitalSignature"),
        ({"issues": True}, "lacks the key usage digitalSignature"),
        ({"purposes": []}, "not for e-mail protection or document signing"),
        ({"purposes": [ExtendedKeyUsageOID.CODE_SIGNING]}, "not for e-mail protection or document signing"),
        ({"purposes": [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]}, "not for e-mail protection or document signing"),
        ({"authority": False}, "lacks an authority key identifier or an organization"),
        ({"organization": ""}, "lacks an authority key identifier or an organization"),
        ({"days": -2}, "valid from"),
        ({"key": ec.generate_private_key(ec.SECP384R1())}, "must be an elliptic curve key, P-256"),
        ({"key": rsa.generate_private_key(65537, 2048)}, "must be an elliptic curve key, P-256"),
        ({"password": b"secret"}, "must be a key in PEM without a password"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_certificates_that_cannot_sign(command, tmp_path, changed, expected):
    code, said = command(*issued(tmp_path / "issued", **changed))
    assert (code, said.count("\n")) == (2, 0), said
    assert expected in said
    assert not (tmp_path / "identity").exists()


@pytest.mark.parametrize(
    "changed", [{"purposes": [ExtendedKeyUsageOID.CODE_SIGNING]}, {"authority": False}, {"days": -2}]
)
def test_c2pa_refuses_them_too(tmp_path, changed):
    issued(tmp_path / "issued", **changed)
    one = identity.Identity(*((tmp_path / "issued" / name).read_bytes() for name in FILES.values()))
    Image.new("L", (28, 28)).save(tmp_path / "plain.png")
    with pytest.raises(c2pa.C2paError):
        sign(one, tmp_path / "plain.png", tmp_path / "signed.png")


def test_files_that_do_not_match(command, tmp_path):
    good, other = issued(tmp_path / "good"), issued(tmp_path / "other")
    (tmp_path / "text").write_text("no certificate")
    for i, expected in [(1, "is not the key of"), (2, "is not the key of"), (3, "did not issue")]:
        code, said = command(*good[:i], other[i], *good[i + 1 :])
        assert (code, said.count("\n"), expected in said) == (2, 0, True), said
    for i in (1, 2, 3):
        for name, expected in [("text", "must be "), ("nowhere", "cannot be read (No such file")]:
            bad = f"{good[i].partition('=')[0]}={tmp_path / name}"
            code, said = command(*good[:i], bad, *good[i + 1 :])
            assert (code, said.count("\n"), expected in said) == (2, 0, True), said
    assert not (tmp_path / "identity").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "the following arguments are required: init|adopt|export"),
        (["init"], "the following arguments are required: --name, --organization"),
        (["init", "--name", "x"], "the following arguments are required: --organization"),
        (
            ["init", "--name", "x", "--organization", "y", "--org=y"],
            "unrecognized arguments: --org=y",
        ),
        (["init", "--name", "x", "--organization", "y", "Jane"], "unrecognized arguments: Jane"),
        (["init", "--name", "x", "--org", "y"], "the following arguments are required: --organization"),
        (["init", "--name", " ", "--organization", "y"], "--name ' ': must be 1 to 64 printable characters"),
        (["init", "--name", "x", "--organization", "y" * 65], "--organization 'yyy"),
        (["init", "--name", "a\nb", "--organization", "y"], r"--name 'a\nb': must be"),
        (["adopt", "--key", "key.pem"], "the following arguments are required: --certificate, --root"),
        (["export"], "the following arguments are required: --output"),
        (["export", "--output", "root.pem"], 'gan-identity init --name "…" --organization "…"'),
        (["remove"], "init|adopt|export: invalid choice: 'remove'"),
    ],
)
def test_bad_input(command, tmp_path, arguments, expected):
    code, said = command(*arguments)
    assert (code, said.count("\n"), said.startswith("error: "), expected in said) == (2, 0, True, True), said
    assert not list(tmp_path.iterdir())


def test_key_that_others_can_read(command, tmp_path):
    command(*INIT)
    (tmp_path / "identity" / "key.pem").chmod(0o640)
    code, said = command("export", "--output", "root.pem")
    assert (code, "key.pem: others can read it: chmod 600 " in said) == (2, True)


def test_missing_or_damaged_files(command, tmp_path):
    command(*INIT)
    for name in ("chain.pem", "key.pem", "root.pem"):
        path = tmp_path / "identity" / name
        content = path.read_bytes()
        path.write_bytes(content[:100])
        code, said = command("export", "--output", "root.pem")
        assert (code, said.count("\n"), "in PEM" in said) == (2, 0, True), said
        path.unlink()
        code, said = command("export", "--output", "root.pem")
        assert (code, said.count("\n"), f"{name}: cannot be read" in said) == (2, 0, True), said
        path.write_bytes(content)
        path.chmod(0o600)
    assert command("export", "--output", "root.pem")[0] == 0


def test_keys_are_not_stored_in_a_checkout(command, tmp_path):
    (tmp_path / ".git").mkdir()
    code, said = command(*INIT)
    assert (code, "where keys may be published by accident: set GAN_IDENTITY_DIR" in said) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == [".git"]


def test_folder_of_the_identity(monkeypatch, tmp_path):
    monkeypatch.delenv("GAN_IDENTITY_DIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert identity.folder() == tmp_path / "gan-lightning"
    with pytest.raises(UserError, match="no identity in"):
        identity.load()


def test_folder_that_cannot_be_created(command, monkeypatch):
    monkeypatch.setenv("GAN_IDENTITY_DIR", "/proc/nowhere/identity")
    code, said = command(*INIT)
    assert (code, "cannot be created" in said) == (2, True)


def test_missing_extra_is_named(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "gan_lightning.provenance.identity", None)
    code, said = command(*INIT)
    assert (code, said) == (2, "error: gan-identity: needs an extra: pip install 'gan-lightning[provenance]'")


def test_two_processes_create_one_identity(command, tmp_path):
    """Start two processes at once: one fails, and finds the complete identity of the other."""
    code = "from gan_lightning.commands.identity import main; main()"
    start = [sys.executable, "-c", code, *INIT]
    both = [subprocess.Popen(start, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    assert sorted(one.wait() for one in both) == [0, 2]
    assert command("export", "--output", "root.pem")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["identity", "root.pem"]


def test_identity_is_made_beside_accounts(command, tmp_path):
    """Accounts of a chain lie in a folder of the identity, and may be there first."""
    accounts = tmp_path / "identity" / "accounts"
    accounts.mkdir(parents=True)
    (accounts / "alice.json").write_text("{}")
    assert command(*INIT)[0] == 0
    assert (accounts / "alice.json").exists()
    assert stat.S_IMODE((tmp_path / "identity").stat().st_mode) == 0o700
    before = identity.load()
    assert command(*INIT)[0] == 2
    assert identity.load() == before


def test_identity_is_not_made_beside_other_files(command, tmp_path):
    folder = tmp_path / "identity"
    (folder / "accounts").mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    code, said = command(*INIT)
    assert (code, "is not empty: set GAN_IDENTITY_DIR" in said) == (2, True)
    assert sorted(path.name for path in folder.iterdir()) == ["accounts", "notes.txt"]


def test_longest_names(command):
    code, said = command("init", "--name", "J" * 64, "--organization", "E" * 64)
    assert (code, said.startswith(f"{'J' * 64}, {'E' * 64}, until ")) == (0, True)
    (root,) = x509.load_pem_x509_certificates(identity.load().root)
    assert identity.certificate_names(root) == f"{'J' * 57} (root), {'E' * 64}"


def self_signed():
    """Return an identity whose certificate its own key has signed."""
    key, name = ec.generate_private_key(ec.SECP256R1()), identity._subject("Jane Doe", "Example")
    certificate = (
        identity._builder(name, name, key, datetime.now(UTC) - timedelta(days=1), 1)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(identity._usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    return identity.Identity(pem, identity._pem(key), pem)


def test_self_signed_certificate_is_not_adopted(command, tmp_path):
    one, pem = self_signed(), tmp_path / "own.pem"
    pem.write_bytes(one.chain)
    (tmp_path / "own_key.pem").write_bytes(one.key)
    code, said = command("adopt", f"--certificate={pem}", f"--key={tmp_path / 'own_key.pem'}", f"--root={pem}")
    assert (code, said.count("\n"), "is the certificate of an authority" in said) == (2, 0, True), said
