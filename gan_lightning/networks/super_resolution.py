"""Residual networks for super-resolution."""

from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.imaging.resizing import bicubic
from gan_lightning.networks.image_to_image import ImageToImage


class ResidualBlock(nn.Module):
    """x + f(x): two 3×3 convolutions with a ReLU between them, which sees ``expansion`` times as many channels.

    The block starts as the identity. There is no normalization, as in EDSR (Lim et al., 2017, arXiv:1707.02921).
    """

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(width, width * expansion, 3, padding=1)
        self.narrow = nn.Conv2d(width * expansion, width, 3, padding=1)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(self.widen(x).relu())


class Generator(ImageToImage):
    """Network that adds details to a bicubically enlarged image; it starts as bicubic resizing.

    All layers work at low resolution, and the last one makes the pixels of high resolution (sub-pixel convolution, Shi
    et al., 2016, arXiv:1609.05158). A deep and narrow network needs the fewest weights (NinaSR).

    Args:
        scale: the factor of height and width.
        channels: number of channels of images.
        width: number of channels between layers.
        blocks: number of residual blocks.
        expansion: number of channels within a block, in multiples of ``width``.
    """

    def __init__(
        self,
        scale: PositiveInt,
        channels: PositiveInt,
        width: PositiveInt,
        blocks: PositiveInt,
        expansion: PositiveInt = 1,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.margin = 2 + 2 * blocks  # one pixel for each 3×3 convolution; bicubic resizing needs two
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(width, expansion) for _ in range(blocks)))
        self.tail = nn.Conv2d(width, channels * scale**2, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        assert self.tail.bias is not None
        nn.init.zeros_(self.tail.bias)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, latent: Tensor | None, condition: Tensor) -> Tensor:
        height, width = condition.shape[2] * self.scale, condition.shape[3] * self.scale
        details = self.shuffle(self.tail(self.body(self.head(condition))))
        return bicubic(condition, height, width) + details
