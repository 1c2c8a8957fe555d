"""Signed images, read back by the C2PA reader."""

import hashlib
import json
import sys
from io import BytesIO

import c2pa
import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.modalities.image import Images, to_pillow, to_uint8
from gan_lightning.provenance import identity
from gan_lightning.provenance.credentials import RECORD
from gan_lightning.provenance.records import config_digest
from gan_lightning.runs.checkpoints import load
from tests.conftest import FAST
from tests.png import join_chunks, read_chunks

NINE = ["checkpoint=run", "n=9", "seed=9223372036854775807", "condition=7"]


@pytest.fixture
def signed(run, made_once, tmp_path, monkeypatch):
    """Return a folder with nine signed images of class 7."""
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))

    def make():
        identity.create("Jane Doe", "Example")
        run("train", *FAST, "max_iterations=2", "conditional=true", "hydra.run.dir=run")
        result = run("generate", *NINE, "sign=true", "output=signed")
        assert result.code == 0, result.err
        assert result.out == "signed\n"

    made_once("signed", tmp_path, make)
    return tmp_path / "signed"


def read(content, root=None):
    """Return the validation state and the active manifest by the C2PA reader."""
    trust = {"trust": {"user_anchors": (root or identity.load().root).decode()}}
    context = c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": False}} | trust)
    reader = c2pa.Reader("image/png", BytesIO(content), context=context)
    return reader.get_validation_state(), reader.get_active_manifest()


def record(manifest):
    (data,) = [one["data"] for one in manifest["assertions"] if one["label"] == RECORD]
    return json.loads(data["json"])


def test_content_of_the_credentials(signed, tmp_path):
    assert sorted(path.name for path in signed.iterdir()) == [
        *(f"{i:06d}.png" for i in range(9)),
        "samples.intoto.json",
    ]
    trained = load(str(tmp_path / "run"))
    for i, path in enumerate(sorted(signed.glob("*.png"))):
        state, manifest = read(path.read_bytes())
        assert state == "Trusted"
        assert manifest["signature_info"]["common_name"] == "Jane Doe"
        said = record(manifest)
        assert said["checkpoint"] == hashlib.sha256(trained.path.read_bytes()).hexdigest()
        assert said["config"] == config_digest(trained.config)
        assert (said["index"], said["condition"], said["modality"], said["weights"]) == (i, "7", "Images", "ema")
        # The record is sufficient to generate the image again.
        labels = torch.full((said["n"],), int(said["condition"]))
        samples = to_uint8(trained.model.sample(said["n"], labels, seed=said["seed"], weights=said["weights"]))
        again = tmp_path / "again.bmp"
        to_pillow(samples[said["index"]]).save(again)
        assert Images.digest(again) == Images.digest(path) == said["content"]
    (action,) = next(
        one["data"]["actions"] for one in manifest["assertions"] if one["label"].startswith("c2pa.actions")
    )
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    (ingredient,) = manifest["ingredients"]
    assert ingredient["relationship"] == "inputTo"
    assert ingredient["data_types"] == [{"type": "c2pa.types.model.pytorch"}]
    assert ingredient["instance_id"] == f"sha256:{said['checkpoint']}"


def test_credentials_are_small(run, signed):
    run("generate", *NINE, "format=files", "output=plain")
    for path in signed.glob("*.png"):
        plain = signed.with_name("plain") / path.name
        assert path.stat().st_size - plain.stat().st_size < 4000
        assert np.array_equal(Image.open(path), Image.open(plain))


def test_forger_with_the_same_names_is_not_trusted(signed, tmp_path, monkeypatch):
    root = identity.load().root
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "forger"))
    identity.create("Jane Doe", "Example")
    content = (signed / "000000.png").read_bytes()
    assert read(content, root)[0] == "Trusted"
    assert read(content)[0] == "Valid"


def changed(kind, change):
    return lambda content, other: join_chunks((k, change(d) if k == kind else d) for k, d in read_chunks(content))


def bit_changed(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


TAMPERED = {
    "a bit of the header, checksum mended": changed(b"IHDR", lambda d: bit_changed(d, 12)),
    "a bit of the pixels, checksum mended": changed(b"IDAT", lambda d: bit_changed(d, 5)),
    "a bit of the manifest, checksum mended": changed(b"caBX", lambda d: bit_changed(d, d.index(b'"config"') + 20)),
    "the seed": changed(b"caBX", lambda d: d.replace(b"9223372036854775807", b"9223372036854775806")),
    "the signer's name": changed(b"caBX", lambda d: d.replace(b"Jane Doe", b"John Doe")),
    "an added chunk": lambda content, other: join_chunks(
        [*read_chunks(content)[:-1], (b"tEXt", b"a\0b"), read_chunks(content)[-1]]
    ),
    "trailing bytes": lambda content, other: content + b"more",
    "another's credentials": lambda content, other: join_chunks(
        [(kind, dict(read_chunks(other))[kind] if kind == b"caBX" else data) for kind, data in read_chunks(content)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_is_detected(signed, name):
    first, second = ((signed / f"00000{i}.png").read_bytes() for i in (0, 1))
    assert join_chunks(read_chunks(first)) == first
    tampered = TAMPERED[name](first, second)
    assert tampered != first
    assert read(tampered)[0] == "Invalid"


def test_saving_an_image_again_removes_credentials(signed):
    again = BytesIO()
    Image.open(signed / "000000.png").save(again, "PNG")
    with pytest.raises(c2pa.C2paError, match="ManifestNotFound"):
        read(again.getvalue())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sign=true", "format=arrays"], "sign=true: signs files of samples"),
        (["sign=true", "interpolate=3"], "sign=true: signs files of samples"),
        (["sign=perhaps"], "sign=perhaps: must be a valid boolean"),
        (["sign=true"], 'no identity in {}: gan-identity init --name "…" --organization "…"'),
    ],
)
def test_bad_input(run, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    result = run("generate", "checkpoint=run", *arguments)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert expected.format(tmp_path / "identity") in result.err
    assert not list(tmp_path.iterdir())


def test_missing_extra_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "gan_lightning.provenance.identity", None)
    result = run("generate", "checkpoint=run", "sign=true")
    assert (result.code, result.err) == (
        2,
        "error: sign=true: needs an extra: pip install 'gan-lightning[provenance]'\n",
    )


def test_sets_too_large_to_regenerate_are_not_signed(run, signed):
    result = run("generate", "checkpoint=run", "n=131073", "sign=true")
    expected = "error: n=131073: gan-verify takes at most 131,072 samples a seed: lower n, use more seeds\n"
    assert (result.code, result.err) == (2, expected)


def test_each_image_has_a_record_in_the_ledger(run, signed, tmp_path):
    path = tmp_path / "outputs" / "ledger" / "records.jsonl"
    manifests = [read(one.read_bytes())[1] for one in sorted(signed.glob("*.png"))]
    assert [json.loads(line) for line in path.read_text().splitlines()] == [record(one) for one in manifests]
    run("generate", "checkpoint=run", "n=2", "sign=true", "output=more")
    assert len(path.read_text().splitlines()) == 11
    run("generate", "checkpoint=run", "n=2", "sign=true", "output=others", "ledger=null")
    assert len(list((tmp_path / "others").glob("*.png"))) == 2
    assert len(path.read_text().splitlines()) == 11


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        ("run/manifest.json", "error: ledger=run/manifest.json: cannot be written (File exists)"),
        ("/proc/nowhere", "error: ledger=/proc/nowhere: cannot be written (No such file or directory)"),
        ("outputs/ledger", "outputs/ledger/records.jsonl: 1 records are missing: they were removed"),
    ],
)
def test_no_image_is_written_without_its_record(run, signed, tmp_path, ledger, expected):
    path = tmp_path / "outputs" / "ledger" / "records.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    before = sorted(tmp_path.rglob("*"))
    result = run("generate", "checkpoint=run", "n=2", "sign=true", "output=more", f"ledger={ledger}")
    assert (result.code, result.err.count("\n"), expected in result.err) == (2, 1, True), result.err
    assert sorted(tmp_path.rglob("*")) == before


def test_failed_signature_leaves_no_files(run, signed, tmp_path, monkeypatch):
    def fail(self, path, record):
        if record.index == 5:
            raise OSError(28, "No space left on device", "000005.png")

    monkeypatch.setattr("gan_lightning.provenance.credentials.CredentialsSigner.sign", fail)
    before = sorted(tmp_path.rglob("*"))
    result = run("generate", "checkpoint=run", "n=9", "sign=true", "output=other")
    assert result.code == 2
    assert "No space left" in result.err
    assert sorted(tmp_path.rglob("*")) == before
