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
from gan_lightning.networks.conditional import LabelledLatent, ProjectionHead
from gan_lightning.networks.dcgan import doublings
from gan_lightning.networks.modulation import EPSILON, EqualizedLinear, StyledConv, StyledPixels, upsample
from gan_lightning.networks.resnet import LEAKY_GAIN, LEAKY_SLOPE, initialized, widths

MAPPING_RATE = 0.01  # learning rate of the mapping network, as a factor of the generator's
MEAN_LATENTS = 4096  # latents from which the mean style is computed


class Generator(nn.Module):
    """Style-based generator of StyleGAN2, without noise inputs. Samples (B, *sample_shape) are unbounded.

    A mapping network turns a latent into a style w. Each 3×3 convolution gets a style, and is a *level*: one at the
    smallest size, two at each larger one. The convolution to pixels of a size shares the style of the level before it.

    In training mode, some samples have the styles of two latents: from a random level on, those of the second (style
    mixing, Karras et al., 2019, arXiv:1812.04948). The second latents are drawn from a normal distribution. In evaluation
    mode nothing is random. Latents are normalized, so that only their direction matters.

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
