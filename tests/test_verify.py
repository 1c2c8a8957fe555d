"""Verdicts on images, through gan-verify."""

import errno
import functools
import json
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from PIL import ExifTags, Image

from gan_lightning.commands import verify as gan_verify
from gan_lightning.errors import UserError
from gan_lightning.modalities.label import Labels
from gan_lightning.provenance import identity, ledger
from gan_lightning.provenance.signing import sign_files
from gan_lightning.provenance.verify import NOT_SIGNED, Verifier
from gan_lightning.runs.checkpoints import load
from tests.test_credentials import NINE, TAMPERED, signed  # noqa: F401


@pytest.fixture
def verify(signed, called):  # noqa: F811
    """Return a function that runs gan-verify, as verify("a.png")."""
    return functools.partial(called, gan_verify.main)


@pytest.fixture
def picture(signed):  # noqa: F811
    return signed / "000003.png"


def sign(path, by=None):
    """Sign an image as if the run had generated it."""
    trained = load("run")
    how = {"n": 1, "seed": 0, "weights": "ema", "condition": "7"}
    return sign_files([path], trained.data.modality, by or identity.load(), trained, **how)


def test_signed_images_are_trusted(verify, signed, picture):  # noqa: F811
    code, said = verify(*sorted(signed.iterdir()))
    assert code == 0
    assert said.splitlines()[3] == f"{picture}: trusted: signed by Jane Doe, Example"
    assert said.count(": trusted: ") == 10  # nine images and the statement about all of them


def test_json_output(verify, picture):
    code, said = verify(picture, "--json")
    (found,) = json.loads(said)
    assert (code, found["verdict"], found["record"]["index"], found["record"]["condition"]) == (0, "trusted", 3, "7")


@pytest.mark.parametrize("name", TAMPERED)
def test_changed_image_is_tampered(verify, signed, picture, name):  # noqa: F811
    picture.write_bytes(TAMPERED[name](picture.read_bytes(), (signed / "000001.png").read_bytes()))
    code, said = verify(picture, "--checkpoint", "run")
    assert code == 1
    assert said.startswith(f"{picture}: tampered: ")


def test_forger_with_the_same_names_is_unknown(verify, tmp_path, monkeypatch, picture):
    root = tmp_path / "root.pem"
    identity.export(root)
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "forger"))
    identity.create("Jane Doe", "Example")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    with Image.open(picture) as plain:
        Image.fromarray(np.array(plain)).save(pictures / "a.png")
    sign(pictures / "a.png")
    code, said = verify(pictures / "a.png", "--trust-root", root)
    expected = "valid but unknown signer: Jane Doe, Example, whose certificate leads to no trusted root"
    assert (code, said) == (1, f"{pictures / 'a.png'}: {expected}")
    assert verify(picture, "--trust-root", root)[0] == 0
    assert verify(picture)[0] == 1  # by the root of the forger
    roots = ["--trust-root", root, "--trust-root", tmp_path / "forger" / "root.pem"]
    assert verify(picture, pictures / "a.png", *roots)[0] == 0
    assert verify(*roots, picture, pictures / "a.png")[0] == 0
    assert verify(*roots[:2], picture, *roots[2:], pictures / "a.png")[0] == 0


def test_no_signer_is_trusted_without_a_root(verify, tmp_path, monkeypatch, picture):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "nobody"))
    code, said = verify(picture)
    assert (code, ": valid but unknown signer: " in said) == (1, True)


@pytest.mark.slow
def test_expired_certificate(verify, tmp_path, monkeypatch):
    builder = identity._builder

    def short(subject, issuer, key, now, years):
        made = builder(subject, issuer, key, now, years)
        if years == identity.YEARS:
            made._not_valid_after = (datetime.now(UTC) + timedelta(seconds=2)).replace(tzinfo=None)
        return made

    monkeypatch.setattr(identity, "_builder", short)
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "short"))
    identity.create("Jane Doe", "Example")
    one = identity.load()
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    with Image.open(tmp_path / "signed" / "000000.png") as plain:
        Image.fromarray(np.array(plain)).save(pictures / "a.png")
    sign(pictures / "a.png", one)
    assert verify(pictures / "a.png")[0] == 0
    end = x509.load_pem_x509_certificate(one.chain).not_valid_after_utc
    time.sleep(max((end - datetime.now(UTC)).total_seconds(), 0) + 1.1)
    code, said = verify(pictures / "a.png")
    untrusted = "certificate leads to no trusted root (signingCredential.untrusted)"
    expired = "certificate has expired (signingCredential.expired)"
    reason = f"its certificate is not accepted: {untrusted}, {expired}"
    assert (code, said) == (1, f"{pictures / 'a.png'}: unknown: {reason}")


def saved_again(path, change=0):
    """Save an image without credentials, and with one pixel brighter."""
    with Image.open(path) as picture:
        pixels = np.array(picture)
    pixels[5, 5] = pixels[5, 5] + change if pixels[5, 5] < 128 else pixels[5, 5] - change
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (0, "regenerates from checkpoint + seed: sample 3 of 9 with seed 4, bit for bit"),
        (1, "regenerates from checkpoint + seed: sample 3 of 9 with seed 4, each number within 1"),
        (2, f"unknown: {NOT_SIGNED}"),
    ],
)
def test_stripped_image_regenerates(run, verify, tmp_path, change, expected):
    run("generate", "checkpoint=run", "n=9", "seed=4", "format=files", "output=plain")
    picture = tmp_path / "plain" / "000003.png"
    saved_again(picture, change)
    assert verify(picture) == (1, f"{picture}: unknown: {NOT_SIGNED}")
    assert verify(picture, "--checkpoint", "run", "--seed", 4, "--n", 9) == (1, f"{picture}: {expected}")
    assert verify(picture, "--checkpoint", "run", "--n", 9) == (1, f"{picture}: unknown: {NOT_SIGNED}")


def test_stripped_image_of_a_class_regenerates(verify, picture):
    seed = NINE[2].partition("=")[2]
    saved_again(picture)
    asked = (picture, "--checkpoint", "run", "--seed", seed, "--n", 9)
    assert f": unknown: {NOT_SIGNED}" in verify(*asked)[1]
    assert (
        f"regenerates from checkpoint + seed: sample 3 of 9 with seed {seed}, bit for bit"
        in verify(*asked, "--condition", 7)[1]
    )


def test_condition_in_a_file(run, verify, signed, tmp_path):  # noqa: F811
    """The record holds the digest of the file; with the file the samples can be generated again."""
    asked = tmp_path / "asked.labels"
    asked.write_text("3\n1\n4\n")
    run("generate", "checkpoint=run", "n=3", f"condition={asked}", "sign=true", "output=asked")
    picture = tmp_path / "asked" / "000002.png"
    (found,) = json.loads(verify(picture, "--json")[1])
    assert found["record"]["condition"] == f"sha256:{Labels.digest(asked)}"
    trained = load("run")
    record = Verifier(b"").verify(picture).record
    with pytest.raises(UserError, match="its record names a condition in a file: give that file with --condition"):
        Verifier(b"", checkpoint=trained)._recipe(record)
    verifier = Verifier(b"", checkpoint=trained, n=3, condition=str(asked))
    assert verifier._recipe(record) == (0, 3, str(asked), "ema", 1.0)
    saved_again(picture)
    regenerates = "regenerates from checkpoint + seed: sample 2 of 3 with seed 0, bit for bit"
    command = (picture, "--checkpoint", "run", "--n", 3)
    assert verify(*command, "--condition", asked) == (1, f"{picture}: {regenerates}")
    assert verify(*command, "--condition", 4)[1] == f"{picture}: {regenerates}"
    assert verify(*command, "--condition", 3)[1] == f"{picture}: unknown: {NOT_SIGNED}"


def test_stripped_image_is_in_the_ledger(verify, signed, picture, tmp_path, monkeypatch):  # noqa: F811
    identity.export(tmp_path / "root.pem")
    saved_again(picture)
    in_ledger = ": stripped, but in the ledger: record 3, added by Jane Doe, Example, 2"
    both = ("--ledger", "outputs/ledger", "--checkpoint", "run")
    assert verify(picture)[1] == f"{picture}: unknown: {NOT_SIGNED}"
    code, said = verify(picture, *both)
    assert (code, said.startswith(f"{picture}{in_ledger}"), said.endswith(" by their clock")) == (1, True, True)
    with Image.open(picture) as plain:
        plain.save(tmp_path / "other.bmp")
        plain.save(tmp_path / "other.jpg", quality=50)
    said = verify(tmp_path / "other.bmp", tmp_path / "other.jpg", *both)[1].splitlines()
    assert in_ledger in said[0]
    assert said[1] == f"{tmp_path / 'other.jpg'}: unknown: {NOT_SIGNED}"
    # TAMPERED overrides the ledger, and an image with a changed pixel is not in it.
    (signed / "000004.png").write_bytes((signed / "000004.png").read_bytes() + b"more")
    assert ": tampered: " in verify(signed / "000004.png", *both)[1]
    saved_again(signed / "000005.png", 1)
    assert ": stripped" not in verify(signed / "000005.png", *both)[1]
    # Records of a forger are not trusted, and no record is without a root.
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "forger"))
    assert verify(picture, "--ledger", "outputs/ledger")[1] == f"{picture}: unknown: {NOT_SIGNED}"
    saved_again(signed / "000006.png", 9)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (signed / "000006.png").rename(pictures / "a.png")
    forged = sign(pictures / "a.png", identity.create("Jane Doe", "Example"))
    ledger.append_records(tmp_path / "outputs" / "ledger", identity.load(), forged)
    saved_again(pictures / "a.png")
    trust = ("--trust-root", tmp_path / "root.pem", "--ledger", "outputs/ledger")
    assert verify(pictures / "a.png", *trust) == (1, f"{pictures / 'a.png'}: unknown: {NOT_SIGNED}")
    assert in_ledger in verify(picture, *trust)[1]
    # A changed ledger proves nothing.
    records = tmp_path / "outputs" / "ledger" / "records.jsonl"
    records.write_bytes(records.read_bytes().replace(b'"index":3', b'"index":4'))
    code, said = verify(picture, *trust)
    assert (code, said) == (
        2,
        "error: outputs/ledger/records.jsonl: lines 1 to 9 are not what was signed: they were changed",
    )


def test_images_of_other_sizes(verify, tmp_path):
    Image.new("RGB", (28, 28)).save(tmp_path / "colour.png")
    Image.new("L", (5, 5)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("no picture")
    code, said = verify(tmp_path / "colour.png", tmp_path / "small.png", tmp_path / "text.png", "--checkpoint", "run")
    assert (code, said.count(": unknown: ")) == (1, 3)


def test_no_random_change_is_trusted(picture):
    """Bytes and bits are changed, parts are removed and inserted."""
    content = picture.read_bytes()
    verifier = Verifier(identity.load().root)
    assert verifier.verify(picture).verdict == "trusted"
    generator = random.Random(0)
    verdicts = []
    for _ in range(1000):
        damaged = bytearray(content)
        at = generator.randrange(len(content))
        kind = generator.choice(["bit", "byte", "cut out", "put in", "cut off"])
        if kind == "bit":
            damaged[at] ^= 1 << generator.randrange(8)
        elif kind == "byte":
            damaged[at] = (damaged[at] + generator.randrange(1, 256)) % 256
        elif kind == "cut out":
            del damaged[at : at + generator.randrange(1, 50)]
        elif kind == "put in":
            damaged[at:at] = generator.randbytes(generator.randrange(1, 50))
        else:
            del damaged[at:]
        picture.write_bytes(damaged)
        verdicts.append((verifier.verify(picture).verdict, kind, at))
    assert not [one for one in verdicts if one[0] == "trusted"]
    assert sum(one[0] == "tampered" for one in verdicts) > 500


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere.png"], "nowhere.png: no such file"),
        (["{}", "--trust-root", "nowhere.pem"], "nowhere.pem: cannot be read (No such file"),
        (["{}", "--trust-root", "{}"], "must be a certificate in PEM"),
        (["{}", "--checkpoint", "nowhere"], "checkpoint=nowhere: nowhere does not exist"),
        (["{}", "--seed", "-1"], "--seed -1: must be 0 to"),
        (["{}", "--n", "0"], "--n 0: must be 1 to"),
        (
            ["{}", "--checkpoint", "run", "--condition", "10"],
            "--condition 10: no class and no file: the classes are 0 to 9",
        ),
        ([], "the following arguments are required: file"),
        (["{}", "--trust-root"], "--trust-root: expected one argument"),
        (["--trust-root", "{}"], "the following arguments are required: file"),
        (["{}", "--check", "run"], "unrecognized arguments: --check"),
        (["{}", "--seed", "x"], "--seed: invalid int value: 'x'"),
    ],
)
def test_bad_input(verify, picture, arguments, expected):
    code, said = verify(*(argument.format(picture) for argument in arguments))
    assert (code, said.count("\n"), said.startswith("error: "), expected in said) == (2, 0, True, True), said


def test_missing_extra_is_named(verify, picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "gan_lightning.provenance.verify", None)
    code, said = verify(picture)
    assert (code, said) == (2, "error: gan-verify: needs an extra: pip install 'gan-lightning[provenance]'")


def palette(picture):
    return picture.convert("P"), {}


def transparent(picture):
    return picture, {"transparency": 0}


def profile(picture):
    return picture, {"icc_profile": b"profile"}


def turned(picture):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    return picture, {"exif": exif}


def frames(picture):
    return picture, {"save_all": True, "append_images": [Image.eval(picture, lambda value: 255 - value)]}


@pytest.mark.parametrize("how", [palette, transparent, profile, turned, frames])
def test_image_that_shows_something_else_than_its_pixels(verify, tmp_path, picture, how):
    """The pixels are those of a record, but a viewer shows something else."""
    with Image.open(picture) as plain:
        content, options = how(Image.fromarray(np.array(plain)))
    content.save(tmp_path / "odd.png", **options)
    for where in (["--ledger", "outputs/ledger"], ["--checkpoint", "run", "--n", "9", "--condition", "7"]):
        code, said = verify(tmp_path / "odd.png", *where)
        assert (code, "shows something else than its plain pixels" in said) == (1, True), said


def test_foreign_jpeg(verify, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"no picture, caBX")
    code, said = verify(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert (code, [line.split(": ")[1] for line in said.splitlines()]) == (1, ["unknown", "unknown"])


def test_folder_instead_of_a_file(verify, signed):  # noqa: F811
    assert verify(signed) == (2, f"error: {signed}: no file: give those in it")


def test_file_that_others_may_not_read(verify, picture, monkeypatch):
    def refuse(path, read=Path.read_bytes):
        if path == picture:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert verify(picture) == (1, f"{picture}: unknown: cannot be read (Permission denied)")


def test_samples_too_many_to_keep_are_generated_again(verify, signed, monkeypatch):  # noqa: F811
    monkeypatch.setattr("gan_lightning.provenance.verify.MAX_CACHED", 9 * 28 * 28 - 1)
    pictures = [signed / f"00000{index}.png" for index in (1, 2)]
    for path in pictures:
        saved_again(path)
    seed = NINE[2].partition("=")[2]
    said = verify(*pictures, "--checkpoint", "run", "--seed", seed, "--n", 9, "--condition", 7)[1]
    assert [line.split(": ")[1] for line in said.splitlines()] == ["regenerates from checkpoint + seed"] * 2


def test_more_samples_than_fit_into_memory(verify, picture, monkeypatch):
    saved_again(picture)
    monkeypatch.setattr("gan_lightning.runs.drawing.MAX_BYTES", 1000)
    said = verify(picture, "--checkpoint", "run", "--n", 9)[1]
    assert said.startswith(f"{picture}: unknown: {NOT_SIGNED}; n=9: "), said
