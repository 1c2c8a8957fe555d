"""Networks that translate images, and the features that they offer to losses."""

import pytest
import torch

from gan_lightning.networks.translator import Generator, stage_channels

GREY, RGB = [1, 16, 16], [3, 16, 16]


def generator(condition_shape=RGB, sample_shape=RGB, **options):
    torch.manual_seed(0)
    return Generator(condition_shape, sample_shape, **{"width": 4, "downsamplings": 2, "blocks": 2} | options)


def test_domains_may_differ_in_channels():
    translated = generator(GREY, RGB)(None, torch.randn(2, 1, 16, 16))
    assert translated.shape == (2, 3, 16, 16)
    assert translated.abs().max() <= 1


def test_images_of_any_size_are_translated():
    network = generator(GREY, RGB)
    assert (network.scale, network.margin, network.multiple) == (1, None, 4)
    assert network(None, torch.zeros(1, 1, 24, 32)).shape == (1, 3, 24, 32)


def test_residual_training_starts_with_the_identity():
    network, images = generator(residual=True), torch.rand(2, 3, 16, 16) * 2 - 1
    assert torch.equal(network(None, images), images)
    torch.nn.init.constant_(network.decoder[-1].bias, 0.5)
    torch.testing.assert_close(network(None, images), (images + 0.5).clamp(max=1))


def test_a_pattern_of_alternating_pixels_is_not_aliased():
    """A checkerboard and the same shifted by a pixel have the same halved features, away from the borders."""
    network = generator(GREY, GREY, width=8)
    board = ((torch.arange(64)[:, None] + torch.arange(64)) % 2).float()[None, None]
    with torch.no_grad():
        (halved,), (shifted,) = network.encode(board, [2]), network.encode(1 - board, [2])
    torch.testing.assert_close(halved[..., 8:-8, 8:-8], shifted[..., 8:-8, 8:-8])


@pytest.mark.parametrize("downsamplings", [0, 1, 2])
def test_features_have_the_declared_channels(downsamplings):
    network = generator(GREY, RGB, downsamplings=downsamplings)
    channels = stage_channels(GREY, 4, downsamplings, 2)
    images = torch.randn(2, 1, 16, 16)
    features = network.encode(images, range(len(channels)))
    assert [one.shape[1] for one in features] == channels
    assert torch.equal(features[0], images)
    torch.testing.assert_close(torch.tanh(network.decoder(features[-1])), network(None, images))
    chosen = network.encode(images, [2, 0])
    assert torch.equal(chosen[0], features[2])
    assert torch.equal(chosen[1], images)


def test_channels_of_chosen_stages():
    assert stage_channels(RGB, 8, 2, 3) == [3, 8, 16, 32, 32, 32, 32]
    assert stage_channels(RGB, 8, 2, 3, [6, 0]) == [32, 3]
    with pytest.raises(ValueError, match=r"stages \[7\]: the generator has stages 0…6"):
        stage_channels(RGB, 8, 2, 3, [0, 7])


@pytest.mark.parametrize(
    ("shapes", "options", "message"),
    [
        ((RGB, [3, 16, 8]), {}, "16×16 cannot be translated to 16×8: the domains need the same size"),
        (([3, 18, 18], [3, 18, 18]), {}, "18×18 is not divisible by 4, as downsamplings=2 needs"),
        ((GREY, RGB), {"residual": True}, "1 channels cannot be added to 3: residual=false"),
    ],
)
def test_shapes_that_do_not_fit_are_rejected(shapes, options, message):
    with pytest.raises(ValueError, match=message):
        generator(*shapes, **options)
