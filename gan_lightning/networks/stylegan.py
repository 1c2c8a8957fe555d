"""StyleGAN2 for images of 16, 28, 32, 64, … pixels (Karras et al., 2020, arXiv:1912.04958), small enough for a CPU.

It differs from the paper in three ways. The generator has no noise inputs, so that styles alone determine a sample, and
an image can be projected to styles exactly. Sizes are doubled bilinearly and halved by averages. The discriminator has
no statistics of the batch, because penalties on its slope need a logit for each single sample.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.augment import Probability
from gan_lightning.networks.conditional import ProjectionHead
from gan_lightning.networks.dcgan import doublings
from gan_lightning.networks.modulation import StyledConv, StyledPixels, upsample
from gan_lightning.networks.resnet import LEAKY_GAIN, LEAKY_SLOPE, PixelConv, initialized, widths
from gan_lightning.networks.styles import StyledGenerator

MAPPING_RATE = 0.01  # learning rate of the mapping network, as a factor of the generator's


class Generator(StyledGenerator):
    """Style-based generator of StyleGAN2, without noise inputs. Samples (B, *sample_shape) are unbounded.

    Each 3×3 convolution gets a style, and is a *level*: one at the smallest size, two at each larger one. The
    convolution to pixels of a size shares the style of the level before it.

    Args:
        latent_dim: size of a latent.
        sample_shape: (C, H, W).
        width: number of channels at full size; it doubles with each halving of the size, up to 8 · ``width``.
        style_dim: size of a style.
        mapping_layers: number of layers of the mapping network.
        mixing_probability: probability of style mixing for each sample.
        num_classes: number of classes or attributes; None for an unconditional generator.
    """

    def __init__(
        self,
        latent_dim: PositiveInt,
        sample_shape: Sequence[PositiveInt],
        width: PositiveInt,
        style_dim: PositiveInt = 128,
        mapping_layers: PositiveInt = 2,
        mixing_probability: Probability = 0.5,
        num_classes: PositiveInt | None = None,
    ) -> None:
        base, times = doublings(sample_shape)
        super().__init__(
            1 + 2 * times, latent_dim, style_dim, mapping_layers, MAPPING_RATE, mixing_probability, num_classes
        )
        channels = widths(width, times)[::-1]
        self.constant = nn.Parameter(torch.randn(1, channels[0], base, base))
        self.layers = nn.ModuleList([StyledConv(channels[0], channels[0], style_dim, up=False)])
        for coarse, fine in pairwise(channels):
            self.layers.append(StyledConv(coarse, fine, style_dim, up=True))
            self.layers.append(StyledConv(fine, fine, style_dim, up=False))
        self.pixels = nn.ModuleList(StyledPixels(number, sample_shape[0], style_dim) for number in channels)
        self.to(memory_format=torch.channels_last)

    def synthesize(self, styles: Tensor) -> Tensor:
        """Return the samples (B, *sample_shape) of styles (B, levels, style_dim)."""
        x = self.layers[0](self.constant, styles[:, 0])
        image = self.pixels[0](x, styles[:, 0])
        for level in range(2, self.levels, 2):
            x = self.layers[level - 1](x, styles[:, level - 1])
            x = self.layers[level](x, styles[:, level])
            image = upsample(image) + self.pixels[level // 2](x, styles[:, level])
        return image

    def style_weights(self) -> list[Tensor]:
        """Return the matrix (scaled channels, style_dim) of each level that turns a style into scales of channels.

        Their singular vectors are directions of large effect (SeFa, Shen & Zhou, 2021, arXiv:2007.06600). Every other
        level, beginning with the first, has the rows of two layers: its 3×3 convolution and the one to pixels.
        """
        weights, of_pixels = (
            [layer.get_submodule("affine").scaled_weight() for layer in layers]  # type: ignore[operator]
            for layers in (self.layers, self.pixels)
        )
        for n, weight in enumerate(of_pixels):
            weights[2 * n] = torch.cat([weights[2 * n], weight])
        return weights


class ResidualHalving(nn.Module):
    """Residual block of the discriminator, which halves the size: (conv1×1(x) + act(conv3×3(act(conv3×3(x))))) / √2.

    Args:
        in_channels: number of channels of the input.
        out_channels: number of channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = _convolution(in_channels, in_channels, 3)
        self.second = _convolution(in_channels, out_channels, 3)
        self.skip = initialized(nn.Conv2d(in_channels, out_channels, 1, bias=False), 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.first(x), LEAKY_SLOPE)
        y = F.leaky_relu(self.second(F.avg_pool2d(y, 2)), LEAKY_SLOPE)
        return (self.skip(F.avg_pool2d(x, 2)) + y) * math.sqrt(0.5)


class Discriminator(nn.Module):
    """Maps samples (B, *sample_shape) to logits (B, 1): residual blocks, LeakyReLU 0.2, no normalization.

    The gain of LeakyReLU is in the initial weights.

    Args:
        sample_shape: (C, H, W).
        width: number of channels at full size; it doubles with each halving of the size, up to 8 · ``width``.
        num_classes: number of classes or attributes; None for an unconditional discriminator.
    """

    def __init__(
        self, sample_shape: Sequence[PositiveInt], width: PositiveInt, num_classes: PositiveInt | None = None
    ) -> None:
        super().__init__()
        base, times = doublings(sample_shape)
        channels = widths(width, times)
        self.layers = nn.Sequential(
            initialized(PixelConv(sample_shape[0], width, bias=True), LEAKY_GAIN),
            nn.LeakyReLU(LEAKY_SLOPE),
            *(ResidualHalving(*pair) for pair in pairwise(channels)),
            _convolution(channels[-1], channels[-1], 3),
            nn.LeakyReLU(LEAKY_SLOPE),
            nn.Flatten(),
            initialized(nn.Linear(channels[-1] * base * base, channels[-1]), LEAKY_GAIN),
            nn.LeakyReLU(LEAKY_SLOPE),
        )
        self.head = ProjectionHead(channels[-1], num_classes)
        self.to(memory_format=torch.channels_last)

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.head(self.layers(sample), condition)


def _convolution(in_channels: int, out_channels: int, kernel_size: int) -> nn.Module:
    """Return a convolution that keeps the size, and the variance together with LeakyReLU."""
    layer = initialized(nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2), LEAKY_GAIN)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
