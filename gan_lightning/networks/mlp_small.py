"""Networks with one hidden layer, as in Keras tutorials: pixels in [0, 1], Glorot-uniform weights, zero biases."""

from collections.abc import Sequence
from math import prod

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.conditional import LabelledLatent, ProjectionHead


def _dense(in_features: int, out_features: int) -> nn.Linear:
    """Return a linear layer with the initialization of a Keras ``Dense`` layer."""
    layer = nn.Linear(in_features, out_features)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Generator(nn.Module):
    """Maps latents (B, latent_dim) to samples (B, *sample_shape) in [-1, 1]: 2σ(x) − 1 of the last layer x."""

    def __init__(
        self,
        latent_dim: PositiveInt,
        sample_shape: Sequence[PositiveInt],
        hidden_dim: PositiveInt,
        num_classes: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        self.latent = LabelledLatent(latent_dim, num_classes)
        self.hidden = _dense(self.latent.out_features, hidden_dim)
        self.pixels = _dense(hidden_dim, prod(sample_shape))
        self.sample_shape = tuple(sample_shape)

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        hidden = torch.relu(self.hidden(self.latent(latent, condition)))
        pixels = torch.sigmoid(self.pixels(hidden))  # [0, 1]
        return (2 * pixels - 1).unflatten(1, self.sample_shape)


class Discriminator(nn.Module):
    """Maps samples x (B, *sample_shape) in [-1, 1] to logits (B, 1); its first layer gets (x + 1) / 2."""

    def __init__(
        self, sample_shape: Sequence[PositiveInt], hidden_dim: PositiveInt, num_classes: PositiveInt | None = None
    ) -> None:
        super().__init__()
        self.hidden = _dense(prod(sample_shape), hidden_dim)
        self.head = ProjectionHead(hidden_dim, num_classes)
        self.head.linear = _dense(hidden_dim, 1)

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        pixels = (sample.flatten(1) + 1) / 2  # [0, 1]
        return self.head(torch.relu(self.hidden(pixels)), condition)
