"""Simple translators of images to compare with: they learn nothing of shapes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.metrics.reference import evenly_spaced

WINDOW = 7  # height and width of the neighbourhood of a pixel
MAX_PAIRS = 256  # evenly spaced: more change the weights little
IMAGES_AT_ONCE = 16
RIDGE = 1e-3  # regularization, relative to the mean square of the neighbours


class ColourMoments:
    """Translator that gives each channel the mean and the standard deviation that it has in the other domain.

    Args:
        a: images (n, C, H, W) uint8 of the domain that is translated.
        b: images (m, C, H, W) uint8 of the other domain.
    """

    def __init__(self, a: Tensor, b: Tensor) -> None:
        self.a, self.b = (torch.std_mean(images.double(), (0, 2, 3), keepdim=True) for images in (a, b))

    def __call__(self, images: Tensor) -> Tensor:
        """Return translations (n, C, H, W) uint8."""
        (a_std, a_mean), (b_std, b_mean) = self.a, self.b
        scale = torch.where(a_std > 0, b_std / a_std, 0)
        return _to_uint8((images - a_mean) * scale + b_mean)


class PairedLinear:
    """Translator whose pixels are a weighted sum of all channels of their 7×7 neighbours (ridge regression).

    It learns from pairs, which models of unpaired images do not see.

    Args:
        a: images (n, c, H, W) uint8 of the domain that is translated.
        b: the truth of each (n, C, H, W) uint8.
    """

    def __init__(self, a: Tensor, b: Tensor) -> None:
        a, b = evenly_spaced(a, MAX_PAIRS), evenly_spaced(b, MAX_PAIRS)
        inputs = a.shape[1] * WINDOW**2 + 1
        squares = torch.zeros(inputs, inputs, dtype=torch.float64)
        products = torch.zeros(inputs, b.shape[1], dtype=torch.float64)
        for part_a, part_b in zip(a.split(IMAGES_AT_ONCE), b.split(IMAGES_AT_ONCE), strict=True):
            neighbours = _neighbours(part_a)
            squares += (neighbours.T @ neighbours).double()
            products += (neighbours.T @ part_b.movedim(1, -1).flatten(0, 2).float()).double()
        ridge = RIDGE * squares.trace() / inputs * torch.eye(inputs, dtype=torch.float64)
        self.weights = torch.linalg.solve(squares + ridge, products).float()

    def __call__(self, images: Tensor) -> Tensor:
        """Return translations (n, C, H, W) uint8."""
        n, _, height, width = images.shape
        pixels = torch.cat([_neighbours(part) @ self.weights for part in images.split(IMAGES_AT_ONCE)])
        return _to_uint8(pixels.view(n, height, width, -1).movedim(-1, 1))


def _neighbours(images: Tensor) -> Tensor:
    """Return the neighbours of each pixel and a constant (n · H · W, c · 49 + 1)."""
    padded = F.pad(images.float(), [WINDOW // 2] * 4, mode="replicate")
    return F.pad(F.unfold(padded, WINDOW).movedim(1, -1).flatten(0, 1), (0, 1), value=255.0)


def _to_uint8(images: Tensor) -> Tensor:
    return images.round().clamp(0, 255).to(torch.uint8)
