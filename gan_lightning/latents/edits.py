"""A style generator whose styles are truncated and moved along directions."""

from torch import Tensor, nn

from gan_lightning.networks.styles import StyleGenerator


class SteeredGenerator(nn.Module):
    """Style generator whose styles are truncated, then moved, before they become samples.

    Args:
        generator: the style generator to steer.
        truncation: the share of a style's distance to the mean style that is kept, from 0 to 1.
        shift: (levels, style_dim), added to the styles of each sample; None for no shift.
    """

    def __init__(self, generator: StyleGenerator, truncation: float = 1.0, shift: Tensor | None = None) -> None:
        super().__init__()
        self.generator = generator
        self.levels, self.style_dim = generator.levels, generator.style_dim
        self.truncation = truncation
        self.shift = shift

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.synthesize(self.styles(latent, condition))

    def styles(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the steered styles (B, levels, style_dim) of latents."""
        return self.steer(self.generator.styles(latent, condition), condition)

    def steer(self, styles: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return styles (B, levels, style_dim), truncated and moved."""
        if self.truncation != 1:
            styles = self.generator.truncate(styles, self.truncation, condition)
        return styles if self.shift is None else styles + self.shift

    def synthesize(self, styles: Tensor) -> Tensor:
        """Return the samples (B, *sample_shape) of styles that are used as they are."""
        return self.generator.synthesize(styles)
