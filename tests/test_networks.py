"""Networks of the articles: layer sizes, scaling and initialization."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gan_lightning.networks import dcgan, mlp, mlp_bn, mlp_small, resnet, stylegan


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


SIZES = {
    mlp: {"hidden_dims": [8]},
    mlp_bn: {"hidden_dims": [8]},
    mlp_small: {"hidden_dim": 8},
    dcgan: {"width": 2},
    resnet: {"width": 8, "depth": 1},
    stylegan: {"width": 2},
}


@pytest.mark.parametrize("network", SIZES, ids=lambda network: network.__name__.rpartition(".")[2])
def test_condition_is_labels_or_attributes(network):
    """A label equals an attribute vector with a single 1; more attributes add their embeddings."""
    generator = network.Generator(5, [1, 16, 16], **SIZES[network], num_classes=4).eval()
    discriminator = network.Discriminator([1, 16, 16], **SIZES[network], num_classes=4)
    latent, labels = torch.randn(3, 5), torch.tensor([3, 0, 3])
    attributes = F.one_hot(labels, 4).float()
    samples = generator(latent, labels)
    torch.testing.assert_close(generator(latent, attributes), samples)
    torch.testing.assert_close(discriminator(samples, attributes), discriminator(samples, labels))
    more = attributes + F.one_hot(torch.tensor([1, 1, 1]), 4)
    assert not torch.allclose(generator(latent, more), samples)
    assert not torch.allclose(discriminator(samples, more), discriminator(samples, labels))


def test_attributes_of_an_encoder():
    encoder = mlp.Encoder([1, 4, 4], 3, [8], 4)
    samples, labels = torch.randn(3, 1, 4, 4), torch.tensor([3, 0, 3])
    torch.testing.assert_close(encoder(samples, F.one_hot(labels, 4).float()), encoder(samples, labels))


def test_conditional_network_needs_a_condition():
    with pytest.raises(ValueError, match="the network is conditional, but there is no condition"):
        mlp.Generator(5, [1, 4, 4], [8], 4)(torch.randn(3, 5))
