"""Photos with versions of low resolution, from which a network learns to enlarge photos."""

import itertools
import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple, TypedDict

import numpy as np
import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from gan_lightning.data.datamodule import Batch, Data, Examples
from gan_lightning.data.degradations import Bicubic, Degradation
from gan_lightning.errors import UserError
from gan_lightning.marks import Serving, WithoutEffect
from gan_lightning.modalities.image import Images

MARGIN = 8  # pixels of low resolution around a region that are degraded with it, so that its border is as inside
MAX_BYTES = 4 * 2**30  # of all regions together
MAX_TEST_SIZE = 1024  # pixels in height and width of a test photo, of which the centre is taken
TEST_PHOTO = 2**32  # added to the number of a test photo, so that its degradation is independent of the training set's


class Photo(NamedTuple):
    """Photo (C, H, W) uint8 with a name."""

    name: str
    pixels: Tensor


class PhotoPair(NamedTuple):
    """Photo of high resolution (C, H, W) uint8, its version of low resolution, and its name."""

    name: str
    high: Tensor
    low: Tensor


class SuperResolutionSettings(TypedDict, total=False):
    """Settings of every data set for super-resolution; see :class:`SuperResolution`."""

    scale: Literal[2, 3, 4]
    channels: Literal[1, 3]
    region: PositiveInt
    crop: Serving[PositiveInt]
    crops_per_region: Serving[PositiveInt]
    batch_size: Serving[PositiveInt]
    seed: Serving[NonNegativeInt]
    shuffle_channels: Serving[bool]
    degradation: Any
    evaluator: WithoutEffect[Any]


class SuperResolution(Data):
    """Regions of photos as content, and the same regions of low resolution as conditions.

    All regions have one size, so that they form batches. A batch of training holds a random crop of each region,
    mirrored and transposed at random, and with its color channels in random order. Test photos are kept whole.

    Args:
        scale: the factor between both resolutions.
        channels: 1 for grey photos, 3 for RGB.
        region: height and width of the regions, in pixels of low resolution.
        crop: height and width of the crops of a batch, in pixels of low resolution.
        crops_per_region: number of crops of each region in an epoch.
        degradation: makes the photos of low resolution.
        batch_size: number of crops in a batch, as for :class:`Data`.
        seed: seed of the order of the crops.
        shuffle_channels: True to put the channels of each crop in a random order, which lets few photos suffice: the
            network learns shapes instead of the colors of these photos.
        evaluator: evaluator that measures enlarged photos, as for :class:`Data`.

    Attributes:
        test_photos: the test photos, after ``setup("test")``.
    """

    modality: Images
    condition: Images
    test_photos: list[PhotoPair]

    def __init__(
        self,
        scale: Literal[2, 3, 4],
        channels: Literal[1, 3],
        region: PositiveInt,
        crop: Serving[PositiveInt],
        crops_per_region: Serving[PositiveInt],
        batch_size: PositiveInt,
        seed: NonNegativeInt,
        shuffle_channels: Serving[bool] = True,
        degradation: Any = None,
        evaluator: Any = None,
    ) -> None:
        if crop > region:
            raise UserError(f"data.crop={crop}: larger than data.region={region}: at most that")
        high, low = (Images(channels, side, side) for side in (region * scale, region))
        super().__init__(high, batch_size, seed, low, evaluator)
        self.scale = scale
        self.region = region
        self.crop = crop
        self.crops_per_region = crops_per_region
        self.channel_orders = list(itertools.permutations(range(channels))) if shuffle_channels else [range(channels)]
        self.degradation: Degradation = degradation or Bicubic()

    @abstractmethod
    def read_training_photos(self) -> Iterable[Photo]:
        """Yield the training photos; raise UserError if they are missing or damaged."""

    @abstractmethod
    def read_test_photos(self) -> Iterable[Photo]:
        """Yield the test photos; raise UserError if they are missing or damaged."""

    def load(self) -> Examples:
        high: list[Tensor] = []
        low: list[Tensor] = []
        for number, photo in enumerate(self.read_training_photos()):
            for pair in self._regions(number, photo.pixels):
                high.append(pair.high)
                low.append(pair.low)
            if high and len(high) * high[0].nbytes > MAX_BYTES:
                raise UserError(
                    f"data: the photos take more than {MAX_BYTES / 2**30:.0f} GiB of memory: use fewer or smaller ones"
                )
        if not high:
            side = self.region * self.scale
            raise UserError(
                f"data.region={self.region}: no photo has {side}×{side} pixels, as a region of scale {self.scale} "
                "needs: a smaller data.region, or larger photos"
            )
        return Examples(torch.stack(high), torch.stack(low))

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "test" and not hasattr(self, "test_photos"):
            self.test_photos = [
                self._pair(photo.name, _centre(photo.pixels, MAX_TEST_SIZE), TEST_PHOTO + number)
                for number, photo in enumerate(self.read_test_photos())
            ]

    @property
    def epoch_size(self) -> int:
        return super().epoch_size * self.crops_per_region

    def order(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        order = torch.randperm(self.epoch_size, generator=generator) % super().epoch_size
        return order, order

    def batch(self, examples: Examples) -> Batch:
        high, low = examples
        assert isinstance(high, Tensor)
        assert isinstance(low, Tensor)
        n, side, scale = len(low), self.crop, self.scale
        tops, lefts = torch.randint(self.region - side + 1, (2, n), device=low.device).tolist()
        symmetries = torch.randint(8, (n,), device=low.device).tolist()
        orders = torch.randint(len(self.channel_orders), (n,), device=low.device).tolist()
        pairs = []
        for large, small, top, left, symmetry, order in zip(high, low, tops, lefts, symmetries, orders, strict=True):
            large = large[:, top * scale : (top + side) * scale, left * scale : (left + side) * scale]
            small = small[:, top : top + side, left : left + side]
            channels = list(self.channel_orders[order])
            pairs.append([turn(crop, symmetry)[channels] for crop in (large, small)])
        return super().batch(Examples(*map(torch.stack, zip(*pairs, strict=True))))

    def _regions(self, number: int, photo: Tensor) -> Iterator[PhotoPair]:
        """Yield regions that together cover a photo, in both resolutions."""
        scale, side = self.scale, self.region
        height, width = (length // scale for length in photo.shape[1:])
        corners = itertools.product(_positions(height, side), _positions(width, side))
        for index, (top, left) in enumerate(corners):
            first_row, first_column = max(top - MARGIN, 0), max(left - MARGIN, 0)
            last_row, last_column = min(top + side + MARGIN, height), min(left + side + MARGIN, width)
            around = photo[:, first_row * scale : last_row * scale, first_column * scale : last_column * scale]
            low = self.degradation(around, scale, np.random.default_rng([number, index]))
            row, column = top - first_row, left - first_column
            high = photo[:, top * scale : (top + side) * scale, left * scale : (left + side) * scale]
            yield PhotoPair("", high, low[:, row : row + side, column : column + side])

    def _pair(self, name: str, photo: Tensor, number: int) -> PhotoPair:
        """Return a whole photo, cropped to a multiple of the scale, in both resolutions."""
        height, width = (length // self.scale * self.scale for length in photo.shape[1:])
        high = photo[:, :height, :width]
        return PhotoPair(name, high, self.degradation(high, self.scale, np.random.default_rng([number])))


def turn(image: Tensor, symmetry: int) -> Tensor:
    """Return an image (…, H, W) turned by one of the 8 symmetries of a square: bits mirror rows, columns, transpose."""
    if symmetry & 1:
        image = image.flip(-2)
    if symmetry & 2:
        image = image.flip(-1)
    return image.transpose(-2, -1) if symmetry & 4 else image


def _positions(length: int, side: int) -> list[int]:
    """Return the fewest evenly spaced positions at which parts of a side cover a length; none if it is shorter."""
    if length < side:
        return []
    last = length - side
    return np.linspace(0, last, math.ceil(length / side)).round().astype(int).tolist()


def _centre(photo: Tensor, size: int) -> Tensor:
    """Return the centre of a photo with at most ``size`` rows and columns."""
    height, width = photo.shape[1:]
    top, left = max(height - size, 0) // 2, max(width - size, 0) // 2
    return photo[:, top : top + size, left : left + size]
