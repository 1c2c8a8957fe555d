"""A multilayer perceptron as generator, with batch norm and LeakyReLU 0.2; the discriminator is that of ``mlp``.

Batch norm in the generator improves an MLP more than any other change. In the discriminator, it would mix samples.
"""

from torch import nn

from gan_lightning.networks import mlp
from gan_lightning.networks.mlp import Discriminator

__all__ = ["Discriminator", "Generator"]


class Generator(mlp.Generator):
    """Maps latents (B, latent_dim) to samples (B, *sample_shape) in [-1, 1]."""

    @staticmethod
    def hidden_layer(in_features: int, out_features: int) -> tuple[nn.Module, ...]:
        return nn.Linear(in_features, out_features, bias=False), nn.BatchNorm1d(out_features), nn.LeakyReLU(0.2)
