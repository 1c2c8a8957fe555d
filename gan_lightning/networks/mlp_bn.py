"""A fully connected generator with batch norm and LeakyReLU 0.2; its discriminator is that of ``mlp``.

Batch norm in the generator alone is what an MLP gains most from; in the discriminator it mixes the samples of a batch.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.conditional import LabelledLatent
from gan_lightning.networks.mlp import Discriminator

__all__ = ["Discriminator", "Generator"]


class Generator(nn.Module):
    """Latents (B, latent_dim) to samples (B, *sample_shape) in [-1, 1]."""

    def __init__(
        self,
        latent_dim: PositiveInt,
        sample_shape: Sequence[PositiveInt],
        hidden_dims: Sequence[PositiveInt],
        num_classes: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        self.latent = LabelledLatent(latent_dim, num_classes)
        dims = [self.latent.out_features, *hidden_dims]
        hidden = [
            layer
            for i, o in pairwise(dims)
            for layer in (nn.Linear(i, o, bias=False), nn.BatchNorm1d(o), nn.LeakyReLU(0.2))
        ]
        self.layers = nn.Sequential(
            *hidden, nn.Linear(dims[-1], prod(sample_shape)), nn.Tanh(), nn.Unflatten(1, tuple(sample_shape))
        )

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.layers(self.latent(latent, condition))
