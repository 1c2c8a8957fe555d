"""Likely pairs of images of two domains, found without labels."""

from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.imaging.colors import luma

PART = 2048  # images that are compared at once


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
        a, b = (small_images(images, self.size) for images in (translated, result))
        distances = torch.cdist(a, b)
        nearest, nearest_back = distances.argmin(1), distances.argmin(0)
        (first,) = torch.nonzero(nearest_back[nearest] == torch.arange(len(a)), as_tuple=True)
        if len(first) < 2:
            raise UserError(
                f"data.pairing: finds {len(first)} pairs: images of both domains differ too much: pairing=none"
            )
        return first, nearest[first]


@runtime_checkable
class Extractor(Protocol):
    """Extractor of features, as those of :mod:`gan_lightning.metrics.extractors`."""

    def extract(self, images: Tensor) -> Any:
        """Return an object whose ``features`` are those of images (n, C, H, W) uint8, (n, d)."""


class NearestFeatures:
    """An image that is translated and the image of the other domain that is nearest to it are a pair.

    The distance is that of features and of small grey images, of equal weight, each relative to the mean of its domain.
    Features of a classifier of the domain that is translated keep the classes apart, without labels of the other one.

    Args:
        extractor: extractor of features.
        size: height and width of the small images in pixels.
    """

    def __init__(self, extractor: Extractor, size: int = 14) -> None:
        self.extractor = extractor
        self.size = size

    def __call__(self, translated: Tensor, result: Tensor) -> tuple[Tensor, Tensor]:
        a, b = (self._describe(images) for images in (translated, result))
        nearest = torch.cat([torch.cdist(part, b).argmin(1) for part in a.split(PART)])
        return torch.arange(len(a)), nearest

    def _describe(self, images: Tensor) -> Tensor:
        features = torch.cat([self.extractor.extract(part).features for part in images.split(PART)])
        parts = standardize(features.float()), small_images(images, self.size)
        return torch.cat([part / part.shape[1] ** 0.5 for part in parts], 1)


def small_images(images: Tensor, size: int) -> Tensor:
    """Return small grey images (n, size²) of images (n, C, H, W) uint8, without their mean brightness, standardized."""
    grey = torch.cat([F.adaptive_avg_pool2d(luma(part.float()), size) for part in images.split(PART)])
    return standardize(grey.flatten(1) - grey.mean((1, 2, 3))[:, None])


def standardize(vectors: Tensor) -> Tensor:
    """Return vectors (n, d) as differences to their mean, in units of the standard deviation of all values."""
    vectors = vectors - vectors.mean(0)
    return vectors / vectors.std().clamp(min=1e-6)
