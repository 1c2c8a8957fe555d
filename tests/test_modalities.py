"""Modalities: encoding, files, arrays and digests."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.errors import UserError
from gan_lightning.modalities.image import Images, to_uint8
from gan_lightning.modalities.label import Labels
from gan_lightning.modalities.modality import modality_of
from gan_lightning.modalities.samples import cat, chunk, each, leaves, shape, size, take

ONE = torch.arange(10.0).view(5, 2)
JOINT = {"a": torch.arange(5.0), "b": torch.arange(10.0).view(5, 2)}


class TestSamples:
    @pytest.mark.parametrize("sample", [ONE, JOINT])
    def test_parts_make_the_whole(self, sample):
        parts = chunk(sample, 2)
        assert [size(part) for part in parts] == [3, 2]
        for whole, again in zip(leaves(sample), leaves(cat(parts)), strict=True):
            assert torch.equal(whole, again)
        assert size(take(sample, torch.tensor([4, 0]))) == 2

    def test_each_keeps_the_structure(self):
        doubled = each(lambda one, other: one + other, JOINT, JOINT)
        assert torch.equal(doubled["b"], 2 * JOINT["b"])
        assert shape(JOINT) == {"a": (), "b": (2,)}
        assert leaves(None) == []

    @pytest.mark.parametrize("parts", range(1, 6))
    def test_chunks_are_those_of_torch(self, parts):
        for ours, theirs in zip(chunk(ONE, parts), ONE.chunk(parts), strict=True):
            assert torch.equal(ours, theirs)


@pytest.fixture(params=[1, 3, 4])
def images(request):
    """Return a modality with one, three or four channels, and three images of it."""
    modality = Images(request.param, 6, 5)
    content = torch.randint(256, (3, request.param, 6, 5), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    return modality, content


class TestImages:
    def test_uint8_is_rounded_and_clamped(self):
        values = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
        assert to_uint8(values).tolist() == [0, 0, 128, 255, 255]

    def test_decode_inverts_encode(self, images):
        modality, content = images
        sample = modality.encode(content)
        assert sample.min() >= -1
        assert sample.max() <= 1
        assert torch.equal(modality.decode(sample), content)

    def test_read_returns_what_write_wrote(self, images, tmp_path):
        modality, content = images
        paths = modality.write(content[:2], tmp_path) + modality.write(content[2:], tmp_path, start=2)
        assert [path.name for path in paths] == ["000000.png", "000001.png", "000002.png"]
        assert torch.equal(modality.read(tmp_path), content)
        assert torch.equal(modality.read(paths[1]), content[1:2])
        assert modality_of(paths[0].name) is Images

    @pytest.mark.parametrize("channels_last", [False, True])
    def test_arrays_with_channels_first_or_last(self, images, tmp_path, channels_last):
        modality, content = images
        array = content.permute(0, 2, 3, 1) if channels_last else content
        np.save(tmp_path / "a.npy", array.numpy())
        np.savez(tmp_path / "a.npz", samples=array.numpy(), other=np.zeros(3))
        assert torch.equal(modality.read(tmp_path / "a.npy"), content)
        assert torch.equal(modality.read(tmp_path / "a.npz"), content)

    def test_sheet_is_an_enlarged_square_grid(self, images):
        modality, _ = images
        sheet = Images(modality.sample_shape[0], 28, 28).sheet(
            torch.zeros(9, modality.sample_shape[0], 28, 28, dtype=torch.uint8)
        )
        assert sheet.shape == (3 * (56 + 4) + 4, 3 * (56 + 4) + 4, 3)
        assert sheet.dtype == np.uint8

    def test_transparent_is_white_on_a_sheet(self):
        content = torch.zeros(1, 4, 56, 56, dtype=torch.uint8)
        assert (Images(4, 56, 56).sheet(content)[4:-4, 4:-4] == 255).all()

    def test_digest_depends_on_pixels_alone(self, images, tmp_path):
        modality, content = images
        (path,) = modality.write(content[:1], tmp_path)
        before = Images.digest(path)
        with Image.open(path) as image:
            image.save(tmp_path / "again.png", compress_level=0)
        assert (tmp_path / "again.png").read_bytes() != path.read_bytes()
        assert Images.digest(tmp_path / "again.png") == before
        changed = content[:1].clone()
        changed[0, 0, 0, 0] ^= 1
        (path,) = modality.write(changed, tmp_path)
        assert Images.digest(path) != before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"no image", "not a readable image"),
        ("a.npz", b"no arrays", "not a readable .npz file"),
        ("missing.png", None, "no such file or folder"),
        ("", None, "no .png files in it or below"),
    ],
)
def test_unreadable_files_are_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        Images(1, 6, 5).read(tmp_path / name)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 1, 6, 5)), "is float64: must be uint8"),
        (np.zeros((2, 3, 6, 5), np.uint8), "shape [3, 6, 5]: must be [1, 6, 5]"),
    ],
)
def test_content_of_the_wrong_type_or_shape_is_refused(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UserError, match=re.escape(message)):
        Images(1, 6, 5).read(tmp_path / "a.npy")


class TestLabels:
    def test_labels_from_a_number_and_a_file(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        labels = Labels(10)
        assert labels.read(Path("7")).tolist() == [7]
        content = torch.tensor([3, 1, 2])
        (path,) = labels.write(content[:2], tmp_path)
        labels.write(content[2:], tmp_path, start=2)
        assert torch.equal(labels.read(path), content)
        assert labels.values().tolist() == list(range(10))

    @pytest.mark.parametrize("text", ["10", "-1", "seven", "1.5"])
    def test_other_text_is_refused(self, text):
        with pytest.raises(UserError, match="0 to 9"):
            Labels(10).read(Path(text))

    def test_sheet_size(self):
        assert Labels(10).sheet(torch.arange(10), columns=5).shape == (2 * 56, 5 * 56, 3)


def test_unknown_suffix_has_no_modality():
    assert modality_of("a.exe") is None
