"""The norm-free residual pair of R3GAN (Huang et al., 2024, The GAN is dead; long live the GAN!, arXiv:2501.05441).

Inverted bottlenecks with grouped convolutions, no normalization, no tanh, bilinear resampling; the last convolution of
a residual branch starts at zero, and the others are scaled by L^(−1/4), L being the number of residual blocks.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.conditional import LabelledLatent, ProjectionHead
from gan_lightning.networks.dcgan import doublings

SLOPE = 0.2  # of the LeakyReLU
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # keeps the variance through it
EXPANSION = 2  # of a bottleneck
GROUP_WIDTH = 16  # channels that a grouped convolution sees


def _scaled(layer: nn.Conv2d | nn.Linear, gain: float) -> nn.Conv2d | nn.Linear:
    """Normal weights of variance gain² / fan-in (He et al., 2015)."""
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, 0, gain / math.sqrt(fan_in)) if gain else nn.init.zeros_(layer.weight)
    return layer


class ResidualBlock(nn.Module):
    """x + conv1×1(act(conv3×3 in groups(act(conv1×1(x)))))."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        inner = channels * EXPANSION
        gain = GAIN * blocks ** (-1 / 4)
        self.expand = _scaled(nn.Conv2d(channels, inner, 1), gain)
        groups = max(inner // GROUP_WIDTH, 1)
        self.mix = _scaled(nn.Conv2d(inner, inner, 3, padding=1, groups=groups), gain)
        self.contract = _scaled(nn.Conv2d(inner, channels, 1, bias=False), 0)
        for layer in (self.expand, self.mix):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.expand(x), SLOPE)
        y = F.leaky_relu(self.mix(y), SLOPE)
        return x + self.contract(y)


class Resample(nn.Module):
    """Twice or half the size, bilinearly, and another number of channels by a convolution 1×1."""

    def __init__(self, i: int, o: int, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.channels = _scaled(nn.Conv2d(i, o, 1, bias=False), 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.factor > 1:  # fewer pixels first
            return F.interpolate(self.channels(x), scale_factor=self.factor, mode="bilinear")
        return self.channels(F.avg_pool2d(x, 2))  # bilinear at half the size, and faster in all memory formats


def _widths(width: int, times: int) -> list[int]:
    """Channels from the largest pictures to the smallest: doubling, at most eightfold."""
    return [width * min(2**i, 8) for i in range(times + 1)]


def _stages(channels: Sequence[int], depth: int, factor: float) -> nn.Sequential:
    """So many residual blocks at each size, and resampling by the factor in between."""
    layers: list[nn.Module] = []
    for n, o in enumerate(channels):
        layers += [Resample(channels[n - 1], o, factor)] if n else []
        layers += [ResidualBlock(o, depth * len(channels)) for _ in range(depth)]
    return nn.Sequential(*layers)


class Generator(nn.Module):
    """Latents (B, latent_dim) to samples (B, *sample_shape); unbounded, as the paper has no tanh.

    Args:
        width: channels at full size; they double with each halving.
        depth: residual blocks at each size.
    """

    def __init__(
        self,
        latent_dim: PositiveInt,
        sample_shape: Sequence[PositiveInt],
        width: PositiveInt,
        depth: PositiveInt,
        num_classes: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        base, times = doublings(sample_shape)
        channels = _widths(width, times)[::-1]
        self.latent = LabelledLatent(latent_dim, num_classes)
        self.basis = nn.Parameter(torch.randn(channels[0], base, base))
        self.linear = _scaled(nn.Linear(self.latent.out_features, channels[0], bias=False), 1)
        self.layers = _stages(channels, depth, factor=2)
        self.pixels = _scaled(nn.Conv2d(channels[-1], sample_shape[0], 1, bias=False), 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        x = self.basis * self.linear(self.latent(latent, condition))[:, :, None, None]
        return self.pixels(self.layers(x))


class Discriminator(nn.Module):
    """Samples (B, *sample_shape) to logits (B, 1): the generator's mirror image.

    Args:
        width: channels at full size; they double with each halving.
        depth: residual blocks at each size.
    """

    def __init__(
        self,
        sample_shape: Sequence[PositiveInt],
        width: PositiveInt,
        depth: PositiveInt,
        num_classes: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        base, times = doublings(sample_shape)
        channels = _widths(width, times)
        self.pixels = _scaled(nn.Conv2d(sample_shape[0], channels[0], 1, bias=False), 1)
        self.layers = _stages(channels, depth, factor=0.5)
        self.basis = _scaled(nn.Conv2d(channels[-1], channels[-1], base, groups=channels[-1], bias=False), 1)
        self.head = ProjectionHead(channels[-1], num_classes)
        self.to(memory_format=torch.channels_last)

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        features = self.basis(self.layers(self.pixels(sample))).flatten(1)
        return self.head(features, condition)
