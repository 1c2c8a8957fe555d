"""Likely pairs of images of two domains, found without labels."""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.imaging.colors import luma


class Pairing(Protocol):
    """Function that finds pairs."""

    def __call__(self, translated: Tensor, result: Tensor) -> tuple[Tensor, Tensor]:
        """Return the indices (pairs,) of images of both domains, (n, C, H, W) and (m, C, H, W) uint8, that match."""


class MutualNearest:
    """Two images are a pair if each is the most similar image of the other domain to the other.

    Similarity is the Euclidean distance of small grey images, after the mean image of their domain is subtracted.
    Images without a counterpart seldom are mutual neighbours, and are left out.

    Args:
        size: height and width of the small images in pixels.

    Raises:
        UserError: if fewer than two pairs are found.
    """

    def __init__(self, size: int = 16) -> None:
        self.size = size

    def __call__(self, translated: Tensor, result: Tensor) -> tuple[Tensor, Tensor]:
        a, b = (self._describe(images) for images in (translated, result))
        distances = torch.cdist(a, b)
        nearest, nearest_back = distances.argmin(1), distances.argmin(0)
        (first,) = torch.nonzero(nearest_back[nearest] == torch.arange(len(a)), as_tuple=True)
        if len(first) < 2:
            raise UserError(
                f"data.pairing: finds {len(first)} pairs: images of both domains differ too much: pairing=none"
            )
        return first, nearest[first]

    def _describe(self, images: Tensor) -> Tensor:
        """Return small grey images (n, size²), as differences to their mean, in units of their standard deviation."""
        grey = torch.cat([F.adaptive_avg_pool2d(luma(part.float()), self.size) for part in images.split(1024)])
        vectors = grey.flatten(1) - grey.mean((1, 2, 3))[:, None]
        vectors = vectors - vectors.mean(0)
        return vectors / vectors.std().clamp(min=1e-6)
