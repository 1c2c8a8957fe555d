"""The interface of generators that are steered by styles."""

from typing import Protocol, runtime_checkable

from torch import Tensor


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
