"""DCGAN: strided convolutions, for images of 28, 32, 64 … pixels (Radford et al., 2015, arXiv:1511.06434).

The paper uses batch norm in both networks. Here the discriminator has none by default: with batch norm, its output for
a sample depends on the other samples of the batch, and gradient penalties for single samples are not defined.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.conditional import LabelledLatent, ProjectionHead


def doublings(sample_shape: Sequence[int]) -> tuple[int, int]:
    """Return the smallest size of the feature maps, and how many times it doubles up to the image size.

    28 = 7 · 2² gives (7, 2), 32 = 4 · 2³ gives (4, 3), 64 = 4 · 2⁴ gives (4, 4).

    Raises:
        ValueError: if the image is not square, or its size is not 7 · 2ⁿ or 4 · 2ⁿ with n ≥ 2.
    """
    _, height, width = sample_shape
    for base in (7, 4):
        times = (height // base).bit_length() - 1
        if height == width == base * 2**times and times >= 2:
            return base, times
    raise ValueError(
        f"sample_shape={list(sample_shape)}: height and width must be equal, and 28, 32, 64 or another 7·2ⁿ or 4·2ⁿ"
    )


class Generator(nn.Module):
    """Maps latents (B, latent_dim) to samples (B, *sample_shape) in [-1, 1]: transposed convolutions, batch norm, ReLU.

    Args:
        latent_dim: size of a latent.
        sample_shape: (C, H, W).
        width: number of channels before the last layer; it doubles with each halving of the size.
        num_classes: number of classes; None for an unconditional generator.
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
        for in_channels, out_channels in pairwise([*channels, sample_shape[0]]):
            layers += [
                nn.BatchNorm2d(in_channels),
                nn.ReLU(),
                nn.ConvTranspose2d(in_channels, out_channels, kernel_size=4, stride=2, padding=1),
            ]
        self.layers = nn.Sequential(*layers, nn.Tanh())
        self.apply(_initialize)
        self.to(memory_format=torch.channels_last)

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.layers(self.latent(latent, condition))


class Discriminator(nn.Module):
    """Maps samples (B, *sample_shape) to logits (B, 1): strided convolutions, LeakyReLU 0.2.

    Args:
        sample_shape: (C, H, W).
        width: number of channels after the first layer; it doubles with each halving of the size.
        batch_norm: if True, use batch norm in all layers but the first, as in the paper.
        num_classes: number of classes; None for an unconditional discriminator.
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
        for n, (in_channels, out_channels) in enumerate(pairwise(channels)):
            layers.append(nn.Conv2d(in_channels, out_channels, kernel_size=4, stride=2, padding=1))
            layers += [nn.BatchNorm2d(out_channels)] if batch_norm and n > 0 else []
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.head = ProjectionHead(channels[-1] * base * base, num_classes)
        self.apply(_initialize)
        self.to(memory_format=torch.channels_last)

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.head(self.layers(sample), condition)


def _initialize(layer: nn.Module) -> None:
    """Draw weights from N(0, 0.02²) and scales of batch norms from N(1, 0.02²), as in the paper."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(layer.weight, 0, 0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1, 0.02)
