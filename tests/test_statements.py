"""Signed statements about checkpoints, sets of samples and contributions, through the commands."""

import base64
import functools
import hashlib
import itertools
import json
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from PIL import Image

from gan_lightning.commands import statement as gan_statement
from gan_lightning.provenance import envelope, identity, statements
from gan_lightning.provenance.contents import Contents
from gan_lightning.provenance.signing import sign_files
from gan_lightning.provenance.statement_reader import StatementReader
from gan_lightning.runs.checkpoints import load
from tests.conftest import FAST
from tests.test_credentials import signed  # noqa: F401
from tests.test_identity import FILES, issued, self_signed
from tests.test_verify import verify  # noqa: F401

CHECKPOINT = Path("run/checkpoints/last.ckpt")
ABOUT_IT = Path("run/checkpoints/last.ckpt.intoto.json")
ABOUT_SAMPLES = Path("signed/samples.intoto.json")


@pytest.fixture
def state(signed, called):  # noqa: F811
    """Return a function that runs gan-statement, as state("checkpoint", "run")."""
    return functools.partial(called, gan_statement.main)


def content(path):
    """Return the payload of a statement."""
    return json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_statement_about_a_checkpoint(state, verify):  # noqa: F811
    assert state("checkpoint", "run") == (0, str(ABOUT_IT))
    said = content(ABOUT_IT)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"] == [{"name": "last.ckpt", "digest": {"sha256": sha256(CHECKPOINT)}}]
    manifest, predicate = json.loads(Path("run/manifest.json").read_text()), said["predicate"]
    assert predicate["config"] == load("run").config
    assert (predicate["iteration"], predicate["metrics"]["iteration"]) == (2, 2)
    assert predicate["code"]["git"] == manifest["git"]
    assert predicate["data"]["sha256"] == manifest["data"]["sha256"]
    assert predicate["data"]["licence"] == "CC-BY-4.0"
    for path in (CHECKPOINT, ABOUT_IT):
        assert verify(path) == (0, f"{path}: trusted: urn:gan-lightning:checkpoint:v1 by Jane Doe, Example")


def test_openssl_agrees(state, tmp_path):
    """OpenSSL verifies the signature over an independent implementation of the DSSE encoding."""
    state("checkpoint", "run")
    said = json.loads(ABOUT_IT.read_text())
    payload, kind = base64.b64decode(said["payload"]), said["payloadType"].encode()
    (signature,) = said["signatures"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(signature["certificate"]))
    key = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed_bytes = b"DSSEv1 " + b" ".join([str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    files = {"key.pub": key, "signature": base64.b64decode(signature["sig"]), "payload": signed_bytes}
    for name, part in files.items():
        (tmp_path / name).write_bytes(part)
    check = ["openssl", "dgst", "-sha256", "-verify", "key.pub", "-signature", "signature", "payload"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).stdout == b"Verified OK\n"


def test_encoding_matches_the_example_of_dsse():
    """https://github.com/secure-systems-lab/dsse/blob/master/protocol.md"""
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert envelope.pre_authentication_encoding("http://example.com/HelloWorld", b"hello world") == expected


def test_training_signs_its_checkpoint(run, signed, verify, caplog):  # noqa: F811
    result = run("train", *FAST, "max_iterations=2", "provenance=true", "hydra.run.dir=other")
    path = Path("other/checkpoints/last.ckpt.intoto.json")
    assert (result.code, f"statement   {path}" in result.out + result.err + caplog.text) == (0, True)
    assert verify(path)[0] == 0
    assert content(path)["predicate"]["config"]["provenance"] is True
    (Path("other/checkpoints/last.ckpt")).write_bytes(b"another one")
    assert ": tampered: last.ckpt beside it differs from what was signed" in verify("other/checkpoints/last.ckpt")[1]


def test_full_disk_when_training_ends(run, signed, tmp_path, monkeypatch):  # noqa: F811
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(statements, "write_json", full)
    result = run("train", *FAST, "max_iterations=2", "provenance=true", "hydra.run.dir=other")
    expected = (
        "provenance=true: No space left on device: the run has finished and is saved; correct this, then gan-statement"
    )
    assert (result.code, expected in result.err.splitlines()[-1]) == (2, True)
    assert Path("other/metrics.json").exists()


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("identity", 'no identity in {}: gan-identity init --name "…" --organization "…"'),
        ("extra", "provenance=true: needs an extra: pip install 'gan-lightning[provenance]'"),
    ],
)
def test_run_without_an_identity_does_not_start(run, tmp_path, monkeypatch, missing, expected):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "nobody"))
    if missing == "extra":
        monkeypatch.setitem(sys.modules, "gan_lightning.provenance.identity", None)
    result = run("train", *FAST, "max_iterations=2", "provenance=true")
    assert (result.code, result.err) == (2, f"error: {expected.format(tmp_path / 'nobody')}\n")
    assert not list(tmp_path.rglob("*.ckpt"))


def test_statement_about_samples(signed, verify):  # noqa: F811
    said = content(ABOUT_SAMPLES)["predicate"]
    assert said["generator"] == {"name": "last.ckpt", "digest": {"sha256": sha256(CHECKPOINT)}}
    assert (said["count"], said["indices"], said["seed"]) == (9, [0, 8], "9223372036854775807")
    assert said["source"]["name"].startswith("Optical Recognition of Handwritten Digits")
    trusted = (0, f"{ABOUT_SAMPLES}: trusted: urn:gan-lightning:samples:v1 by Jane Doe, Example")
    assert verify(ABOUT_SAMPLES) == trusted
    for path in Path("signed").glob("*.png"):  # saving them again keeps their content
        with Image.open(path) as picture:
            plain = picture.copy()
        plain.save(path)
    assert verify(ABOUT_SAMPLES) == trusted
    first, second = (Path(f"signed/00000{i}.png") for i in (0, 1))
    changed = f"{ABOUT_SAMPLES}: tampered: *.png beside it differs from what was signed"
    kept = first.read_bytes()
    for damage in (second.read_bytes(), b"no picture", None):
        first.unlink() if damage is None else first.write_bytes(damage)
        code, said = verify(ABOUT_SAMPLES)
        assert (code, said.startswith(f"{ABOUT_SAMPLES}: tampered: ")) == (1, True)
    assert said == changed
    first.write_bytes(kept)
    assert verify(ABOUT_SAMPLES) == trusted


def test_statement_about_contributions(state, verify):  # noqa: F811
    given = Path("given")
    given.mkdir()
    (given / "a.txt").write_text("a")
    for arguments, contribution in {
        ("--data", "given/a.txt"): {"data": {"name": "a.txt", "digest": {"sha256": sha256(given / "a.txt")}}},
        ("--compute", "3 hours of 2 cores"): {"compute": "3 hours of 2 cores"},
    }.items():
        code, said = state("contribution", "run", *arguments)
        assert code == 0, said
        assert verify(said)[0] == 0
        assert content(Path(said))["predicate"]["contribution"] == contribution
        assert content(Path(said))["predicate"]["contributor"] == "Jane Doe, Example"
    assert len(list(CHECKPOINT.parent.glob("*.intoto.json"))) == 2
    _, folder = state("contribution", "run", "--data", "given")
    (given / "a.txt").rename(given / "b.txt")
    _, renamed = state("contribution", "run", "--data", "given")
    digests = [content(Path(path))["predicate"]["contribution"]["data"]["digest"] for path in (folder, renamed)]
    assert digests[0] != digests[1]


def test_subject_must_be_beside_the_statement(state, verify, tmp_path):  # noqa: F811
    state("checkpoint", "run")
    alone = tmp_path / "alone.intoto.json"
    alone.write_bytes(ABOUT_IT.read_bytes())
    assert verify(alone) == (1, f"{alone}: unknown: last.ckpt, which it is about, is not beside it")
    with CHECKPOINT.open("ab") as file:
        file.write(b"more")
    for path in (CHECKPOINT, ABOUT_IT):
        assert verify(path) == (1, f"{path}: tampered: last.ckpt beside it differs from what was signed")


def resigned(change, one, path=ABOUT_IT):
    """Change the payload of the statement and sign it again."""
    said = content(path)
    change(said)
    payload = json.dumps(said).encode()
    path.write_text(json.dumps(envelope.seal(one, statements.PAYLOAD_TYPE, payload)))


def test_forger_with_the_same_names_is_unknown(state, verify, tmp_path, monkeypatch):  # noqa: F811
    state("checkpoint", "run")
    with monkeypatch.context() as context:
        context.setenv("GAN_IDENTITY_DIR", str(tmp_path / "forger"))
        forger = identity.create("Jane Doe", "Example")
    resigned(lambda said: said["predicate"].update(metrics={"fcd": 0.0}), forger)
    code, said = verify(ABOUT_IT)
    expected = f"{ABOUT_IT}: valid but unknown signer: urn:gan-lightning:checkpoint:v1 by Jane Doe, Example: "
    assert (code, said.startswith(expected)) == (1, True)
    # With the certificate of Jane Doe, but the key of the forger.
    mixed = identity.Identity(identity.load().chain, forger.key, forger.root)
    resigned(lambda said: None, mixed)
    assert verify(ABOUT_IT) == (1, f"{ABOUT_IT}: tampered: its signature does not match its content")


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [
        ({}, ": trusted: "),
        ({"between_purposes": [ExtendedKeyUsageOID.EMAIL_PROTECTION]}, ": trusted: "),
        ({"between_issues": False}, "leads to no trusted root"),
        ({"between_ca": False}, "leads to no trusted root"),
        ({"purposes": [ExtendedKeyUsageOID.CODE_SIGNING]}, "not for e-mail protection or document signing"),
        ({"purposes": []}, "leads to no trusted root"),
        ({"usage": False}, "leads to no trusted root"),
        ({"issues": True}, "not for digital signatures"),
        ({"ca": True}, "leads to no trusted root"),
        ({"days": -2}, "its certificate expired on 20"),
    ],
    ids=str,
)
def test_certificates_of_an_organization_are_trusted_if_they_fit(state, verify, tmp_path, certificate, expected):  # noqa: F811
    state("checkpoint", "run")
    issued(tmp_path / "issued", **certificate)
    one = identity.Identity(*((tmp_path / "issued" / name).read_bytes() for name in FILES.values()))
    resigned(lambda said: None, one)
    code, said = verify(ABOUT_IT, "--trust-root", tmp_path / "issued" / "ca.pem")
    assert (code, expected in said) == (int(expected != ": trusted: "), True), said
    assert expected == ": trusted: " or ": valid but unknown signer: " in said


def test_other_curves_are_refused(state, verify, tmp_path):  # noqa: F811
    state("checkpoint", "run")
    issued(tmp_path / "issued", key=ec.generate_private_key(ec.SECP384R1()))
    one = identity.Identity(*((tmp_path / "issued" / name).read_bytes() for name in FILES.values()))
    resigned(lambda said: None, one)
    code, said = verify(ABOUT_IT, "--trust-root", tmp_path / "issued" / "ca.pem")
    assert (code, said) == (1, f"{ABOUT_IT}: tampered: not signed by a P-256 key")


def test_large_statement_is_not_read(state, verify):  # noqa: F811
    state("checkpoint", "run")
    with ABOUT_IT.open("ab") as file:
        file.truncate(2**24 + 1)
    assert verify(ABOUT_IT) == (1, f"{ABOUT_IT}: tampered: larger than 16,777,216 bytes")


def test_self_signed_certificate(state, verify, tmp_path):  # noqa: F811
    state("checkpoint", "run")
    resigned(lambda said: None, self_signed())
    code, said = verify(ABOUT_IT)
    assert (code, "valid but unknown signer" in said) == (1, True)


def test_foreign_text_is_one_line(state, verify, tmp_path, monkeypatch):  # noqa: F811
    """A name in a certificate cannot add a line with a verdict to the output."""
    state("checkpoint", "run")
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "forger"))
    forger = identity.create("Jane Doe", "Example")
    resigned(lambda said: said.update(predicateType="x\na.png: trusted: signed by \x1b[2J"), forger)
    code, said = verify(ABOUT_IT, "--trust-root", tmp_path / "identity" / "root.pem")
    assert (code, said.count("\n"), "\x1b" in said) == (1, 0, False)
    assert said.startswith(f"{ABOUT_IT}: valid but unknown signer: x�a.png: trusted")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda said: said["subject"].clear(), "has 0 subjects, not 1 to 64"),
        (
            lambda said: said["subject"][0].update(name="../../secret"),
            "'../../secret', which is not the name of a file",
        ),
        (lambda said: said["subject"][0].update(name=""), "'', which is not the name of a file"),
        (lambda said: said.update(_type="https://in-toto.io/Statement/v0.1"), "not a statement"),
        (lambda said: said.pop("predicate"), "not a statement"),
    ],
)
def test_invalid_statements(state, verify, change, expected):  # noqa: F811
    state("checkpoint", "run")
    resigned(change, identity.load())
    code, said = verify(ABOUT_IT)
    assert (code, ": tampered: " in said, expected in said) == (1, True, True), said


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (
            lambda said: said["subject"][0].update(name="../*.png"),
            "tampered: is about '../*.png', which",
        ),
        (lambda said: said["subject"][0].update(name="**/*"), "tampered: is about '**/*', which is not a pattern"),
        (lambda said: said["subject"][0].update(name="*.jpg"), "unknown: *.jpg, which it is about, is not"),
        (lambda said: said["predicate"].update(modality="Labels"), "tampered: "),
        (lambda said: said["predicate"].update(renderings={"*.png": "Labels"}), "tampered: "),
        (
            lambda said: said["predicate"].update(renderings=["*.png"], modality="Sheet"),
            "unknown: the modality 'Sheet' is unknown: give --trust-code",
        ),
        (lambda said: said["predicate"].pop("modality"), "unknown: the modality 'None' is unknown: give --trust-code"),
    ],
)
def test_invalid_sets(signed, verify, change, verdict):  # noqa: F811
    resigned(change, identity.load(), ABOUT_SAMPLES)
    code, said = verify(ABOUT_SAMPLES)
    assert (code, said.startswith(f"{ABOUT_SAMPLES}: {verdict}")) == (1, True), said


def test_damaged_certificate_gives_no_traceback(state):
    """Each byte of the certificate is changed in three ways."""
    state("checkpoint", "run")
    whole, anchors = json.loads(ABOUT_IT.read_text()), identity.load().root
    certificate = identity.load().certificate
    der = certificate.public_bytes(Encoding.DER)
    for at, flip in itertools.product(range(len(der)), (0x01, 0x40, 0xFF)):
        damaged = bytearray(der)
        damaged[at] ^= flip
        pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(damaged) + b"-----END CERTIFICATE-----\n"
        whole["signatures"][0]["certificate"] = base64.b64encode(pem).decode()
        with suppress(envelope.InvalidDocument):
            # Only a change in the padding of the signature stays trusted.
            if envelope.unseal(whole, statements.PAYLOAD_TYPE, anchors).trusted:
                said = x509.load_der_x509_certificate(bytes(damaged))
                assert said.tbs_certificate_bytes == certificate.tbs_certificate_bytes


def test_no_random_change_is_trusted(state):
    state("checkpoint", "run")
    whole, generator = ABOUT_IT.read_bytes(), random.Random(0)
    reader = StatementReader(identity.load().root, Contents())
    assert reader.verify(ABOUT_IT).verdict == "trusted"
    meant = json.loads(whole)
    del meant["signatures"][0]["keyid"]  # a hint that is not verified
    for _ in range(500):
        damaged = bytearray(whole)
        at = generator.randrange(len(whole))
        if generator.random() < 0.5:
            damaged[at] ^= 1 << generator.randrange(8)
        else:
            del damaged[at : at + generator.randrange(1, 50)]
        ABOUT_IT.write_bytes(damaged)
        found = reader.verify(ABOUT_IT)
        if found.verdict == "trusted":  # the change is in white space, the hint, or the armour of a certificate
            said = json.loads(damaged)
            said["signatures"][0].pop("keyid", None)
            assert base64.b64decode(said["payload"]) == base64.b64decode(meant["payload"]), found.reason


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["checkpoint", "nowhere"], "checkpoint=nowhere: nowhere does not exist"),
        (["contribution", "run"], "one of the arguments --data --compute is required"),
        (["contribution", "run", "--data", "nowhere"], "--data nowhere: no such file, or an empty folder"),
        (["contribution", "run", "--data", "a", "--compute", "b"], "not allowed with argument --data"),
        (["sell", "run"], "invalid choice: 'sell'"),
    ],
)
def test_bad_input(state, arguments, expected):
    code, said = state(*arguments)
    assert (code, said.count("\n"), said.startswith("error: "), expected in said) == (2, 0, True, True), said


@pytest.mark.parametrize("damage", ["{", "[]", None])
def test_run_without_manifest_or_metrics(state, damage):
    path = Path("run/manifest.json")
    path.unlink() if damage is None else path.write_text(damage)
    code, said = state("checkpoint", "run")
    assert (code, said) == (2, "error: run/manifest.json: cannot be read: give the folder of a run that has ended")
    assert not ABOUT_IT.exists()


def test_missing_extra_is_named(state, monkeypatch):
    monkeypatch.setitem(sys.modules, "gan_lightning.provenance.statements", None)
    expected = "error: gan-statement: needs an extra: pip install 'gan-lightning[provenance]'"
    assert state("checkpoint", "run") == (2, expected)


def test_statement_about_another_file(state, verify):  # noqa: F811
    """A trusted statement that is renamed to lie beside another file proves nothing about it."""
    state("checkpoint", "run")
    evil = CHECKPOINT.with_name("evil.ckpt")
    evil.write_bytes(b"evil")
    evil.with_name("evil.ckpt.intoto.json").write_bytes(ABOUT_IT.read_bytes())
    said = "evil.ckpt.intoto.json beside it is about another file"
    assert verify(evil) == (1, f"{evil}: unknown: {said}")
    assert verify(CHECKPOINT)[0] == 0


@pytest.mark.parametrize("content", ["", "{}", "[]", "no JSON", '{"payloadType": "text/plain", "signatures": []}'])
def test_unrecognized_file_is_not_tampered(state, verify, content):  # noqa: F811
    ABOUT_IT.write_text(content)
    code, said = verify(CHECKPOINT)
    assert (code, said.startswith(f"{CHECKPOINT}: unknown: not an envelope")) == (1, True), said


def test_checkpoint_replaced_while_it_is_signed(state, tmp_path):
    """The statement names the digest of the checkpoint that was read."""
    trained = load("run")
    before = sha256(CHECKPOINT)
    CHECKPOINT.write_bytes(b"a later one")
    path = tmp_path / "signed" / "000000.png"
    how = {"n": 1, "seed": 0, "weights": "ema", "condition": "7"}
    (record,) = sign_files([path], trained.data.modality, identity.load(), trained, **how)
    assert record.checkpoint == before
