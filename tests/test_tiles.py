"""A network that is applied in tiles gives the result of the whole image."""

import numpy as np
import pytest
import torch

from gan_lightning.imaging import tiles
from gan_lightning.imaging.photo import to_pixels, to_samples
from gan_lightning.imaging.photo_network import eightfold
from tests.toy.photos import Convolutions


def random_pixels(height, width, channels=3, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (height, width, channels)).astype(dtype)


def network(**options):
    torch.manual_seed(0)
    return Convolutions(**options).eval()


def apply(applied, pixels, margin, scale, multiple):
    """Return the result (1, C, H, W) for the image, put together from its parts, each of which must be new."""
    height, width, channels = pixels.shape
    result = torch.full((1, channels, scale * height, scale * width), torch.nan)
    for rows, columns, values in tiles.apply_in_tiles(applied, pixels, scale, margin, multiple):
        assert result[..., rows, columns].isnan().all()
        result[..., rows, columns] = values
    return result


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("options", [{"scale": 3}, {"scale": 4}, {"scale": 1, "stride": 4}, {"scale": 2, "stride": 2}])
@pytest.mark.parametrize("size", [(97, 150), (32, 133), (200, 9)])
def test_tiles_equal_the_whole_image(monkeypatch, size, options, ensemble):
    monkeypatch.setattr(tiles, "TILE", 32)
    one, pixels = network(**options), random_pixels(*size)
    applied = lambda image: one(None, image)  # noqa: E731
    applied = eightfold(applied) if ensemble else applied
    assert len(tiles.spans(len(tiles.indices(max(size), one.multiple)), one.margin, one.multiple)) > 1
    in_tiles, whole = (apply(applied, pixels, margin, one.scale, one.multiple) for margin in (one.margin, None))
    assert not in_tiles.isnan().any()
    # Torch computes the positions of an interpolation by 3 in float32, with an error that grows along the image.
    assert (in_tiles - whole).abs().max() < (5e-5 if one.scale == 3 else 1e-5)
    different = to_pixels(in_tiles, np.uint8).astype(int) - to_pixels(whole, np.uint8)
    assert np.abs(different).max() <= 1
    assert (different != 0).mean() < (1e-3 if one.scale == 3 else 1e-5)  # values that lie between two levels
    if not any(side % one.multiple for side in size):
        assert torch.equal(whole, applied(to_samples(pixels)).detach())


def test_too_small_a_margin_leaves_seams(monkeypatch):
    monkeypatch.setattr(tiles, "TILE", 32)
    one, pixels = network(scale=1), random_pixels(64, 64)
    applied = lambda image: one(None, image)  # noqa: E731
    assert (apply(applied, pixels, 3, 1, 1) - apply(applied, pixels, None, 1, 1)).abs().max() > 1e-3


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 2), (8, 8)])
@pytest.mark.parametrize("whole", [False, True])
def test_small_images(size, whole):
    one = network(scale=2, stride=2, whole=whole)
    result = apply(lambda image: one(None, image), random_pixels(*size), one.margin, 2, one.multiple)
    assert result.isfinite().all()


def test_images_are_continued_by_reflection():
    assert tiles.indices(10, 4).tolist() == [*range(10), 8, 7]
    assert tiles.indices(3, 1).tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert tiles.indices(1, 1).tolist() == [0] * 8
    assert len(tiles.indices(9, 16)) == 32


@pytest.mark.parametrize("length", [8, 500, 513, 4000])
@pytest.mark.parametrize(("margin", "multiple"), [(0, 1), (10, 1), (300, 1), (10, 4)])
def test_spans_cover_each_pixel_once(length, margin, multiple):
    length = -(-length // multiple) * multiple
    spans = tiles.spans(length, margin, multiple)
    assert [row for one in spans for row in range(one.start, one.end)] == list(range(length))
    for one in spans:
        assert one.first == 0 or one.start - one.first >= margin
        assert one.last == length or one.last - one.end >= margin
        assert not any(place % multiple for place in one)


def test_eightfold_mean_is_the_mean_over_the_group():
    one, image = network(scale=2), to_samples(random_pixels(12, 17))
    expected = []
    for turns in range(4):
        for flipped in (False, True):
            turned = torch.rot90(image, turns, (2, 3))
            result = one(None, turned.flip(3) if flipped else turned)
            expected.append(torch.rot90(result.flip(3) if flipped else result, -turns, (2, 3)))
    result = eightfold(lambda tile: one(None, tile))(image)
    assert torch.allclose(result, torch.stack(expected).mean(0), atol=1e-6)
    turned = eightfold(lambda tile: one(None, tile))(image.mT).mT
    assert torch.allclose(result, turned, atol=1e-6)
