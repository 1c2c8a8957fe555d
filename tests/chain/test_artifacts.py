"""Artifacts of files, checkpoints and sets; metadata and its address in IPFS."""

import base64
import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from gan_lightning.chain.artifacts import Artifact, artifact_of, members_of, prove_membership
from gan_lightning.chain.metadata import Metadata, ipfs_address, ipfs_address_base32
from gan_lightning.errors import UserError
from gan_lightning.files import file_digest
from gan_lightning.modalities.image import Images
from gan_lightning.provenance.contents import Contents
from gan_lightning.provenance.statements import merkle_root


@pytest.fixture
def samples(tmp_path):
    """Folder with three images, a signed statement and a hidden file."""
    folder = tmp_path / "samples"
    (folder / ".hidden").mkdir(parents=True)
    for i in range(3):
        Image.fromarray(np.full((4, 4), i, np.uint8)).save(folder / f"{i}.png")
    (folder / "samples.intoto.json").write_text("{}")
    (folder / ".hidden" / "notes.txt").write_text("x")
    return folder


def test_image_is_named_by_its_pixels(samples, tmp_path):
    copy = tmp_path / "copy.png"
    Image.open(samples / "1.png").save(copy, compress_level=0)
    assert file_digest(copy) != file_digest(samples / "1.png")
    assert artifact_of(copy, Contents()) == artifact_of(samples / "1.png", Contents())
    assert artifact_of(copy, Contents()) == Artifact(Images.digest(copy), "Images")


@pytest.mark.parametrize(
    ("name", "kind"), [("last.ckpt", "checkpoint"), ("model.onnx", "checkpoint"), ("a.bin", "file")]
)
def test_other_files_are_named_by_their_bytes(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"x")
    assert artifact_of(tmp_path / name, Contents()) == Artifact(hashlib.sha256(b"x").hexdigest(), kind)


def test_animation_is_named_by_its_bytes(tmp_path):
    frames = [Image.new("L", (4, 4), 80 * i) for i in range(3)]
    frames[0].save(tmp_path / "walk.gif", save_all=True, append_images=frames[1:])
    assert artifact_of(tmp_path / "walk.gif", Contents()) == Artifact(file_digest(tmp_path / "walk.gif"), "file")


def test_set_is_named_by_the_root_over_its_files(samples):
    digests = [Images.digest(samples / f"{i}.png") for i in range(3)]
    assert [path.name for path, _ in members_of(samples, Contents())] == ["0.png", "1.png", "2.png"]
    artifact = artifact_of(samples, Contents())
    assert artifact == Artifact(merkle_root(digests), "set")  # as in the signed statement about the samples
    for i in range(3):
        proof = prove_membership(samples, samples / f"{i}.png", Contents())
        assert (proof.digest, proof.index, proof.size) == (digests[i], i, 3)
        assert proof.verify(artifact.digest)
        assert not proof.verify(hashlib.sha256().hexdigest())
    (samples / "3.png").write_bytes((samples / "0.png").read_bytes())
    assert artifact_of(samples, Contents()) != artifact


def test_missing_and_foreign_members_are_rejected(samples, tmp_path):
    foreign = tmp_path / "9.png"
    Image.fromarray(np.full((4, 4), 9, np.uint8)).save(foreign)
    with pytest.raises(UserError, match="holds no file with this content"):
        prove_membership(samples, foreign, Contents())
    with pytest.raises(UserError, match="no such file or folder"):
        artifact_of(tmp_path / "none", Contents())
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no files"):
        artifact_of(tmp_path / "empty", Contents())
    (samples / "4.png").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"4\.png"):
        artifact_of(samples, Contents())


def test_metadata_is_canonical():
    attributes = {"seed": 2**53, "label": 3, "checkpoint": "ab"}
    metadata = Metadata("A three", "Drawn by a GAN", "ipfs://x", "https://example.org/a.mp4", attributes, "cd")
    assert json.loads(metadata.as_bytes()) == {
        "animation_url": "https://example.org/a.mp4",
        "attributes": [
            {"trait_type": "checkpoint", "value": "ab"},
            {"trait_type": "label", "value": 3},
            {"trait_type": "seed", "value": "9007199254740992"},
        ],
        "c2pa": "cd",
        "description": "Drawn by a GAN",
        "image": "ipfs://x",
        "name": "A three",
    }
    same = Metadata(
        "A three", "Drawn by a GAN", "ipfs://x", "https://example.org/a.mp4", dict(reversed(attributes.items())), "cd"
    )
    assert same.as_bytes() == metadata.as_bytes()
    assert metadata.digest == hashlib.sha256(metadata.as_bytes()).digest()
    assert json.loads(Metadata("x").as_bytes()) == {"attributes": [], "description": "", "name": "x"}


def test_address_in_ipfs():
    # The content "hello world"; the package multiformats of npm gives the same addresses.
    known = hashlib.sha256(b"hello world").digest()
    assert ipfs_address_base32(known) == "ipfs://bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
    assert ipfs_address(known) == f"ipfs://f01551220{known.hex()}"
    text = ipfs_address_base32(known).removeprefix("ipfs://b").upper()
    assert base64.b32decode(text + "=" * (-len(text) % 8)).hex() == ipfs_address(known).removeprefix("ipfs://f")


def test_contract_gives_the_same_address(client):
    from gan_lightning.chain.works import Draft
    from tests.chain.conftest import digest, single_claim

    alice, metadata = client.demo_accounts["alice"], Metadata("x")
    claim = single_claim(alice.address, digest("x"))
    client.transact(alice, "anchor", claim.root, 1)
    client.transact(alice, "register", claim, Draft(metadata=metadata.digest), b"")
    assert client.read("tokenURI", 1) == ipfs_address(metadata.digest)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Metadata(" "), "--name: must not be empty"),
        (lambda: Metadata("x", image="a.png"), "--image 'a.png': must be an address"),
        (lambda: Metadata("x", "y" * 300_000).as_bytes(), "at most 262,144"),
    ],
)
def test_unusable_metadata_is_rejected(make, reason):
    with pytest.raises(UserError, match=reason):
        make()
