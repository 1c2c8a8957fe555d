"""Layers of StyleGAN2: convolutions that a style modulates (Karras et al., 2020, arXiv:1912.04958)."""

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.networks.resnet import LEAKY_SLOPE

EPSILON = 1e-8  # keeps norms above zero


class EqualizedLinear(nn.Linear):
    """Linear layer with an equalized learning rate (Karras et al., 2018, arXiv:1710.10196).

    The weights start at N(0, 1) / ``rate`` and are multiplied by ``rate`` / √in_features in each pass, so that Adam
    changes them at the same relative speed in layers of all sizes.

    Args:
        in_features: size of the input.
        out_features: size of the output.
        bias: initial value that the bias adds to the output.
        rate: factor of the learning rate.
    """

    def __init__(self, in_features: int, out_features: int, bias: float = 0.0, rate: float = 1.0) -> None:
        super().__init__(in_features, out_features)
        self.rate = rate
        nn.init.normal_(self.weight, 0, 1 / rate)
        nn.init.constant_(self.bias, bias / rate)

    def scaled_weight(self) -> Tensor:
        """Return the matrix (out_features, in_features) that inputs are multiplied by."""
        return self.weight * (self.rate / math.sqrt(self.in_features))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.scaled_weight(), self.bias * self.rate)


class StyledLayer(nn.Module):
    """Layer with weights that are modulated by a style and demodulated, and LeakyReLU 0.2.

    An affine layer turns a style into a scale for each input channel (modulation). The weights of each output channel
    are divided by their norm (demodulation), so that outputs have the same variance for all styles. Instead of weights
    for each sample, the input is multiplied by the scales and the output is divided by the norms, which is the same.

    Args:
        in_channels: number of channels of the input.
        out_channels: number of channels of the output.
        style_dim: size of a style.
        weight_shape: shape of the weights.
    """

    def __init__(self, in_channels: int, out_channels: int, style_dim: int, weight_shape: Sequence[int]) -> None:
        super().__init__()
        self.affine = EqualizedLinear(style_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(*weight_shape))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    @abstractmethod
    def convolve(self, x: Tensor) -> Tensor:
        """Return the convolution of x (B, in_channels, H, W) with the weights."""

    @abstractmethod
    def squares(self) -> Tensor:
        """Return the squares of the weights (in_channels, out_channels), summed over those that meet in one pixel."""

    def resize(self, y: Tensor) -> Tensor:
        """Return features of the size of the output; those of the convolution, unless a subclass resizes them."""
        return y

    def demodulation(self, scales: Tensor) -> Tensor:
        """Return the reciprocal norms (B, out_channels) of the weights modulated by scales (B, in_channels)."""
        with torch.autocast(scales.device.type, enabled=False):  # bfloat16 has too few digits for sums of squares
            squares = self.squares()
            return (scales.to(squares.dtype).square() @ squares + EPSILON).rsqrt()

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scales = self.affine(style)
        y = self.convolve(x * scales[:, :, None, None])
        y = y * (math.sqrt(2) * self.demodulation(scales)).to(y.dtype)[:, :, None, None]  # √2: gain of LeakyReLU
        y = self.resize(y)
        return F.leaky_relu(y + self.bias.to(y.dtype)[:, None, None], LEAKY_SLOPE)


class StyledConv(StyledLayer):
    """3×3 convolution, modulated by a style.

    Args:
        in_channels: number of channels of the input.
        out_channels: number of channels of the output.
        style_dim: size of a style.
        up: if True, double the size after the convolution, which is cheaper than before it.
    """

    def __init__(self, in_channels: int, out_channels: int, style_dim: int, up: bool) -> None:
        super().__init__(in_channels, out_channels, style_dim, (out_channels, in_channels, 3, 3))
        self.up = up

    def convolve(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding=1)

    def squares(self) -> Tensor:
        return self.weight.square().sum((2, 3)).T

    def resize(self, y: Tensor) -> Tensor:
        return upsample(y) if self.up else y


class StyledPixels(nn.Module):
    """1×1 convolution to the channels of the image, with weights that a style modulates.

    Args:
        in_channels: number of channels of the input.
        out_channels: number of channels of the image.
        style_dim: size of a style.
    """

    def __init__(self, in_channels: int, out_channels: int, style_dim: int) -> None:
        super().__init__()
        self.affine = EqualizedLinear(style_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scales = self.affine(style) / math.sqrt(x.shape[1])
        return F.conv2d(x * scales[:, :, None, None], self.weight, self.bias)


def upsample(x: Tensor) -> Tensor:
    """Return images of twice the height and width, bilinearly interpolated."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")
