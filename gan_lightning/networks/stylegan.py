"""StyleGAN2 for images of 16, 28, 32, 64, … pixels (Karras et al., 2020, arXiv:1912.04958), small enough for a CPU.

Written from the papers. Differences to them: The generator has no noise inputs, so that styles alone determine a sample
and an image can be projected exactly. Features are resampled bilinearly, while there are few channels or pixels. The
discriminator sees no statistics of the batch, because penalties on its slope need a logit for each single sample.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.augment import Probability
from gan_lightning.networks.conditional import LabelledLatent, ProjectionHead
from gan_lightning.networks.dcgan import doublings
from gan_lightning.networks.resnet import LEAKY_GAIN, LEAKY_SLOPE, initialized, widths

EPSILON = 1e-8  # keeps norms above zero
MAPPING_RATE = 0.01  # learning rate of the mapping network, as a factor of the generator's
MEAN_LATENTS = 4096  # latents from which the mean style is computed


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


class StyledConv(nn.Module):
    """3×3 convolution with weights that a style modulates and that are demodulated; doubles the size, or not.

    A style w gives a scale s for each input channel i. With the weights of output channel o divided by their norm
    √Σ(w_oi s_i)², outputs have the variance of the inputs whatever the style. Both are done without weights for each
    sample, by scaling the input and the output.

    Args:
        in_channels: number of channels of the input.
        out_channels: number of channels of the output.
        style_dim: size of a style.
        up: if True, double the size after the convolution, while there are fewer pixels to convolve.
    """

    def __init__(self, in_channels: int, out_channels: int, style_dim: int, up: bool) -> None:
        super().__init__()
        self.up = up
        self.affine = EqualizedLinear(style_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def demodulation(self, scales: Tensor) -> Tensor:
        """Return the reciprocal norms (B, out_channels) of the weights modulated by scales (B, in_channels)."""
        with torch.autocast(scales.device.type, enabled=False):  # bfloat16 has too few digits for sums of squares
            squares = self.weight.square().sum((2, 3))
            return (scales.to(squares.dtype).square() @ squares.T + EPSILON).rsqrt()

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scales = self.affine(style)
        y = F.conv2d(x * scales[:, :, None, None], self.weight, padding=1)
        y = y * (math.sqrt(2) * self.demodulation(scales)).to(y.dtype)[:, :, None, None]  # √2: gain of LeakyReLU
        if self.up:
            y = upsample(y)
        return F.leaky_relu(y + self.bias.to(y.dtype)[:, None, None], LEAKY_SLOPE)


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


class Generator(nn.Module):
    """Style-based generator of StyleGAN2, without noise inputs. Samples (B, *sample_shape) are unbounded.

    A mapping network turns a latent into a style w. Each 3×3 convolution gets a style, and is a *level*: one at the
    smallest size, two at each larger one. The convolution to pixels of a size shares the style of the level before it.

    In training mode, some samples have the styles of two latents: from a random level on, those of the second (style
    mixing, Karras et al., 2019, arXiv:1812.04948). The second latents are normal, whatever the prior of the first, of
    which only the direction matters. In evaluation mode nothing is random.

    Args:
        latent_dim: size of a latent.
        sample_shape: (C, H, W).
        width: number of channels at full size; it doubles with each halving of the size, up to 8 · ``width``.
        style_dim: size of a style.
        mapping_layers: number of layers of the mapping network.
        mixing_probability: probability of style mixing for each sample.
        num_classes: number of classes or attributes; None for an unconditional generator.

    Attributes:
        levels: number of styles of a sample.
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
        super().__init__()
        base, times = doublings(sample_shape)
        channels = widths(width, times)[::-1]
        self.latent_dim, self.style_dim, self.levels = latent_dim, style_dim, 1 + 2 * times
        self.mixing_probability = mixing_probability
        self.latent = LabelledLatent(latent_dim, num_classes)
        sizes = [self.latent.out_features, *[style_dim] * mapping_layers]
        self.mapping = nn.ModuleList(EqualizedLinear(*pair, rate=MAPPING_RATE) for pair in pairwise(sizes))
        self.constant = nn.Parameter(torch.randn(1, channels[0], base, base))
        self.layers = nn.ModuleList([StyledConv(channels[0], channels[0], style_dim, up=False)])
        for coarse, fine in pairwise(channels):
            self.layers.append(StyledConv(coarse, fine, style_dim, up=True))
            self.layers.append(StyledConv(fine, fine, style_dim, up=False))
        self.pixels = nn.ModuleList(StyledPixels(number, sample_shape[0], style_dim) for number in channels)
        self.to(memory_format=torch.channels_last)

    def forward(self, latent: Tensor, condition: Tensor | None = None, *, truncation: float = 1.0) -> Tensor:
        styles = self.styles(latent, condition)
        if self.training and self.mixing_probability > 0:
            styles = self._mix(styles, self.styles(torch.randn_like(latent), condition))
        if truncation != 1:
            styles = self.truncate(styles, truncation, condition)
        return self.synthesize(styles)

    def styles(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the styles (B, levels, style_dim) of latents, the same style at all levels of a sample."""
        return self._map(latent, condition)[:, None].repeat(1, self.levels, 1)

    def mean_style(self, condition: Tensor | None = None) -> Tensor:
        """Return the mean style of latents that are the same in each call.

        Args:
            condition: labels or attributes of B samples; None for an unconditional generator.

        Returns:
            (1, 1, style_dim), or with conditions (B, 1, style_dim), the mean for the condition of each sample.
        """
        latent = torch.randn(MEAN_LATENTS, self.latent_dim, generator=torch.Generator().manual_seed(0))
        latent = latent.to(self.constant)
        if condition is None:
            return self._map(latent, None).mean(0)[None, None]
        distinct, indices = condition.unique(dim=0, return_inverse=True)
        repeated = (one.expand(MEAN_LATENTS, *one.shape) for one in distinct)
        return torch.stack([self._map(latent, one).mean(0) for one in repeated])[indices, None]

    def truncate(self, styles: Tensor, truncation: float, condition: Tensor | None = None) -> Tensor:
        """Return mean + truncation · (styles − mean): below 1, samples are more typical and vary less."""
        mean = self.mean_style(condition)
        return mean + truncation * (styles - mean)

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

    def _map(self, latent: Tensor, condition: Tensor | None) -> Tensor:
        """Return the styles (B, style_dim) of latents. Latents and embeddings of conditions have norm √latent_dim."""
        parts = self.latent(latent, condition).unflatten(1, (-1, self.latent_dim))
        x = (parts * (parts.square().mean(2, keepdim=True) + EPSILON).rsqrt()).flatten(1)
        for layer in self.mapping:
            x = F.leaky_relu(layer(x), LEAKY_SLOPE) * math.sqrt(2)
        return x

    def _mix(self, styles: Tensor, others: Tensor) -> Tensor:
        """Return styles that are replaced by others from a random level on, each with the probability of mixing."""
        batch, device = len(styles), styles.device
        first = torch.randint(1, self.levels, (batch, 1), device=device)
        mixed = torch.rand(batch, 1, device=device) < self.mixing_probability
        replaced = mixed & (torch.arange(self.levels, device=device) >= first)
        return torch.where(replaced[:, :, None], others, styles)


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
            _convolution(sample_shape[0], width, 1),
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
