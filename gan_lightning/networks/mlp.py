"""Multilayer perceptrons: ReLU and tanh in the generator, LeakyReLU 0.2 in the discriminator."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.conditional import LabelledLatent, ProjectionHead


class Generator(nn.Module):
    """Maps latents (B, latent_dim) to samples (B, *sample_shape) in [-1, 1]."""

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
        hidden = [layer for sizes in pairwise(dims) for layer in self.hidden_layer(*sizes)]
        self.layers = nn.Sequential(
            *hidden, nn.Linear(dims[-1], prod(sample_shape)), nn.Tanh(), nn.Unflatten(1, tuple(sample_shape))
        )

    @staticmethod
    def hidden_layer(in_features: int, out_features: int) -> tuple[nn.Module, ...]:
        return nn.Linear(in_features, out_features), nn.ReLU()

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.layers(self.latent(latent, condition))


class Discriminator(nn.Module):
    """Maps samples (B, *sample_shape) to logits (B, 1)."""

    def __init__(
        self,
        sample_shape: Sequence[PositiveInt],
        hidden_dims: Sequence[PositiveInt],
        num_classes: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        dims = [prod(sample_shape), *hidden_dims]
        hidden = [layer for sizes in pairwise(dims) for layer in (nn.Linear(*sizes), nn.LeakyReLU(0.2))]
        self.layers = nn.Sequential(nn.Flatten(), *hidden)
        self.head = ProjectionHead(dims[-1], num_classes)

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.head(self.layers(sample), condition)


class Encoder(nn.Module):
    """Maps samples (B, *sample_shape) to mean and log-variance (B, 2 · latent_dim) of a VAE's latent."""

    def __init__(
        self,
        sample_shape: Sequence[PositiveInt],
        latent_dim: PositiveInt,
        hidden_dims: Sequence[PositiveInt],
        num_classes: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        self.label = LabelledLatent(prod(sample_shape), num_classes)
        dims = [self.label.out_features, *hidden_dims]
        hidden = [layer for sizes in pairwise(dims) for layer in (nn.Linear(*sizes), nn.ReLU())]
        self.layers = nn.Sequential(*hidden, nn.Linear(dims[-1], 2 * latent_dim))

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.layers(self.label(sample.flatten(1), condition))
