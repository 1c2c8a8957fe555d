"""The generate command makes images from images of the user: input=."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from gan_lightning.commands import image_input
from gan_lightning.data.image_tree import ImageTree
from gan_lightning.imaging import photo_network
from gan_lightning.imaging.photo import Photo, read_photo, to_pixels, to_samples
from gan_lightning.imaging.photo_network import PhotoNetwork, eightfold
from tests.conftest import FAST
from tests.test_depth import RGB, write_png
from tests.test_photo import random_pixels
from tests.toy import photos

TOY = Path(photos.__file__).parent
RUN = ["checkpoint=run.ckpt", "trust_code=[photos]"]


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.syspath_prepend(TOY)


def generate(run, *arguments):
    result = run("generate", *RUN, *arguments)
    assert result.code == 0, result.err
    return result


def refused(run, *arguments):
    """Return the only line of the error of a refused command, which must not have written anything."""
    before = set(Path().rglob("*"))
    result = run("generate", *RUN, *arguments)
    assert (result.code, result.out) == (2, "")
    assert set(Path().rglob("*")) == before
    (line,) = result.err.splitlines()
    return line.removeprefix("error: ")


def save(path, pixels):
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[2] == 1 else pixels).save(path)


def test_image_is_enlarged_beside_the_input(run):
    network = photos.checkpoint("run.ckpt", scale=4)
    pixels = random_pixels(3, height=20, width=30)
    Path("album").mkdir()
    save("album/photo.png", pixels)
    assert generate(run, "input=album/photo.png").out == "album/photo_x4.png\n"
    expected = to_pixels(network(None, to_samples(pixels)).detach(), np.uint8)
    assert np.array_equal(read_photo(Path("album/photo_x4.png")).pixels, expected)
    assert refused(run, "input=album/photo.png") == (
        "output=album/photo_x4.png: exists already: move it away, or add output=… to replace it"
    )
    before = Path("album/photo_x4.png").read_bytes()
    generate(run, "input=album/photo.png", "output=album/photo_x4.png", "ensemble=true")
    assert Path("album/photo_x4.png").read_bytes() != before
    assert refused(run, "input=album/photo.png", "output=album/../album/photo.png").endswith(
        ": is the input itself: give another name"
    )


def test_stages_and_directions(run):
    network = photos.checkpoint("run.ckpt", "TwoWays", scale=1)
    pixels = random_pixels(3, height=20, width=30)
    save("photo.png", pixels)
    image = to_samples(pixels)
    for arguments, name, gain, apply in [
        ([], "photo_painter", 0.3, lambda one: one),
        (["blend=0.5"], "photo_painter_blend0.5", 0.15, lambda one: one),
        (["blend=0"], "photo_painter_blend0", 0, lambda one: one),
        (["reverse=true"], "photo_painter_reverse", -0.3, lambda one: one),
        (["ensemble=true", "weights=raw"], "photo_painter_raw_ensemble", 0.3, eightfold),
    ]:
        assert generate(run, "input=photo.png", *arguments).out == f"{name}.png\n"
        network.gain = gain
        expected = apply(lambda one: network(None, one))(image).detach()
        assert np.array_equal(read_photo(Path(f"{name}.png")).pixels, to_pixels(expected, np.uint8)), arguments


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("model", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_all_channels_and_bits_with_models_that_enlarge(channels, model, dtype):
    """A model that interpolates by the bicubic rule enlarges all channels of all photos alike."""
    network = photos.Convolutions(2, model, model, gain=0)
    pixels = random_pixels(channels, dtype, 20, 30)
    photo = Photo(pixels, b"profile")
    result = PhotoNetwork(network, model, model)(photo)
    expected = F.interpolate(to_samples(pixels), scale_factor=2, mode="bicubic", antialias=True)
    assert result.icc_profile == b"profile"
    assert result.pixels.dtype == dtype
    assert np.abs(result.pixels.astype(int) - to_pixels(expected, dtype)).max() <= 1


@torch.no_grad()
def test_grey_and_color_with_the_other_kind_of_model():
    """The luma of the result is what a grey model makes of the luma, and the chroma is that of Pillow's YCbCr."""
    torch.manual_seed(0)
    smooth = np.array(Image.fromarray(random_pixels(3, height=6, width=6)).resize((24, 24), Image.Resampling.BICUBIC))
    for_grey, for_color = photos.Convolutions(2, 1, 1, gain=0.1), photos.Convolutions(2, 3, 3)
    result = PhotoNetwork(for_grey, 1, 1)(Photo(smooth)).pixels
    luma, *chroma = Image.fromarray(smooth).convert("YCbCr").split()
    enlarged = to_pixels(for_grey(None, to_samples(np.array(luma)[..., None])), np.uint8)
    parts = [Image.fromarray(enlarged[..., 0]), *(one.resize((48, 48), Image.Resampling.BICUBIC) for one in chroma)]
    expected = np.array(Image.merge("YCbCr", parts).convert("RGB")).astype(int)
    assert np.abs(result - expected).max() <= 4  # each step of the reference is rounded to 8 bits
    grey = random_pixels(1, height=20, width=30)
    expected = for_color(None, to_samples(grey.repeat(3, 2))).mean(1, keepdim=True)
    assert np.array_equal(PhotoNetwork(for_color, 3, 3)(Photo(grey)).pixels, to_pixels(expected, np.uint8))


@pytest.mark.parametrize(("takes", "makes"), [(1, 1), (3, 3), (1, 3), (3, 1)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_result_of_a_translator_has_its_channels_and_the_alpha_of_the_photo(takes, makes, channels):
    network = photos.Convolutions(1, takes, makes, whole=True)
    pixels = random_pixels(channels, height=20, width=30)
    result = PhotoNetwork(network, takes, makes)(Photo(pixels)).pixels
    assert result.shape == (20, 30, makes + (channels in (2, 4)))
    if channels in (2, 4):
        assert np.array_equal(result[..., -1], pixels[..., -1])


def test_tiles_leave_no_seam_in_a_photo_with_alpha(monkeypatch):
    network = PhotoNetwork(photos.Convolutions(2, 1, 1), 1, 1)
    network.margin = 6
    photo = Photo(random_pixels(4, height=70, width=90))
    whole = network(photo).pixels.astype(int)
    monkeypatch.setattr("gan_lightning.imaging.tiles.TILE", 32)
    assert np.abs(whole - network(photo).pixels).max() <= 1


def test_16_bits_through_the_command(run):
    network = photos.checkpoint("run.ckpt", scale=2)
    pixels = random_pixels(3, np.uint16, 20, 30)
    write_png(Path("photo.png"), pixels, RGB)
    generate(run, "input=photo.png")
    expected = to_pixels(network(None, to_samples(pixels)).detach(), np.uint16)
    assert np.array_equal(read_photo(Path("photo_x2.png")).pixels, expected)
    assert refused(run, "input=photo.png", "output=a.jpg").startswith("output=a.jpg: JPEG is written with 8 bits")


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif", ".PNG"])
def test_output_in_other_formats(run, suffix):
    photos.checkpoint("run.ckpt", scale=2)
    Image.new("RGB", (20, 10), "red").save("photo.bmp")
    generate(run, "input=photo.bmp", f"output=new/large{suffix}")
    with Image.open(f"new/large{suffix}") as image:
        assert (image.format, image.size) == (image_input.FORMATS[suffix.lower()], (40, 20))


def test_folder(run):
    photos.checkpoint("run.ckpt", scale=2)
    folder = Path("album")
    (folder / "more").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "b.png", "c.webp"):
        Image.new("RGB", (20, 10), "red").save(folder / name)
    (folder / "notes.txt").write_text("no image", encoding="utf-8")
    (folder / "d.png").write_bytes((folder / "a.png").read_bytes()[:-30])
    generate(run, "input=album/a.png")
    result = run("generate", *RUN, "input=album")
    left_out, damaged = result.out.splitlines()
    assert left_out == "input=album: left out: no images: more/, notes.txt; results of this command: a_x2.png"
    assert damaged.startswith("album/d.png: not a readable image")
    expected = "error: input=album: 1 of 5 images could not be read (d.png); 4 results are in album_x2: "
    expected += "repair or remove them\n"
    assert (result.code, result.err) == (2, expected)
    assert sorted(path.name for path in Path("album_x2").glob("*.*")) == [
        image_input.GENERATED, "a.png", "b.jpg.png", "b.png.png", "c.png",
    ]  # fmt: skip
    (folder / "d.png").unlink()
    assert refused(run, "input=album").startswith("output=album_x2: exists already; for a folder as input")
    assert generate(run, "input=album", "output=album/more").out.endswith("\nalbum/more\n")
    assert len(list((folder / "more").glob("*.png"))) == 4
    shutil.rmtree(folder)
    folder.mkdir()
    assert refused(run, "input=album", "output=new").endswith(": no images in it: give an image, or a folder of images")


def test_results_are_no_training_data(run):
    photos.checkpoint("run.ckpt", scale=2)
    Path("album").mkdir()
    Image.new("RGB", (20, 10), "red").save("album/a.png")
    generate(run, "input=album")
    tree = ImageTree(Path())
    assert (tree.find().images, tree.find().results) == (["album/a.png"], ["album_x2"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["input=nowhere.png"], "input=nowhere.png: no such file or folder: give an image, or a folder of images"),
        (["input=text.png"], "input=text.png: not a readable image (none of BMP, "),
        (["input=photo.png", "output=a"], "output=a: the name of a .png, .jpg, "),
        (["input=photo.png", "output=a.gif"], "output=a.gif: the name of a .png, .jpg, "),
        (["input=photo.png", "blend=0.5"], "blend=0.5: the model has no two stages to blend: leave it out"),
        (["input=photo.png", "reverse=true"], "reverse=true: the model has one direction only: leave it out"),
        (["input=photo.png", "weights=ema"], "weights=ema: the model has no averaged generator"),
        (["input=photo.png", "blend=2"], "blend=2"),
        (["input=photo.png", "n=3"], "n=3: is about random samples, not about input=photo.png: leave one out"),
        (["input=photo.png", "condition=7"], "condition=7: is about random samples"),
        (["input=photo.png", "truncation=0.5"], "truncation=0.5: is about random samples"),
        (["input=photo.png", "project=photo.png"], "project=photo.png: is about random samples"),
        (["input=photo.png", "format=files"], "format=files: is about random samples"),
        (["ensemble=true"], "ensemble=true: is about the images of input=…: add input, or leave ensemble out"),
        (["blend=0"], "blend=0.0: is about the images of input=…"),
        (["reverse=true"], "reverse=true: is about the images of input=…"),
    ],
)
def test_bad_input(run, arguments, expected):
    photos.checkpoint("run.ckpt", scale=2)
    Image.new("RGB", (20, 10)).save("photo.png")
    Path("text.png").write_text("no image", encoding="utf-8")
    assert refused(run, *arguments).startswith(expected)


def test_choices_that_exclude_each_other(run):
    photos.checkpoint("run.ckpt", "TwoWays", scale=1)
    Image.new("RGB", (20, 10)).save("photo.png")
    for other in ("reverse=true", "weights=raw"):
        expected = f"{other}: blend=0.5 chooses other weights: leave one out"
        assert refused(run, "input=photo.png", "blend=0.5", other) == expected


def test_models_that_do_not_fit(run, trained_once):
    Image.new("RGB", (20, 10)).save("photo.png")
    photos.checkpoint("run.ckpt", takes=4, makes=4, scale=1)
    assert refused(run, "input=photo.png") == (
        "input=photo.png: the model takes images of 4 channels and makes 4: train one with 1 (grey) or 3 (RGB)"
    )
    trained_once("generator", *FAST, "max_iterations=2", "hydra.run.dir=run")
    result = run("generate", "checkpoint=run", "input=photo.png")
    assert result.code == 2
    assert result.err.startswith("error: input=photo.png: the model does not make images from images: give ")


def test_size_limits(run, monkeypatch):
    Image.new("L", (20, 10)).save("photo.png")
    photos.checkpoint("run.ckpt", scale=2)
    monkeypatch.setattr(photo_network, "MAX_RESULT_PIXELS", 799)
    assert refused(run, "input=photo.png") == (
        "input=photo.png: 20×10 is more than 199 pixels: scale it down, crop or remove it"
    )
    monkeypatch.setattr(photo_network, "MAX_RESULT_PIXELS", 800)
    generate(run, "input=photo.png")
    photos.checkpoint("run.ckpt", scale=2, whole=True)
    monkeypatch.setattr(photo_network, "MAX_WHOLE_PIXELS", 100)
    assert "20×10 is more than 100 pixels" in refused(run, "input=photo.png", "output=a.png")


@pytest.mark.parametrize("size", [(1, 1), (3, 200)])
def test_tiny_images(run, size):
    photos.checkpoint("run.ckpt", scale=1, stride=4, whole=True)
    Image.new("LA", size).save("photo.png")
    generate(run, "input=photo.png")
    with Image.open("photo_painter.png") as image:
        assert (image.mode, image.size) == ("RGBA", size)
