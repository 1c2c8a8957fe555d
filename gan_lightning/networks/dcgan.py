"""DCGAN: strided convolutions, for pictures of 28, 32, 64 … pixels (Radford et al., 2015, arXiv:1511.06434).

The paper has batch norm in both networks. Here the discriminator has none unless asked for: it makes a verdict depend
on the other samples of the batch, which penalties on single samples cannot have.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.conditional import LabelledLatent, ProjectionHead


def doublings(sample_shape: Sequence[int]) -> tuple[int, int]:
    """The size to begin with, and how many times it doubles: 28 = 7 · 2², 32 = 4 · 2³, 64 = 4 · 2⁴.

    Raises:
        ValueError: for other sizes.
    """
    _, height, width = sample_shape
    for base in (7, 4):
        times = (height // base).bit_length() - 1
        if height == width == base * 2**times and times >= 2:
            return base, times
    raise ValueError(f"sample_shape={list(sample_shape)}: height and width must be 28, 32, 64 or so: 7·2ⁿ or 4·2ⁿ")


class Generator(nn.Module):
    """Latents (B, latent_dim) to samples (B, *sample_shape) in [-1, 1]: transposed convolutions, batch norm, ReLU.

    Args:
        width: channels before the last layer; they double with each halving of the size.
    """

    def __init__(
        self,
        latent_dim: PositiveInt,
        sample_shape: Sequence[PositiveInt],
        width: PositiveInt,
        num_classes: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        base, times = doublings(sample_shape)
        self.latent = LabelledLatent(latent_dim, num_classes)
        channels = [width * 2**i for i in reversed(range(times))]
        layers: list[nn.Module] = [
            nn.Linear(self.latent.out_features, channels[0] * base * base, bias=False),
            nn.Unflatten(1, (channels[0], base, base)),
        ]
        for i, o in zip(channels, [*channels[1:], sample_shape[0]], strict=True):
            layers += [nn.BatchNorm2d(i), nn.ReLU(), nn.ConvTranspose2d(i, o, 4, 2, 1)]
        self.layers = nn.Sequential(*layers, nn.Tanh())
        self.apply(_initialize)
        self.to(memory_format=torch.channels_last)

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.layers(self.latent(latent, condition))


class Discriminator(nn.Module):
    """Samples (B, *sample_shape) to logits (B, 1): strided convolutions, LeakyReLU 0.2.

    Args:
        width: channels after the first layer; they double with each halving of the size.
        batch_norm: as in the paper, in all but the first layer.
    """

    def __init__(
        self,
        sample_shape: Sequence[PositiveInt],
        width: PositiveInt,
        batch_norm: bool = False,
        num_classes: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        base, times = doublings(sample_shape)
        channels = [sample_shape[0], *(width * 2**i for i in range(times))]
        layers: list[nn.Module] = []
        for n, (i, o) in enumerate(pairwise(channels)):
            layers.append(nn.Conv2d(i, o, 4, 2, 1))
            layers += [nn.BatchNorm2d(o)] if batch_norm and n else []
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.head = ProjectionHead(channels[-1] * base * base, num_classes)
        self.apply(_initialize)
        self.to(memory_format=torch.channels_last)

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.head(self.layers(sample), condition)


def _initialize(layer: nn.Module) -> None:
    """N(0, .02) for weights, N(1, .02) for the scales of batch norms."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(layer.weight, 0, 0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1, 0.02)
