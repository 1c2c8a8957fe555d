"""The interface of generators whose condition is an image."""

from torch import Tensor, nn


class ImageToImage(nn.Module):
    """Generator whose condition is an image of any size, and whose sample is an image of ``scale`` times that size.

    Attributes:
        scale: height and width of a sample in multiples of those of its condition.
        margin: number of pixels of the condition, in each direction, that can change the sample at a pixel; None if all
            pixels of the condition change all of the sample, as with instance norm.
        multiple: the height and width of conditions must be multiples of this number.
    """

    scale: int = 1
    margin: int | None = None
    multiple: int = 1

    def forward(self, latent: Tensor | None, condition: Tensor) -> Tensor:
        """Return the samples (B, C, scale · h, scale · w) in [-1, 1] of conditions (B, C, h, w)."""
        raise NotImplementedError
