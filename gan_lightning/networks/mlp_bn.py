"""A fully connected generator with batch norm and LeakyReLU 0.2; its discriminator is that of ``mlp``.

Batch norm in the generator alone is what an MLP gains most from; in the discriminator it mixes the samples of a batch.
"""

from torch import nn

from gan_lightning.networks import mlp
from gan_lightning.networks.mlp import Discriminator

__all__ = ["Discriminator", "Generator"]


class Generator(mlp.Generator):
    """Latents (B, latent_dim) to samples (B, *sample_shape) in [-1, 1]."""

    @staticmethod
    def hidden_layer(i: int, o: int) -> tuple[nn.Module, ...]:
        return nn.Linear(i, o, bias=False), nn.BatchNorm1d(o), nn.LeakyReLU(0.2)
