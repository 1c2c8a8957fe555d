"""Neural style transfer: its loss against plain loops, and the command on small images."""

import json
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from tqdm import tqdm

from gan_lightning.commands import stylize as command
from gan_lightning.commands import verify as gan_verify
from gan_lightning.files import file_digest
from gan_lightning.imaging.colors import luma
from gan_lightning.imaging.neural_style import (
    CONTENT_LAYER,
    SMALLEST,
    STYLE_LAYERS,
    Objective,
    Weights,
    fit,
    gram,
    match_contrast,
    minimize,
    relative_error,
    scales,
    total_variation,
    transfer_style,
    with_luma,
)
from gan_lightning.networks.perceptual import BACKBONES, PACKAGE, load_network
from gan_lightning.provenance import identity

needs_weights = pytest.mark.skipif(find_spec(PACKAGE) is None, reason=f"needs {PACKAGE}, of the extra 'perceptual'")
FAST = ["steps=3", "size=40"]


def disk():
    """Return pixels (36, 48, 3) uint8 of a red disk on a blue ground."""
    rows, columns = np.mgrid[:36, :48]
    inside = (rows - 18) ** 2 + (columns - 24) ** 2 < 12**2
    return np.where(inside[..., None], (200, 60, 40), (40, 80, 160)).astype(np.uint8)


def stripes():
    """Return pixels (40, 40, 3) uint8 of green and yellow stripes."""
    stripe = (np.add(*np.mgrid[:40, :40]) // 4 % 2 == 1)[..., None]
    return np.where(stripe, (20, 140, 60), (230, 220, 90)).astype(np.uint8)


def sample(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1


@pytest.fixture
def network():
    return load_network("vgg", torch.device("cpu"), "")


@pytest.fixture
def images(tmp_path):
    Image.fromarray(disk()).save(tmp_path / "disk.png")
    Image.fromarray(stripes()).save(tmp_path / "stripes.png")


def test_gram_matrix_of_a_plain_loop():
    maps = torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    expected = torch.zeros(3, 3)
    for i in range(3):
        for j in range(3):
            for y in range(4):
                for x in range(5):
                    expected[i, j] += maps[0, i, y, x] * maps[0, j, y, x] / 20
    assert torch.allclose(gram(maps), expected, atol=1e-6)


def test_total_variation_of_a_plain_loop():
    image = torch.rand(1, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    vertical = [(image[0, c, y + 1, x] - image[0, c, y, x]) ** 2 for c in range(2) for y in range(2) for x in range(4)]
    horizontal = [
        (image[0, c, y, x + 1] - image[0, c, y, x]) ** 2 for c in range(2) for y in range(3) for x in range(3)
    ]
    expected = sum(vertical) / len(vertical) + sum(horizontal) / len(horizontal)
    assert total_variation(image).item() == pytest.approx(expected.item(), rel=1e-5)


@needs_weights
def test_loss_is_the_weighted_sum_of_its_terms(network):
    content, style = sample(disk()), sample(stripes())
    image = 0.5 * content
    maps, of_content, of_style = (dict(network.activations(one)) for one in (image, content, style))
    expected_content = of_content[CONTENT_LAYER]
    content_error = ((maps[CONTENT_LAYER] - expected_content) ** 2).sum() / (expected_content**2).sum()
    style_error = 0.0
    for name in STYLE_LAYERS:
        pixels = [one[name][0].flatten(1) for one in (maps, of_style)]
        found, expected = ((one[:, None] * one[None]).mean(2) for one in pixels)
        style_error += float(((found - expected) ** 2).sum() / (expected**2).sum()) / len(STYLE_LAYERS)
    expected_loss = 2 * float(content_error) + 3 * style_error + 4 * float(total_variation(image))
    assert Objective(network, content, style, Weights(2, 3, 4))(image).item() == pytest.approx(expected_loss, rel=1e-4)
    assert Objective(network, content, content, Weights(1, 1, 0))(content).item() == pytest.approx(0, abs=1e-9)


@needs_weights
def test_loss_falls_and_the_style_comes_closer(network):
    content, style = sample(disk()), sample(stripes())
    objective = Objective(network, content, style, Weights(1, 10, 10))
    with tqdm(disable=True) as bar:
        found = minimize(objective, content, 15, bar)
    assert objective(found) < 0.95 * objective(content)
    result = transfer_style(network, content, style, Weights(1, 10, 10), 15)
    assert result.shape == content.shape
    assert result.abs().max() <= 1
    targets = {name: gram(maps) for name, maps in network.activations_of(style, STYLE_LAYERS).items()}
    for name, maps in network.activations_of(result, STYLE_LAYERS).items():
        before = network.activations_of(content, [name])[name]
        assert relative_error(gram(maps), targets[name]) < relative_error(gram(before), targets[name])


def test_scales_grow_to_the_size():
    sizes, iterations = zip(*scales((512, 340), 100), strict=True)
    assert sizes == ((128, 85), (181, 120), (256, 170), (362, 240), (512, 340))
    assert iterations == (100, 71, 50, 35, 25)
    assert scales((100, 60), 40) == [((100, 60), 40)]
    narrow = scales((600, SMALLEST + 1), 10)
    assert narrow == [((600, SMALLEST + 1), 10)]  # no coarser scale fits the network


def test_style_has_the_longer_side_of_the_content():
    assert fit(sample(disk()), (20, 24)).shape[2:] == (18, 24)
    assert fit(sample(disk()), (96, 80)).shape[2:] == (72, 96)
    assert fit(torch.zeros(1, 3, SMALLEST, 10 * SMALLEST), (24, 24)).shape[2:] == (SMALLEST, 10 * SMALLEST)


def test_colors_are_kept():
    content = sample(disk())
    wanted = (luma(content) + 0.1).clamp(-1, 1)
    result = with_luma(content, wanted)
    assert torch.allclose(luma(result), wanted, atol=1e-5)
    assert torch.allclose((result - content).diff(dim=1), torch.zeros(1, 2, 36, 48), atol=1e-6)
    matched = match_contrast(luma(sample(stripes())) * 0.2, luma(content))
    assert matched.mean().item() == pytest.approx(luma(content).mean().item(), abs=1e-3)
    assert matched.std().item() == pytest.approx(luma(content).std().item(), rel=0.01)


@needs_weights
def test_command_writes_the_same_image_again(run, tmp_path, images):
    result = run("stylize", "content=disk.png", "style=stripes.png", *FAST)
    assert (result.code, result.out) == (0, "disk_stripes.png\n"), result.err
    with Image.open("disk_stripes.png") as image:
        assert (image.mode, image.size) == ("RGB", (40, 30))
    assert run("stylize", "content=disk.png", "style=stripes.png", *FAST, "output=new/again.png").code == 0
    assert (tmp_path / "new/again.png").read_bytes() == (tmp_path / "disk_stripes.png").read_bytes()
    result = run("stylize", "content=disk.png", "style=stripes.png", *FAST)
    assert (result.code, result.err) == (
        2,
        "error: output=disk_stripes.png: exists already: move it away, or add output=… to replace it\n",
    )
    result = run("stylize", "content=disk.png", "style=stripes.png", "steps=1", "output=disk_stripes.png")
    assert result.code == 0, result.err
    with Image.open("disk_stripes.png") as image:
        assert image.size == (48, 36)  # that of the content


@needs_weights
def test_command_keeps_colors(run, images):
    result = run("stylize", "content=disk.png", "style=stripes.png", "steps=5", "keep_colors=true", "output=a.png")
    assert result.code == 0, result.err
    found = np.asarray(Image.open("a.png")).astype(int)
    assert (found != disk()).any()
    inner = (found > 1) & (found < 254)  # not cut off
    difference = found - disk()
    assert (np.ptp(difference, axis=2)[inner.all(2)] <= 1).all()


@needs_weights
@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16"])
def test_command_takes_grey_deep_and_transparent_images(run, images, mode):
    content = Image.fromarray(disk())
    if mode == "I;16":
        content = Image.fromarray(np.asarray(content.convert("L")).astype(np.uint16) * 257)
    else:
        content = content.convert(mode)
    if mode.endswith("A"):
        content.putalpha(Image.linear_gradient("L").resize(content.size))
    content.save("content.png")
    result = run("stylize", "content=content.png", "style=content.png", "steps=1", "output=a.png")
    assert result.code == 0, result.err
    with Image.open("a.png") as image:
        assert image.mode == ("RGBA" if mode.endswith("A") else "RGB")
        assert image.size == (48, 36)
        if mode.endswith("A"):
            assert np.array_equal(np.asarray(image)[..., 3], np.asarray(content)[..., -1])


@needs_weights
def test_signed_image_names_its_sources(run, called, images, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    result = run("stylize", "content=disk.png", "style=stripes.png", *FAST, "sign=true")
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert not (tmp_path / "disk_stripes.png").exists()
    identity.create("Jane Doe", "Example")
    result = run("stylize", "content=disk.png", "style=stripes.png", *FAST, "sign=true")
    assert result.code == 0, result.err
    code, out = called(gan_verify.main, "disk_stripes.png", "--json")
    (found,) = json.loads(out)
    assert (code, found["verdict"]) == (0, "trusted")
    derivation = found["derivation"]
    assert [(one["name"], one["role"], one["digest"]) for one in derivation["sources"]] == [
        ("disk.png", "parentOf", file_digest(tmp_path / "disk.png")),
        ("stripes.png", "inputTo", file_digest(tmp_path / "stripes.png")),
    ]
    assert derivation["model"]["digest"] == BACKBONES["vgg"].sha256
    assert derivation["settings"] == {
        "size": 40, "style_weight": 10.0, "content_weight": 1.0, "tv_weight": 10.0, "steps": 3, "keep_colors": False,
    }  # fmt: skip
    assert (tmp_path / "outputs/ledger").is_dir()


BAD = {
    ("content=missing.png",): "content=missing.png: no such file: give an image",
    ("content=text.png",): "content=text.png: not a readable image",
    ("style=text.png",): "style=text.png: not a readable image",
    ("style=.",): "style=.: no such file: give an image",
    ("content=dot.png",): f"content=dot.png: is 1×1: at least {SMALLEST} pixels a side are needed",
    ("style=dot.png",): f"style=dot.png: is 1×1: at least {SMALLEST} pixels a side are needed",
    ("content=line.png", "size=100"): f"size=100: the result is 100×5, too small for its style: size={20 * SMALLEST}",
    ("size=20",): "size=20: ",
    ("size=1000000",): "size=1000000: needs ",
    ("style_weight=-1",): "style_weight=-1: ",
    ("content_weight=-0.1",): "content_weight=-0.1: ",
    ("tv_weight=nan",): "tv_weight=nan: ",
    ("steps=0",): "steps=0: ",
    ("output=disk.png",): "output=disk.png: is the content itself: give another name",
    ("output=stripes.png",): "output=stripes.png: is the style itself: give another name",
    ("output=result.gif",): "output=result.gif: the name of a .png, .jpg",
    ("content=clear.png", "output=result.jpg"): "output=result.jpg: JPEG has no transparency",
}


@pytest.mark.parametrize(("arguments", "message"), BAD.items(), ids=map(" ".join, BAD))
def test_bad_input_is_one_line(run, tmp_path, images, arguments, message):
    (tmp_path / "text.png").write_text("no image", encoding="utf-8")
    Image.new("RGB", (1, 1)).save("dot.png")
    Image.new("RGB", (20 * SMALLEST, SMALLEST)).save("line.png")
    Image.new("RGBA", (48, 48)).save("clear.png")
    before = sorted(tmp_path.iterdir())
    result = run("stylize", "content=disk.png", "style=stripes.png", "size=40", *arguments)
    assert result.code == 2
    assert result.err.startswith(f"error: {message}")
    assert result.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_memory_is_checked(run, images, monkeypatch):
    monkeypatch.setattr(command, "BYTES_PER_PIXEL", 2**40)
    result = run("stylize", "content=disk.png", "style=stripes.png")
    found = result.err.removeprefix("error: size=48: needs ")
    assert result.code == 2
    assert "GiB of memory, and there are" in found
    assert int(found.removesuffix(" or less\n").rpartition("size=")[2]) < 48


def test_missing_extra_is_one_line(run, images, monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    load_network.cache_clear()
    result = run("stylize", "content=disk.png", "style=stripes.png", "size=40")
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: gan-stylize: needs an extra: pip install 'gan-lightning[perceptual]'\n"
