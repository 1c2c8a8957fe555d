"""Images that a model made of photos are made again, to verify files without a manifest."""

import functools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from gan_lightning.commands import verify as gan_verify
from gan_lightning.errors import UserError
from gan_lightning.files import file_digest
from gan_lightning.imaging.photo import read_photo
from gan_lightning.provenance import identity
from gan_lightning.provenance.derivations import Model
from gan_lightning.provenance.remaking import DEFAULTS, Remaker
from gan_lightning.provenance.signing_derived import model_of, sign_derived
from gan_lightning.provenance.verify import NOT_SIGNED
from gan_lightning.runs.checkpoints import load
from tests.toy import photos

RUN = ["checkpoint=run.ckpt", "trust_code=[photos]"]
CHECKPOINT = ["--checkpoint", "run.ckpt", "--trust-code", "photos"]


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(photos.__file__).parent)
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def verify(called):
    """Return a function that runs gan-verify, as verify("a.png")."""
    return functools.partial(called, gan_verify.main)


@pytest.fixture
def generate(run):
    """Return a function that makes an image of a photo, as generate("photo.png", "a.png", "ensemble=true")."""

    def call(photo, output, *arguments):
        result = run("generate", *RUN, f"input={photo}", f"output={output}", *arguments)
        assert result.code == 0, result.err
        return Path(output)

    return call


def write(name, seed=0, **options):
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(name, **options)
    return name


@pytest.mark.parametrize("kind", ["png", "tif", "jpg", "webp"])
def test_image_is_made_again(verify, generate, kind):
    photos.checkpoint("run.ckpt", scale=2)
    output = generate(write("photo.png"), f"a.{kind}")
    assert verify(output) == (1, f"{output}: unknown: {NOT_SIGNED}")
    expected = f"{output}: regenerates from checkpoint + seed: made from photo.png, bit for bit"
    assert verify(output, *CHECKPOINT, "--input", "photo.png") == (1, expected)
    unknown = (1, f"{output}: unknown: {NOT_SIGNED}")
    assert verify(output, *CHECKPOINT, "--input", write("other.png", 1)) == unknown
    assert verify(output, *CHECKPOINT, "--input", "photo.png", "--setting", "ensemble=true") == unknown
    assert verify("photo.png", *CHECKPOINT, "--input", "photo.png")[1] == f"photo.png: unknown: {NOT_SIGNED}"


def test_image_with_a_color_profile_and_16_bits(verify, generate):
    """The content of such images has no digest, but they can be compared."""
    photos.checkpoint("run.ckpt", scale=2, takes=1, makes=1)
    write("photo.png", icc_profile=b"\0" * 16 + b"RGB " + b"\0" * 108)
    Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100).save("deep.png")
    for photo in ("photo.png", "deep.png"):
        output = generate(photo, f"of_{photo}")
        code, said = verify(output, *CHECKPOINT, "--input", photo)
        assert (code, said.endswith(f"made from {photo}, bit for bit")) == (1, True), said
    Image.open("of_photo.png").save("of_photo.png")
    assert verify("of_photo.png", *CHECKPOINT, "--input", "photo.png")[1].endswith("bit for bit")
    Image.open("of_photo.png").save("of_photo.png", icc_profile=None)
    assert ": unknown: " in verify("of_photo.png", *CHECKPOINT, "--input", "photo.png")[1]
    with Image.open("of_deep.png") as deep:
        Image.fromarray((np.array(deep) >> 8).astype(np.uint8)).save("of_deep.png")
    assert ": unknown: " in verify("of_deep.png", *CHECKPOINT, "--input", "deep.png")[1]


def test_settings_of_the_user(verify, generate):
    photos.checkpoint("run.ckpt", "TwoWays", scale=1)
    for settings in (["blend=0.5"], ["reverse=true", "ensemble=true"], ["weights=raw"]):
        output = generate(write("photo.png"), "a.png", *settings)
        command = [output, *CHECKPOINT, "--input", "photo.png"]
        if settings != ["weights=raw"]:
            assert ": unknown: " in verify(*command)[1]
        said = verify(*command, *(part for one in settings for part in ("--setting", one)))[1]
        shown = ", ".join(sorted(settings)).replace("true", "True")
        assert said.endswith(f"made from photo.png with {shown}, bit for bit"), said


@pytest.mark.parametrize(("change", "expected"), [(1, "each pixel within 1 of 255"), (2, NOT_SIGNED)])
def test_tolerance(verify, generate, change, expected):
    photos.checkpoint("run.ckpt", scale=2)
    output = generate(write("photo.png"), "a.png")
    pixels = read_photo(output).pixels
    pixels[3, 4, 1] = pixels[3, 4, 1] + change if pixels[3, 4, 1] < 128 else pixels[3, 4, 1] - change
    Image.fromarray(pixels).save(output)
    said = verify(output, *CHECKPOINT, "--input", "photo.png")[1]
    assert said.endswith(expected), said


def frames(image):
    return {"save_all": True, "append_images": [Image.eval(image, lambda value: 255 - value)]}


def gamma(image):
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"gAMA", (20_000).to_bytes(4, "big"))
    return {"pnginfo": chunks}


@pytest.mark.parametrize(
    "change", [frames, gamma, lambda image: {"transparency": (1, 2, 3)}, lambda image: {"icc_profile": b"x"}]
)
def test_image_that_shows_something_else(verify, generate, change):
    photos.checkpoint("run.ckpt", scale=2)
    output = generate(write("photo.png"), "a.png")
    with Image.open(output) as image:
        plain = Image.fromarray(np.array(image))
    plain.save(output, **change(plain))
    assert ": unknown: " in verify(output, *CHECKPOINT, "--input", "photo.png")[1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--input", "photo.png"], "error: --input: also needs --checkpoint, the model that made an image of it"),
        ([*CHECKPOINT, "--setting", "blend=1"], "error: --setting: also needs --input"),
        ([*CHECKPOINT, "--input", "nowhere.png"], "error: nowhere.png: no such file"),
        ([*CHECKPOINT, "--input", "photo.png", "--setting", "blend"], "error: --setting blend: must be KEY=VALUE"),
        ([*CHECKPOINT, "--input", "photo.png", "--setting", "blend=["], "error: --setting blend=[: must be KEY=VALUE"),
        ([*CHECKPOINT, "--input", "photo.png", "--setting", "blend=2"], "error: --setting blend=2: "),
        ([*CHECKPOINT, "--input", "photo.png", "--setting", "seed=2"], "error: --setting seed=2: "),
    ],
)  # fmt: skip
def test_bad_options(verify, arguments, expected):
    photos.checkpoint("run.ckpt", scale=2)
    code, said = verify(write("photo.png"), *arguments)
    assert (code, said.count("\n"), said.startswith(expected)) == (2, 0, True), said


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("blend=0.5", "; blend=0.5: the model has no two stages to blend: leave it out"),
        ("reverse=true", "; reverse=true: the model has one direction only: leave it out"),
        ("weights=ema", "; weights=ema: the model has no averaged generator: weights=raw"),
    ],
)
def test_settings_that_the_model_does_not_have(verify, setting, expected):
    photos.checkpoint("run.ckpt", scale=2)
    code, said = verify(write("photo.png"), *CHECKPOINT, "--input", "photo.png", "--setting", setting)
    assert (code, said) == (1, f"photo.png: unknown: {NOT_SIGNED}{expected}")


def test_input_that_is_no_image(verify):
    photos.checkpoint("run.ckpt", scale=2)
    Path("text.png").write_text("no image", encoding="utf-8")
    code, said = verify(write("photo.png"), *CHECKPOINT, "--input", "text.png")
    assert (code, "; text.png: not a readable image" in said) == (1, True), said


def sign(generate, *arguments):
    return generate(*arguments, "sign=true")


@pytest.mark.parametrize("kind", ["png", "tif", "jpg", "webp"])
def test_signed_image_names_its_photo_and_settings(verify, generate, kind):
    identity.create("Jane Doe", "Example")
    photos.checkpoint("run.ckpt", scale=2)
    photo, output = write("photo.jpg"), Path(f"a.{kind}")
    plain = generate(photo, f"plain.{kind}", "ensemble=true")
    sign(generate, photo, output, "ensemble=true")
    assert np.array_equal(read_photo(output).pixels, read_photo(plain).pixels)
    code, said = verify(output)
    made_from = f"photo.jpg (parentOf, SHA-256 {file_digest(Path(photo))}, no credentials of its own)"
    assert (code, said) == (0, f"{output}: trusted: signed by Jane Doe, Example\n    made from {made_from}")
    (found,) = json.loads(verify(output, "--json")[1])
    assert found["derivation"]["method"] == "super-resolution ×2"
    assert found["derivation"]["model"]["digest"] == file_digest(Path("run.ckpt"))
    assert found["derivation"]["settings"] == {"blend": None, "ensemble": True, "reverse": False, "weights": None}


def test_chain_of_two_steps(verify, generate):
    identity.create("Jane Doe", "Example")
    photos.checkpoint("run.ckpt", scale=2)
    sign(generate, write("photo.png"), "a.png")
    photos.checkpoint("run.ckpt", scale=1)
    sign(generate, "a.png", "b.jpg")
    assert "its own credentials hold: signed by Jane Doe, Example" in verify("b.jpg")[1]
    assert json.loads(verify("b.jpg", "--json")[1])[0]["derivation"]["method"] == "image translation"


def test_signed_image_whose_manifest_was_removed(verify, generate):
    identity.create("Jane Doe", "Example")
    photos.checkpoint("run.ckpt", scale=2)
    output = sign(generate, write("photo.png"), "a.png")
    with Image.open(output) as image:
        Image.fromarray(np.array(image)).save(output)
    assert verify(output)[1] == f"{output}: unknown: {NOT_SIGNED}"
    said = verify(output, "--ledger", "outputs/ledger")[1]
    assert ": stripped, but in the ledger: record 0, added by Jane Doe" in said
    assert "    made from photo.png (parentOf, SHA-256 " in said
    assert verify(output, *CHECKPOINT, "--input", "photo.png")[1].endswith("made from photo.png, bit for bit")


def test_folder_is_signed(run, verify):
    identity.create("Jane Doe", "Example")
    photos.checkpoint("run.ckpt", scale=2)
    Path("album").mkdir()
    for i in range(3):
        write(f"album/{i}.png", i)
    result = run("generate", *RUN, "input=album", "output=large", "sign=true")
    assert result.code == 0, result.err
    code, said = verify(*sorted(Path("large").glob("*.png")))
    assert (code, said.count("    made from ")) == (0, 3)
    assert len(Path("outputs/ledger/records.jsonl").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["ledger=photo.png"], "error: ledger=photo.png: cannot be written (File exists), so nothing is written"),
        (["ledger=broken"], "error: ledger=broken/records.jsonl: 1 records are missing"),
    ],
)
@pytest.mark.parametrize("source", ["photo.png", "album"])
def test_no_image_is_written_without_its_record(run, generate, source, arguments, expected):
    identity.create("Jane Doe", "Example")
    photos.checkpoint("run.ckpt", scale=2)
    Path("album").mkdir()
    write("album/one.png")
    sign(generate, write("photo.png"), "a.png", "ledger=broken")
    Path("broken/records.jsonl").write_bytes(b"")
    before = sorted(Path().rglob("*"))
    result = run("generate", *RUN, f"input={source}", "output=b.png", "sign=true", *arguments)
    assert (result.code, result.err.startswith(expected), result.err.count("\n")) == (2, True, 1), result.err
    assert sorted(Path().rglob("*")) == before


def test_signing_needs_an_identity(run, tmp_path):
    result = run("generate", *RUN, f"input={write('photo.png')}", "sign=true")
    assert (result.code, result.err.startswith(f"error: no identity in {tmp_path / 'identity'}")) == (2, True), (
        result.err
    )


def test_derivation_of_another_model_or_photo(generate):
    """The settings of a signed image count, whose certificate is no longer accepted, if model and photo are those."""
    me = identity.create("Jane Doe", "Example")
    photos.checkpoint("run.ckpt", "TwoWays", scale=1)
    photo, other = Path(write("photo.png")), Path(write("other.png", 1))
    output = generate(photo, "a.png", "blend=0.25")
    trained = load("run.ckpt", ["photos"])
    settings = DEFAULTS | {"blend": 0.25}
    values = {"method": "", "model": model_of(trained), "settings": settings}
    derivation = sign_derived(output, [(photo, "parentOf")], me, **values)
    assert Remaker(trained, photo, {}).compare(output, None) is None
    same = "made from photo.png with blend=0.25, bit for bit"
    assert Remaker(trained, photo, {}).compare(output, derivation) == same
    with pytest.raises(UserError, match=r"it names another source: give photo.png with --input"):
        Remaker(trained, other, {}).compare(output, derivation)
    foreign = replace(derivation, model=Model("other.ckpt", "00" * 32))
    with pytest.raises(UserError, match=r"it names another model: give other.ckpt with --checkpoint"):
        Remaker(trained, photo, {}).compare(output, foreign)
    with pytest.raises(UserError, match="its derivation has blend=2: Input should be less than or equal to 1"):
        Remaker(trained, photo, {}).compare(output, replace(derivation, settings={"blend": 2}))
