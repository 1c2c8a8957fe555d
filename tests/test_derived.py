"""Provenance of images that were made from other images: their sources are ingredients of their manifests."""

import functools
import json
import random
from pathlib import Path

import c2pa
import numpy as np
import pytest
from PIL import Image

from gan_lightning.commands import ledger as gan_ledger
from gan_lightning.commands import verify as gan_verify
from gan_lightning.errors import UserError
from gan_lightning.files import file_digest
from gan_lightning.modalities.image import Images
from gan_lightning.provenance import credentials, credentials_reader, identity, signing_derived
from gan_lightning.provenance.credentials_reader import _verdict
from gan_lightning.provenance.derivations import Derivation, Model, Source, parse_derivation, parse_line
from gan_lightning.provenance.ledger import RECORDS, append_records
from gan_lightning.provenance.records import canonical_json
from gan_lightning.provenance.signing_derived import sign_derived
from gan_lightning.provenance.statements import statement_path
from gan_lightning.provenance.verdicts import Verdict
from gan_lightning.provenance.verify import NOT_SIGNED, Verifier

MODEL = Model("last.ckpt", "ab" * 32, "cd" * 32)
SETTINGS = {"blend": 0.5, "ensemble": True, "seed": 3, "style": None, "weights": "ema"}
PLAIN = "no credentials of its own"


@pytest.fixture(autouse=True)
def me(tmp_path, monkeypatch):
    """Create an identity, and return it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    return identity.create("Jane Doe", "Example")


@pytest.fixture
def other(tmp_path, monkeypatch):
    """Return the identity of somebody else."""
    with monkeypatch.context() as patch:
        patch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "other"))
        return identity.create("Richard Roe", "Elsewhere")


@pytest.fixture
def verify(called):
    """Return a function that runs gan-verify, as verify("a.png")."""
    return functools.partial(called, gan_verify.main)


def write(name, seed=0, size=16, mode="RGB", **options):
    """Write an image of random pixels, and return its path."""
    shape = (size, size, len(mode)) if len(mode) > 1 else (size, size)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(name, **options)
    return Path(name)


def sign(path, *sources, by=None, **values):
    """Sign a file as made from sources: the first is the parent, the others are inputs."""
    roles = [(one, "inputTo" if i else "parentOf") for i, one in enumerate(sources)]
    values = {"method": "super-resolution", "model": MODEL, "settings": SETTINGS} | values
    return sign_derived(Path(path), roles, by or identity.load(), **values)


def ingredient(path, role="parentOf", credentials=PLAIN):
    """Return an ingredient as gan-verify shows it."""
    return f"{path.name} ({role}, SHA-256 {file_digest(path)}{f', {credentials}' if credentials else ''})"


def read(path):
    """Return the validation state and the active manifest by the C2PA reader."""
    settings = {"trust": {"user_anchors": identity.load().root.decode()}, "verify": {"remote_manifest_fetch": False}}
    with c2pa.Reader(str(path), context=c2pa.Context.from_dict(settings)) as reader:
        return reader.get_validation_state(), reader.get_active_manifest()


def test_json_to_hash_is_the_same_for_equal_values():
    assert canonical_json({"b": [1, 0.5], "a": "é"}) == '{"a":"é","b":[1,0.5]}'


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tif"])
def test_manifest_lists_the_sources(verify, kind):
    photo, style, output = write("photo.jpg"), write("style.webp", 1), write(f"output.{kind}", 2, 32)
    pixels = np.array(Image.open(output))
    derivation = sign(output, photo, style)
    assert np.array_equal(np.array(Image.open(output)), pixels)
    assert derivation.content == Images.digest(output)
    state, manifest = read(output)
    assert state == "Trusted"
    model, parent, further = manifest["ingredients"]
    assert (model["title"], model["relationship"], model["instance_id"]) == (
        "last.ckpt",
        "inputTo",
        f"sha256:{MODEL.digest}",
    )
    assert (parent["title"], parent["relationship"], parent["format"]) == ("photo.jpg", "parentOf", "image/jpeg")
    assert parent["instance_id"] == f"sha256:{file_digest(photo)}"
    assert (further["title"], further["relationship"], further["format"]) == ("style.webp", "inputTo", "image/webp")
    actions, held = (one["data"] for one in manifest["assertions"])
    opened, edited = actions["actions"]
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    assert edited["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert edited["description"] == "super-resolution"
    assert [one["url"].rpartition("/")[2] for one in opened["parameters"]["ingredients"]] == [parent["label"]]
    inputs = [one["url"].rpartition("/")[2] for one in edited["parameters"]["ingredients"]]
    assert inputs == [model["label"], further["label"]]
    assert parse_derivation(held["json"]) == derivation
    line = f"{output}: trusted: signed by Jane Doe, Example\n    made from "
    assert verify(output) == (0, f"{line}{ingredient(photo)}; {ingredient(style, 'inputTo')}")


def test_json_output_holds_the_derivation(verify):
    photo, output = write("photo.png"), write("output.png", 1)
    sign(output, photo)
    (found,) = json.loads(verify(output, "--json")[1])
    assert found["derivation"]["settings"] == SETTINGS
    assert found["derivation"]["sources"] == [{"name": "photo.png", "role": "parentOf", "digest": file_digest(photo)}]
    assert found["ingredients"][0] == {
        "name": "photo.png",
        "role": "parentOf",
        "digest": file_digest(photo),
        "credentials": PLAIN,
    }
    assert found["record"] is None


def test_sources_with_credentials_form_a_chain(verify, other):
    photo, enlarged, stylized = write("photo.jpg"), write("enlarged.png", 1), write("stylized.webp", 2)
    style = write("style.jpg", 3)
    sign(enlarged, photo)
    sign(style, photo, by=other)
    sign(stylized, enlarged, style)
    said = verify(stylized)[1].splitlines()[1]
    assert ingredient(enlarged, credentials="its own credentials hold: signed by Jane Doe, Example") in said
    unknown = "its own credentials are valid, but by an unknown signer: Richard Roe, Elsewhere"
    assert ingredient(style, "inputTo", unknown) in said
    with c2pa.Reader(str(stylized)) as reader:
        manifests = json.loads(reader.json())["manifests"]
    assert len(manifests) == 3
    assert [one["ingredients"][1]["title"] for one in manifests.values()].count("photo.jpg") == 2
    Path("both.pem").write_bytes(identity.load().root + other.root)
    said = verify(stylized, "--trust-root", "both.pem")
    assert said[0] == 0
    assert said[1].count("its own credentials hold") == 2
    Path("other.pem").write_bytes(other.root)
    code, said = verify(stylized, "--trust-root", "other.pem")
    assert (code, said.startswith(f"{stylized}: valid but unknown signer: Jane Doe")) == (1, True), said
    assert said.count("its own credentials hold") == 1


def test_trust_in_a_file_does_not_depend_on_the_signers_of_its_sources(verify, other, monkeypatch):
    """A signer who trusted more roots than the reader does not lower the verdict on the file."""
    photo, output = write("photo.jpg"), write("output.png", 1)
    sign(photo, write("first.jpg", 2), by=other)
    roots = (identity.load().root + other.root).decode()
    monkeypatch.setattr(credentials, "SETTINGS", credentials.SETTINGS | {"trust": {"user_anchors": roots}})
    sign(output, photo)
    assert read(output)[0] == "Valid"
    code, said = verify(output)
    assert (code, said.startswith(f"{output}: trusted: signed by Jane Doe, Example")) == (0, True), said
    assert "valid, but by an unknown signer: Richard Roe, Elsewhere" in said
    verifier, content, generator = Verifier(identity.load().root), output.read_bytes(), random.Random(0)
    for _ in range(300):
        at = generator.randrange(len(content))
        output.write_bytes(content[:at] + bytes([content[at] ^ 1 << generator.randrange(8)]) + content[at + 1 :])
        assert verifier.verify(output).verdict != "trusted", at


@pytest.mark.parametrize(
    ("state", "own", "of_ingredient", "expected"),
    [
        ("Trusted", [], [], Verdict.TRUSTED),
        ("Invalid", [], ["signingCredential.expired"], Verdict.TRUSTED),
        ("Invalid", [], [], Verdict.TAMPERED),
        ("Invalid", [], ["signingCredential.expired", "ingredient.manifest.mismatch"], Verdict.TAMPERED),
        ("Invalid", ["assertion.dataHash.mismatch"], ["signingCredential.expired"], Verdict.TAMPERED),
        ("Invalid", ["signingCredential.expired"], [], Verdict.UNKNOWN),
        ("Valid", ["signingCredential.untrusted"], ["signingCredential.untrusted"], Verdict.UNKNOWN_SIGNER),
    ],
)
def test_verdict_by_failures_of_the_file_and_of_an_ingredient(state, own, of_ingredient, expected):
    signature = {"claimSignature.validated", "claimSignature.insideValidity"}
    if "signingCredential.untrusted" not in own:
        signature.add("signingCredential.trusted")
    failures, delta = ([{"code": code} for code in one] for one in (own, of_ingredient))
    results = {
        "activeManifest": {"success": [{"code": code} for code in signature], "failure": failures},
        "ingredientDeltas": [{"validationDeltas": {"failure": delta}}],
    }
    assert _verdict(state, results, "Jane Doe")[0] is expected
    results["activeManifest"]["success"] = []
    assert _verdict(state, results, "Jane Doe")[0] is not Verdict.TRUSTED or state == "Trusted"


@pytest.mark.parametrize("text", ["photo.jpg", "source.png", "parentOf", '"blend":0.5', "Richard Roe"])
def test_changed_claims_about_a_source_are_tampering(verify, other, text):
    source, output = write("source.png", 1), write("output.jpg", 2)
    sign(source, write("photo.jpg"), by=other)
    sign(output, source)
    content, changed = output.read_bytes(), 0
    at = content.find(text.encode())
    while at >= 0:
        output.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        code, said = verify(output)
        assert (code, said.startswith(f"{output}: tampered: "), "made from" in said) == (1, True, False), said
        changed += 1
        at = content.find(text.encode(), at + 1)
    assert changed


def test_source_that_was_changed_after_it_was_signed(verify):
    photo, output = write("photo.png"), write("output.png", 1)
    sign(photo, write("first.png", 2))
    photo.write_bytes(photo.read_bytes() + b"more")
    sign(output, photo)
    problem = "its own credentials do not hold: content was changed after signing (assertion.dataHash.mismatch)"
    assert verify(output) == (
        0,
        f"{output}: trusted: signed by Jane Doe, Example\n    made from {ingredient(photo, credentials=problem)}",
    )


def test_source_whose_credentials_cannot_be_read(verify, capfd):
    photo, output = write("photo.png"), write("output.png", 1)
    sign(photo, write("first.png", 2))
    content = bytearray(photo.read_bytes())
    content[content.index(b"jumdc2pa") - 1] ^= 0xFF
    photo.write_bytes(content)
    sign(output, photo)
    warning = capfd.readouterr().err
    assert warning.startswith("warning: output.png: is signed without the credentials of photo.png: ")
    assert warning.count("\n") == 1
    code, said = verify(output)
    assert (code, said.splitlines()[1]) == (0, f"    made from {ingredient(photo)}")


@pytest.mark.parametrize("name", ["photo.bmp", "照片\n.png", "a" * 200 + ".jpg"])
def test_source_of_any_type_and_name(verify, name):
    photo, output = write(name), write("output.jpg", 1)
    sign(output, photo)
    code, said = verify(output)
    assert code == 0, said
    assert said.splitlines()[1:] == [f"    made from {ingredient(photo)}".replace("\n", "�")]


def test_source_that_is_no_image(verify):
    photo, output = Path("photo.jpg"), write("output.png", 1)
    photo.write_bytes(b"no image")
    sign(output, photo)
    assert verify(output)[1].splitlines()[1] == f"    made from {ingredient(photo)}"


def test_source_that_is_missing():
    output = write("output.png")
    before = output.read_bytes()
    with pytest.raises(UserError, match=r"sign=true: nowhere.jpg: cannot be read as a source: No such file"):
        sign(output, Path("nowhere.jpg"))
    assert output.read_bytes() == before


@pytest.mark.parametrize("roles", [[], ["inputTo"], ["parentOf", "parentOf"]])
def test_one_source_must_be_the_parent(roles):
    sources = [(write("photo.png"), role) for role in roles]
    with pytest.raises(ValueError, match="one source must be parentOf"):
        sign_derived(write("output.png"), sources, identity.load(), method="", model=MODEL, settings={})


def test_same_image_as_content_and_style(verify):
    photo, output = write("photo.png"), write("output.png", 1)
    sign(output, photo, photo)
    said = verify(output)[1]
    assert said.endswith(f"made from {ingredient(photo)}; {ingredient(photo, 'inputTo')}")


def test_image_of_a_type_without_manifests(verify):
    photo, output = write("photo.jpg"), write("output.bmp", 1)
    derivation = sign(output, photo)
    made_from = f"    made from {ingredient(photo, credentials=None)}"
    trusted = "trusted: urn:gan-lightning:derived-image:v1 by Jane Doe, Example"
    assert verify(output) == (0, f"{output}: {trusted}\n{made_from}")
    statement = statement_path(output)
    assert verify(statement) == (0, f"{statement}: {trusted}\n{made_from}")
    (found,) = json.loads(verify(output, "--json")[1])
    assert parse_derivation(canonical_json(found["derivation"])) == derivation
    output.write_bytes(output.read_bytes()[:-1] + b"\0")
    assert verify(output) == (1, f"{output}: tampered: output.bmp beside it differs from what was signed")


def test_image_too_large_for_a_manifest(verify, monkeypatch):
    photo, unfinished = write("photo.jpg"), write("unfinished.png", 1)
    for module in (signing_derived, credentials_reader):
        monkeypatch.setattr(module, "MAX_BYTES", 10)
    sign("output.png", photo, unfinished=unfinished)
    output = unfinished.rename("output.png")
    assert statement_path(output).is_file()
    assert verify(output)[0] == 0


def test_image_that_is_renamed_after_it_was_signed(verify):
    photo, unfinished = write("photo.jpg"), write("unfinished.png", 1)
    sign("output.png", photo, unfinished=unfinished)
    assert verify(unfinished.rename("output.png"))[0] == 0


def test_image_that_shows_more_than_plain_pixels_has_no_content_digest(verify):
    photo, output = write("photo.jpg"), Path("output.png")
    Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16) * 257).save(output)
    assert sign(output, photo).content is None
    assert verify(output)[0] == 0


def test_stripped_image_is_in_the_ledger(verify, called, me):
    photo, output = write("photo.jpg"), write("output.png", 1)
    derivation = sign(output, photo)
    append_records(Path("ledger"), me, [derivation])
    assert parse_line(Path("ledger", RECORDS).read_bytes().strip()) == derivation
    with Image.open(output) as image:
        image.copy().save(output)
    assert verify(output)[1] == f"{output}: unknown: {NOT_SIGNED}"
    code, said = verify(output, "--ledger", "ledger")
    line, made_from = said.splitlines()
    assert (code, ": stripped, but in the ledger: record 0, added by Jane Doe" in line) == (1, True)
    assert made_from == f"    made from {ingredient(photo, credentials=None)}"
    assert called(gan_ledger.main, "check", "ledger", "--file", output)[0] == 0
    assert called(gan_ledger.main, "prove", "ledger", "--file", output, "--output", "proof.json")[0] == 0
    assert called(gan_ledger.main, "check", "proof.json", "--file", output)[0] == 0
    assert called(gan_ledger.main, "check", "proof.json", "--file", photo)[0] == 1


def test_changed_pixel_is_tampering(verify):
    photo, output = write("photo.jpg"), write("output.webp", 1)
    sign(output, photo)
    content = bytearray(output.read_bytes())
    content[content.index(b"VP8 ") + 30] ^= 1
    output.write_bytes(content)
    code, said = verify(output)
    assert (code, said.startswith(f"{output}: tampered: content was changed"), said.count("\n")) == (1, True, 0), said


def test_derivation_is_read_strictly():
    source = Source("a.png", "parentOf", "00" * 32)
    derivation = Derivation("method", MODEL, (source,), SETTINGS, "Images", None)
    text = canonical_json(
        {
            "method": "method",
            "model": {"name": "last.ckpt", "digest": "ab" * 32, "config": "cd" * 32},
            "sources": [{"name": "a.png", "role": "parentOf", "digest": "00" * 32}],
            "settings": SETTINGS,
            "modality": "Images",
            "content": None,
            "version": derivation.version,
        }
    )
    assert parse_derivation(text) == derivation
    for old, new in [('"parentOf"', '"childOf"'), ('"method":"method",', ""), ('"ema"', "[1]"), ("}", "")]:
        assert parse_derivation(text.replace(old, new)) is None
    assert parse_derivation(b"\xff") is None
