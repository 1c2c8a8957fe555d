"""Unusual and damaged files from other tools, operating systems and broken disks."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.commands import statement
from gan_lightning.data.image_files import read_image
from gan_lightning.data.image_folder import ImageFolder
from gan_lightning.errors import UserError
from gan_lightning.modalities.image import Images
from gan_lightning.provenance import identity
from tests.conftest import FAST, write_idx
from tests.test_bad_input import assert_refused
from tests.test_image_folder import SMALL, draw, pictures, train  # noqa: F401

RANDOM = np.random.default_rng(0)
COLORS = RANDOM.integers(0, 256, (64, 64, 3), np.uint8)
HALVES = np.repeat(np.array([[255, 0]], np.uint8), 12, 1)  # white on the left
ORIENTATION = 0x0112


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_rotated_tiff_is_read_upright(tmp_path, mode, compression):
    array = np.repeat(HALVES, 12, 0)
    array = {"L": array, "RGB": np.stack([array] * 3, -1), "I;16": array.astype(np.uint16) * 257}[mode]
    orientation = {ORIENTATION: 6}  # rotated clockwise by 90 degrees
    Image.fromarray(array).save(tmp_path / "a.tif", tiffinfo=orientation, compression=compression)
    rows = read_image(tmp_path / "a.tif", 12, 1)[0]
    assert (rows[:4] == 255).all()
    assert (rows[-4:] == 0).all()


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True, "comment": b"\xff\xda\xff"}, {"restart_marker_rows": 1}], ids=str
)
def test_a_jpeg_whose_end_is_zeros_is_refused(tmp_path, options):
    path = tmp_path / "a.jpg"
    Image.fromarray(COLORS).save(path, **options)
    whole = path.read_bytes()
    before = read_image(path, 12, 3)
    path.write_bytes(whole + b"\0\0\0\x18ftypmp42\xff\xda\xff")  # a photo followed by a short video
    assert (read_image(path, 12, 3) == before).all()
    path.write_bytes(whole[: len(whole) // 2].ljust(len(whole), b"\0"))
    for read in (lambda path: read_image(path, 12, 3), Images(3, 64, 64).read):
        with pytest.raises(UserError, match=r"a\.jpg: not a readable image \(the end of the file is missing\)"):
            read(path)


def test_folders_named_as_splits_are_not_classes(run, train, tmp_path):  # noqa: F811
    for part in ("Train", "val"):
        for name in ("cat", "dog"):
            draw(tmp_path / "pictures" / part / name / "0.png", 9)
    parts = "Train, val are parts of a data set"
    assert_refused(run("train", *SMALL, "conditional=true"), tmp_path, parts, "data.root=pictures/Train")
    data, said = train()
    assert "classes" not in data
    assert f"4 images, without classes: {parts}, which are read together" in said


def test_classes_of_the_same_name_are_refused(run, tmp_path):
    for name in ("caf\u00e9", "cafe\u0301"):  # the same text in two Unicode forms
        draw(tmp_path / "pictures" / name / "0.png", 9)
    assert_refused(run("train", *SMALL, "conditional=true"), tmp_path, "several classes are called caf\u00e9: rename")


def test_images_of_zeros_and_ones_are_refused(run, tmp_path):
    ones = RANDOM.integers(0, 2, (12, 12, 12), np.uint8)
    for i, one in enumerate(ones):
        draw(tmp_path / "pictures" / f"{i}.png")
        Image.fromarray(one).save(tmp_path / "pictures" / f"{i}.png")
    np.save(tmp_path / "ones.npy", ones)
    why = "is 1, but white is 255: scale the values to 0…255"
    assert_refused(run("train", *SMALL), tmp_path, f"data: the largest value in the images {why}")
    for path in ("ones.npy", "pictures"):
        with pytest.raises(UserError, match=f"{path}: the largest value {why}"):
            Images(1, 12, 12).read(tmp_path / path)
    (tmp_path / "pictures" / "0.png").unlink()
    draw(tmp_path / "pictures" / "0.png", 2)
    Images(1, 12, 12).read(tmp_path / "pictures")


def test_an_incomplete_cache_is_written_again(train, tmp_path, pictures):  # noqa: F811
    train()
    (cached,) = (tmp_path / "cache").rglob("*.npy")
    whole = cached.read_bytes()
    for content in (whole[:-50], b"", whole[:40], b"x" * len(whole), whole.replace(b"(8, 1", b"(4, 2")):
        cached.write_bytes(content)
        ImageFolder(str(pictures), str(cached.parent), 12, 1, [1, 12, 12], 2, None, 0).load()
        assert cached.read_bytes() == whole


def test_empty_mnist_files_are_refused(run, tmp_path):
    for part in ("train", "t10k"):
        write_idx(tmp_path / "MNIST" / "raw" / f"{part}-images-idx3-ubyte", np.zeros((0, 28, 28)))
        write_idx(tmp_path / "MNIST" / "raw" / f"{part}-labels-idx1-ubyte", np.zeros(0))
    mnist = ["data.root=.", "data.checksums=null", "data.download=false"]
    assert_refused(run("train", *mnist), tmp_path, "data: there are no images")
    images = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    images.unlink()
    images.mkdir()
    assert_refused(run("train", *mnist), tmp_path, "train-images-idx3-ubyte is not in")


def test_weights_that_are_not_finite_and_equal_seeds_are_refused(run, tmp_path):
    run("train", *FAST, "max_iterations=1", "hydra.run.dir=run")
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    content["state_dict"]["generator.layers.0.bias"][3] = torch.nan
    torch.save(content, path)
    for command in (["generate", "output=x.png"], ["evaluate"]):
        result = run(*command, "checkpoint=run")
        assert result.code == 2
        assert "last.ckpt: its weights generator.layers.0.bias are not finite: choose an earlier" in result.err
    assert "seeds=[0, 0]: must differ" in run("evaluate", "checkpoint=run", "seeds=[0,0]").err


def test_packed_images_are_refused(run, tmp_path):
    (tmp_path / "pictures").mkdir()
    for name in ("a.parquet", "b.parquet", "train", ".c.zip"):
        (tmp_path / "pictures" / name).write_bytes(b"PAR1")
    found = "files of other types: .parquet 2, no suffix 1: unpack or convert them"
    assert_refused(run("train", *SMALL), tmp_path, "data.root=pictures: no images in it", found)
    (tmp_path / "packed.zip").write_bytes(b"PK")
    assert_refused(run("train", *SMALL, "data.root=packed.zip"), tmp_path, "data.root=packed.zip: is a file", "unpack")


class TestSamples:
    def test_rotated_and_animated_samples_are_refused(self, tmp_path):
        image, turned = Image.fromarray(np.repeat(HALVES, 24, 0)), Image.Exif()
        turned[ORIENTATION] = 3
        image.save(tmp_path / "a.png", exif=turned)
        image.save(tmp_path / "b.gif", save_all=True, append_images=[Image.new("L", (24, 24))])
        for name, why in {"a.png": "turned by EXIF", "b.gif": "several frames"}.items():
            with pytest.raises(UserError, match=f"{name}: is ., 24×24, {why}: the data are .* convert it"):
                Images(1, 24, 24).read(tmp_path / name)

    @pytest.mark.parametrize("dtype", [np.float32, np.float16, bool, np.int64])
    def test_arrays_of_another_type_are_refused(self, tmp_path, dtype):
        np.savez(tmp_path / "a.npz", np.ones((6, 12, 12), dtype))
        with pytest.raises(UserError, match=r"a.npz: is \w+: must be uint8, from 0 for black to 255 for white: scale"):
            Images(1, 12, 12).read(tmp_path / "a.npz")

    def test_suffix_decides_the_format(self, tmp_path):
        np.savez(tmp_path / "a.npz", COLORS[None])
        (tmp_path / "a.npz").rename(tmp_path / "a.NPZ")
        assert Images(3, 64, 64).read(tmp_path / "a.NPZ").shape == (1, 3, 64, 64)
        COLORS.tofile(tmp_path / "raw.npy")
        with pytest.raises(UserError, match=r"raw.npy: not a readable .npy file \((?!.*pickle)"):
            Images(3, 64, 64).read(tmp_path / "raw.npy")


def test_a_network_too_large_for_memory_is_refused(run, tmp_path):
    result = run("train", *FAST, f"model.generator.hidden_dims=[{10**20}]")
    assert_refused(result, tmp_path, "model", "needs more memory than there is")


@pytest.mark.parametrize("name", ["link to a folder", "link to nowhere", "pipe", b"not UTF-8: \xff"])
def test_contribution_refuses_data_that_it_cannot_hash(tmp_path, monkeypatch, called, name):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    identity.create("Jane Doe", "Example")
    given = tmp_path / "given"
    given.mkdir()
    (given / "a.txt").write_text("a")
    path = os.path.join(os.fsencode(given), os.fsencode(name))
    if name == "pipe":
        os.mkfifo(path)
    elif isinstance(name, bytes):
        os.close(os.open(path, os.O_CREAT))
    else:
        os.symlink(tmp_path / ("identity" if name.endswith("folder") else "nowhere"), path)
    code, said = called(statement.main, "contribution", "run", "--data", given)
    assert code == 2
    assert said.startswith(f"error: --data {given}: {given}/")
    assert "rename it" in said if isinstance(name, bytes) else "replace it by a copy" in said
    code, said = called(statement.main, "contribution", "run", "--compute", " ")
    assert (code, "in words" in said) == (2, True)
