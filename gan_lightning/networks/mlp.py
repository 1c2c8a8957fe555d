"""Fully connected networks: ReLU and tanh in the generator, LeakyReLU 0.2 in the discriminator."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from pydantic import PositiveInt
from torch import Tensor, nn


class Generator(nn.Module):
    """Latents (B, latent_dim) to samples (B, *sample_shape) in [-1, 1]."""

    def __init__(
        self, latent_dim: PositiveInt, sample_shape: Sequence[PositiveInt], hidden_dims: Sequence[PositiveInt]
    ) -> None:
        super().__init__()
        dims = [latent_dim, *hidden_dims]
        hidden = [layer for i, o in pairwise(dims) for layer in (nn.Linear(i, o), nn.ReLU())]
        self.layers = nn.Sequential(
            *hidden, nn.Linear(dims[-1], prod(sample_shape)), nn.Tanh(), nn.Unflatten(1, tuple(sample_shape))
        )

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.layers(latent)


class Discriminator(nn.Module):
    """Samples (B, *sample_shape) to logits (B, 1)."""

    def __init__(self, sample_shape: Sequence[PositiveInt], hidden_dims: Sequence[PositiveInt]) -> None:
        super().__init__()
        dims = [prod(sample_shape), *hidden_dims]
        hidden = [layer for i, o in pairwise(dims) for layer in (nn.Linear(i, o), nn.LeakyReLU(0.2))]
        self.layers = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(dims[-1], 1))

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.layers(sample)
