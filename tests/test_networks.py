"""Networks of the articles: layer sizes, scaling and initialization."""

import torch
from torch import nn

from gan_lightning.networks import mlp, mlp_small


def layer_sizes(network):
    return [(layer.in_features, layer.out_features) for layer in network.modules() if isinstance(layer, nn.Linear)]


def test_mlp_has_the_layers_of_the_first_article():
    generator = mlp.Generator(100, [1, 28, 28], [256, 512, 1024])
    discriminator = mlp.Discriminator([1, 28, 28], [1024, 512, 256])
    assert layer_sizes(generator) == [(100, 256), (256, 512), (512, 1024), (1024, 784)]
    assert layer_sizes(discriminator) == [(784, 1024), (1024, 512), (512, 256), (256, 1)]
    assert [m.negative_slope for m in discriminator.modules() if isinstance(m, nn.LeakyReLU)] == [0.2] * 3
    samples = generator(torch.randn(5, 100) * 100)
    assert samples.shape == (5, 1, 28, 28)
    assert samples.abs().max() <= 1
    assert discriminator(samples).shape == (5, 1)


def test_mlp_small_scales_pixels_from_zero_to_one():
    generator, discriminator = (
        mlp_small.Generator(100, [1, 28, 28], 256),
        mlp_small.Discriminator([1, 28, 28], 256),
    )
    assert layer_sizes(generator) == [(100, 256), (256, 784)]
    assert layer_sizes(discriminator) == [(784, 256), (256, 1)]

    latent = torch.randn(5, 100)
    keras = torch.sigmoid(generator.pixels(torch.relu(generator.hidden(latent))))  # [0, 1]
    samples = generator(latent)
    torch.testing.assert_close((samples.flatten(1) + 1) / 2, keras)
    torch.testing.assert_close(
        discriminator(samples), discriminator.head.linear(torch.relu(discriminator.hidden(keras)))
    )


def test_mlp_small_is_initialized_like_keras():
    layer = mlp_small.Generator(100, [1, 28, 28], 256).hidden
    limit = (6 / (100 + 256)) ** 0.5  # Glorot uniform
    assert 0.99 * limit < layer.weight.abs().max() <= limit
    assert not layer.bias.any()
