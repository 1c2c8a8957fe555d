"""Linear super-resolution, a baseline: each pixel is a weighted sum of its neighbours at low resolution."""

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.imaging.resizing import WHITE, bicubic

WINDOW = 9  # height and width of the neighbourhood of a pixel, at low resolution
REGIONS_AT_ONCE = 16
MAX_REGIONS = 512  # that are fitted; more do not change the result
RIDGE = 1e-4  # regularization, relative to the sum of squares of a neighbour; at least 1, for images of one color


class LinearUpscaling:
    """Ridge regression of what bicubic resizing misses on the 9×9 neighbours of a pixel, one for all channels.

    Args:
        high: training images of high resolution (n, C, H, W) uint8.
        low: the same images of low resolution (n, C, h, w) uint8.
    """

    def __init__(self, high: Tensor, low: Tensor) -> None:
        self.scale = high.shape[2] // low.shape[2]
        inputs = WINDOW**2
        fitted = torch.linspace(0, len(low) - 1, min(len(low), MAX_REGIONS)).long()
        high, low = high[fitted], low[fitted]
        squares = torch.zeros(inputs, inputs, dtype=torch.float64)
        products = torch.zeros(inputs, self.scale**2, dtype=torch.float64)
        for part_high, part_low in zip(high.split(REGIONS_AT_ONCE), low.split(REGIONS_AT_ONCE), strict=True):
            neighbours = _neighbours(part_low)
            missing = F.pixel_unshuffle(
                part_high.float().flatten(0, 1).unsqueeze(1) - self._enlarge(part_low), self.scale
            )
            targets = missing.movedim(1, -1).reshape(-1, self.scale**2).double()
            squares += neighbours.T @ neighbours
            products += neighbours.T @ targets
        ridge = (RIDGE * squares.trace() / inputs).clamp(min=1) * torch.eye(inputs, dtype=torch.float64)
        self.weights = torch.linalg.solve(squares + ridge, products)

    def __call__(self, low: Tensor) -> Tensor:
        """Return images (n, C, scale · h, scale · w) uint8 of images (n, C, h, w) uint8."""
        n, channels, height, width = low.shape
        details = (_neighbours(low) @ self.weights).float().view(n * channels, height, width, -1).movedim(-1, 1)
        enlarged = self._enlarge(low) + F.pixel_shuffle(details, self.scale)
        return enlarged.round().clamp(0, WHITE).to(torch.uint8).view(n, channels, *enlarged.shape[2:])

    def _enlarge(self, low: Tensor) -> Tensor:
        """Return each channel of images, bicubically enlarged, (n · C, 1, H, W)."""
        height, width = low.shape[2:]
        return bicubic(low.flatten(0, 1).unsqueeze(1).float(), height * self.scale, width * self.scale)


def _neighbours(low: Tensor) -> Tensor:
    """Return the neighbours (n · C · h · w, 81) of each pixel, float64, less the pixel itself."""
    channels = low.flatten(0, 1).unsqueeze(1).float()
    padded = F.pad(channels, [WINDOW // 2] * 4, mode="replicate")
    windows = F.unfold(padded, WINDOW).movedim(1, -1).flatten(0, 1).double()
    return windows - channels.flatten()[:, None]
