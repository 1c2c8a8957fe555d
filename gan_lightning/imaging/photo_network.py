"""Applies a network for images of 1 or 3 channels to photos that are grey or in color, with or without alpha."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lightning.imaging.colors import luma
from gan_lightning.imaging.photo import MAX_PHOTO_PIXELS, Photo, to_pixels
from gan_lightning.imaging.tiles import apply_in_tiles
from gan_lightning.networks.image_to_image import ImageToImage

MAX_RESULT_PIXELS = 2**28  # 268 million, of which a result in RGB takes 0.8 GB, and 1 GB more while it is written
MAX_WHOLE_PIXELS = 2**21  # of an image that cannot be cut into tiles
BICUBIC_REACH = 2  # pixels in each direction


class PhotoNetwork:
    """An image-to-image network for photos of any size and any channels.

    The result of a network that enlarges is grey or in color as the photo is. A network for RGB takes a grey photo as
    three equal channels. A network for grey images enlarges the luma of a photo in color (Y of YCbCr), and bicubic
    interpolation enlarges the chroma. A network that keeps the size translates, so the result has its channels. Alpha
    is enlarged by bicubic interpolation.

    Args:
        network: the network, in evaluation mode.
        takes: the number of channels of its conditions, 1 or 3.
        makes: the number of channels of its samples, 1 or 3.
        ensemble: True for the mean of its results for the eight flips and transposes of a photo, turned back (Lim et
            al., 2017, https://arxiv.org/abs/1707.02921).
    """

    def __init__(self, network: ImageToImage, takes: int, makes: int, ensemble: bool = False) -> None:
        self.scale = network.scale
        self.margin = network.margin if network.margin is None else max(network.margin, BICUBIC_REACH)
        self.multiple = network.multiple
        self.takes, self.makes = takes, makes
        self.keeps_color = network.scale > 1 and takes == makes
        self._apply: Callable[[Tensor], Tensor] = lambda image: network(None, image)
        if ensemble:
            self._apply = eightfold(self._apply)

    def channels(self, photo: Photo) -> int:
        """Return the number of channels of the result for a photo, as in :class:`Photo`."""
        channels = photo.pixels.shape[2]
        return channels if self.keeps_color else self.makes + (channels in (2, 4))

    def size(self, photo: Photo) -> tuple[int, int]:
        """Return the height and width of the result for a photo."""
        height, width, _ = photo.pixels.shape
        return self.scale * height, self.scale * width

    @property
    def most_pixels(self) -> int:
        """Largest number of pixels of a photo that memory bears."""
        most = min(MAX_PHOTO_PIXELS, MAX_RESULT_PIXELS // self.scale**2)
        return min(most, MAX_WHOLE_PIXELS) if self.margin is None else most

    def __call__(self, photo: Photo, description: str = "") -> Photo:
        """Return the result for a photo, with as many bits; show a progress bar."""
        pixels = photo.pixels
        result = np.empty((*self.size(photo), self.channels(photo)), pixels.dtype)
        parts = apply_in_tiles(self.apply, pixels, self.scale, self.margin, self.multiple, description)
        for rows, columns, values in parts:
            result[rows, columns] = to_pixels(values, pixels.dtype)
        return Photo(result, photo.icc_profile)

    def apply(self, image: Tensor) -> Tensor:
        """Return the result for samples (B, C, h, w) in [-1, 1], C as in :class:`Photo`."""
        has_alpha = image.shape[1] in (2, 4)
        color = image[:, :-1] if has_alpha else image
        result = self._apply_to_color(color)
        return torch.cat([result, self._enlarge(image[:, -1:])], 1) if has_alpha else result

    def _apply_to_color(self, color: Tensor) -> Tensor:
        if color.shape[1] == self.takes:
            return self._apply(color)
        result = self._apply(luma(color) if self.takes == 1 else color.expand(-1, 3, -1, -1))
        if not self.keeps_color:
            return result
        if self.takes == 3:
            return result.mean(1, keepdim=True)
        enlarged = self._enlarge(color)
        return enlarged + (result - luma(enlarged))  # the chroma is linear in R − Y and B − Y

    def _enlarge(self, image: Tensor) -> Tensor:
        if self.scale == 1:
            return image
        return F.interpolate(image, scale_factor=self.scale, mode="bicubic", antialias=True)


def eightfold(network: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return the mean of a network's results for the eight flips and transposes of its input, turned back."""

    def mean(image: Tensor) -> Tensor:
        results = []
        for dims in ((), (2,), (3,), (2, 3)):
            flipped = image.flip(dims)
            results += [network(flipped).flip(dims), network(flipped.mT).mT.flip(dims)]
        return torch.stack(results).mean(0)

    return mean
