"""A DCGAN that is steered by styles: the transposed convolutions of DCGAN, modulated as in StyleGAN2.

With one convolution for each size it is cheaper than ``stylegan`` on a CPU.
See DCGAN (Radford et al., 2015, arXiv:1511.06434) and StyleGAN2 (Karras et al., 2020, arXiv:1912.04958). The
discriminator is that of ``dcgan``.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.augment import Probability
from gan_lightning.networks.dcgan import Discriminator, doublings
from gan_lightning.networks.modulation import StyledLayer
from gan_lightning.networks.styles import StyledGenerator

__all__ = ["Discriminator", "Generator"]


class StyledDoubling(StyledLayer):
    """4×4 transposed convolution that doubles the size, modulated by a style.

    Args:
        in_channels: number of channels of the input.
        out_channels: number of channels of the output.
        style_dim: size of a style.
    """

    def __init__(self, in_channels: int, out_channels: int, style_dim: int) -> None:
        super().__init__(in_channels, out_channels, style_dim, (in_channels, out_channels, 4, 4))

    def convolve(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, self.weight, stride=2, padding=1)

    def squares(self) -> Tensor:
        return self.weight.square().sum((2, 3)) / 4  # each pixel is the sum over 2×2 of the 4×4 weights


class StyledImage(StyledDoubling):
    """4×4 transposed convolution to the channels of an image in [-1, 1], modulated but not demodulated, with tanh."""

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scales = self.affine(style) / math.sqrt(4 * x.shape[1])
        return F.conv_transpose2d(x * scales[:, :, None, None], self.weight, self.bias, stride=2, padding=1).tanh()


class Generator(StyledGenerator):
    """Maps latents (B, latent_dim) to samples (B, *sample_shape) in [-1, 1]. Each doubling of the size is a level.

    Args:
        latent_dim: size of a latent.
        sample_shape: (C, H, W).
        width: number of channels before the last layer; it doubles with each halving of the size.
        style_dim: size of a style.
        mapping_layers: number of layers of the mapping network.
        mapping_rate: learning rate of the mapping network, as a factor of the generator's.
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
        mapping_rate: PositiveFloat = 1.0,
        mixing_probability: Probability = 0.5,
        num_classes: PositiveInt | None = None,
    ) -> None:
        base, times = doublings(sample_shape)
        super().__init__(times, latent_dim, style_dim, mapping_layers, mapping_rate, mixing_probability, num_classes)
        channels = [width * 2**i for i in reversed(range(times))]
        self.constant = nn.Parameter(torch.randn(1, channels[0], base, base))
        self.layers = nn.ModuleList(StyledDoubling(*pair, style_dim) for pair in pairwise(channels))
        self.layers.append(StyledImage(channels[-1], sample_shape[0], style_dim))
        self.to(memory_format=torch.channels_last)

    def synthesize(self, styles: Tensor) -> Tensor:
        x = self.constant
        for layer, style in zip(self.layers, styles.unbind(1), strict=True):
            x = layer(x, style)
        return x

    def style_weights(self) -> list[Tensor]:
        return [cast(StyledDoubling, layer).affine.scaled_weight() for layer in self.layers]
