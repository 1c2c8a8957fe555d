"""Generators that are steered by styles: their interface, and what they have in common."""

import math
from abc import abstractmethod
from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.networks.conditional import LabelledLatent
from gan_lightning.networks.modulation import EPSILON, EqualizedLinear
from gan_lightning.networks.resnet import LEAKY_SLOPE

MEAN_LATENTS = 4096  # latents from which the mean style is computed


@runtime_checkable
class StyleGenerator(Protocol):
    """Generator that turns latents into styles w, one for each level from coarse to fine, and styles into samples.

    Attributes:
        levels: number of styles of a sample.
        style_dim: size of a style.
    """

    levels: int
    style_dim: int

    def styles(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the styles (B, levels, style_dim) of latents, the same style at all levels of a sample."""

    def mean_style(self, condition: Tensor | None = None) -> Tensor:
        """Return the mean style of many latents: (1, 1, style_dim), or (B, 1, style_dim) with conditions."""

    def truncate(self, styles: Tensor, truncation: float, condition: Tensor | None = None) -> Tensor:
        """Return styles that are moved towards the mean style, which they reach at ``truncation`` 0."""

    def synthesize(self, styles: Tensor) -> Tensor:
        """Return the samples of styles (B, levels, style_dim)."""

    def style_weights(self) -> list[Tensor]:
        """Return the matrix (scaled channels, style_dim) of each level that turns a style into scales of channels."""


class StyledGenerator(nn.Module):
    """Base class of generators with a mapping network, which turns a latent into a style w (a StyleGenerator).

    In training mode, some samples have the styles of two latents: from a random level on, those of the second (style
    mixing, Karras et al., 2019, arXiv:1812.04948). The second latents are drawn from a normal distribution. In
    evaluation mode nothing is random. Latents are normalized, so that only their direction matters.

    A subclass adds the layers that synthesize samples.

    Args:
        levels: number of styles of a sample.
        latent_dim: size of a latent.
        style_dim: size of a style.
        mapping_layers: number of layers of the mapping network.
        mapping_rate: learning rate of the mapping network, as a factor of the generator's.
        mixing_probability: probability of style mixing for each sample.
        num_classes: number of classes or attributes; None for an unconditional generator.
    """

    def __init__(
        self,
        levels: int,
        latent_dim: int,
        style_dim: int,
        mapping_layers: int,
        mapping_rate: float,
        mixing_probability: float,
        num_classes: int | None,
    ) -> None:
        super().__init__()
        self.levels, self.latent_dim, self.style_dim = levels, latent_dim, style_dim
        self.mixing_probability = mixing_probability
        self.latent = LabelledLatent(latent_dim, num_classes)
        sizes = [self.latent.out_features, *[style_dim] * mapping_layers]
        self.mapping = nn.ModuleList(EqualizedLinear(*pair, rate=mapping_rate) for pair in pairwise(sizes))

    @abstractmethod
    def synthesize(self, styles: Tensor) -> Tensor:
        """Return the samples of styles (B, levels, style_dim)."""

    @abstractmethod
    def style_weights(self) -> list[Tensor]:
        """Return the matrix (scaled channels, style_dim) of each level that turns a style into scales of channels.

        Their singular vectors are directions of large effect (SeFa, Shen & Zhou, 2021, arXiv:2007.06600).
        """

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
        latent = latent.to(next(self.mapping.parameters()))
        if condition is None:
            return self._map(latent, None).mean(0)[None, None]
        distinct, indices = condition.unique(dim=0, return_inverse=True)
        repeated = (one.expand(MEAN_LATENTS, *one.shape) for one in distinct)
        return torch.stack([self._map(latent, one).mean(0) for one in repeated])[indices, None]

    def truncate(self, styles: Tensor, truncation: float, condition: Tensor | None = None) -> Tensor:
        """Return mean + truncation · (styles − mean): below 1, samples are more typical and vary less."""
        mean = self.mean_style(condition)
        return mean + truncation * (styles - mean)

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
