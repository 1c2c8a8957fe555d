"""The residual networks of R3GAN (Huang et al., 2024, The GAN is dead; long live the GAN!, arXiv:2501.05441).

They have inverted bottlenecks with grouped convolutions, bilinear resampling, no normalization and no tanh. The last
convolution of a residual branch starts at zero; the weights of the others are scaled by L^(−1/4) for L residual blocks.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.conditional import LabelledLatent, ProjectionHead
from gan_lightning.networks.dcgan import doublings

LEAKY_SLOPE = 0.2  # slope of LeakyReLU below zero
LEAKY_GAIN = math.sqrt(2 / (1 + LEAKY_SLOPE**2))  # gain of weights for which LeakyReLU keeps the variance
EXPANSION = 2  # inner channels of a bottleneck by its outer channels
GROUP_WIDTH = 16  # channels of a group of a grouped convolution


def initialized(layer: nn.Conv2d | nn.Linear, gain: float) -> nn.Conv2d | nn.Linear:
    """Return the layer with normal weights of variance gain² / fan-in (He et al., 2015)."""
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, 0, gain / math.sqrt(fan_in)) if gain else nn.init.zeros_(layer.weight)
    return layer


class PixelConv(nn.Conv2d):
    """1×1 convolution of images, computed as a matrix product.

    On CPUs with bfloat16 units, oneDNN divides by zero in the second derivatives of the convolution, which R1 and R2
    need, for 128 images of 64 pixels (torch 2.14).

    Args:
        in_channels: number of channels of the images.
        out_channels: number of channels of the output.
        bias: if True, add a bias, which starts at zero.
    """

    def __init__(self, in_channels: int, out_channels: int, bias: bool) -> None:
        super().__init__(in_channels, out_channels, 1, bias=bias)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.permute(0, 2, 3, 1), self.weight[:, :, 0, 0], self.bias).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """Residual block: x + conv1×1(act(grouped conv3×3(act(conv1×1(x))))).

    Args:
        channels: number of channels of x.
        blocks: number of residual blocks of the network, by which weights are scaled.
    """

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        inner = channels * EXPANSION
        gain = LEAKY_GAIN * blocks ** (-1 / 4)
        self.expand = initialized(nn.Conv2d(channels, inner, 1), gain)
        groups = max(inner // GROUP_WIDTH, 1)
        self.mix = initialized(nn.Conv2d(inner, inner, 3, padding=1, groups=groups), gain)
        self.contract = initialized(nn.Conv2d(inner, channels, 1, bias=False), 0)
        for layer in (self.expand, self.mix):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.expand(x), LEAKY_SLOPE)
        y = F.leaky_relu(self.mix(y), LEAKY_SLOPE)
        return x + self.contract(y)


class Resample(nn.Module):
    """Doubles or halves the size bilinearly, and changes the number of channels by a 1×1 convolution.

    Args:
        in_channels: number of channels of the input.
        out_channels: number of channels of the output.
        factor: 2 or 0.5.
    """

    def __init__(self, in_channels: int, out_channels: int, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.channels = initialized(nn.Conv2d(in_channels, out_channels, 1, bias=False), 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.factor > 1:  # convolve while there are fewer pixels
            return F.interpolate(self.channels(x), scale_factor=self.factor, mode="bilinear")
        return self.channels(F.avg_pool2d(x, 2))  # equals bilinear halving, and is faster in all memory formats


def widths(width: int, times: int) -> list[int]:
    """Return the number of channels at each size, from the full size down: it doubles up to 8 · ``width``."""
    return [width * min(2**i, 8) for i in range(times + 1)]


def _stages(channels: Sequence[int], depth: int, factor: float) -> nn.Sequential:
    """Return ``depth`` residual blocks for each number of channels, with resampling by ``factor`` in between."""
    layers: list[nn.Module] = []
    for n, width in enumerate(channels):
        layers += [Resample(channels[n - 1], width, factor)] if n > 0 else []
        layers += [ResidualBlock(width, depth * len(channels)) for _ in range(depth)]
    return nn.Sequential(*layers)


class Generator(nn.Module):
    """Maps latents (B, latent_dim) to samples (B, *sample_shape), unbounded, as in the paper.

    Args:
        latent_dim: size of a latent.
        sample_shape: (C, H, W).
        width: number of channels at full size; it doubles with each halving of the size.
        depth: number of residual blocks at each size.
        num_classes: number of classes; None for an unconditional generator.
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
        channels = widths(width, times)[::-1]
        self.latent = LabelledLatent(latent_dim, num_classes)
        self.basis = nn.Parameter(torch.randn(channels[0], base, base))
        self.linear = initialized(nn.Linear(self.latent.out_features, channels[0], bias=False), 1)
        self.layers = _stages(channels, depth, factor=2)
        self.pixels = initialized(nn.Conv2d(channels[-1], sample_shape[0], 1, bias=False), 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        x = self.basis * self.linear(self.latent(latent, condition))[:, :, None, None]
        return self.pixels(self.layers(x))


class Discriminator(nn.Module):
    """Maps samples (B, *sample_shape) to logits (B, 1), with the layers of the generator in reverse order.

    Args:
        sample_shape: (C, H, W).
        width: number of channels at full size; it doubles with each halving of the size.
        depth: number of residual blocks at each size.
        num_classes: number of classes; None for an unconditional discriminator.
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
        channels = widths(width, times)
        self.pixels = initialized(PixelConv(sample_shape[0], channels[0], bias=False), 1)
        self.layers = _stages(channels, depth, factor=0.5)
        self.basis = initialized(nn.Conv2d(channels[-1], channels[-1], base, groups=channels[-1], bias=False), 1)
        self.head = ProjectionHead(channels[-1], num_classes)
        self.to(memory_format=torch.channels_last)

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        features = self.basis(self.layers(self.pixels(sample))).flatten(1)
        return self.head(features, condition)
