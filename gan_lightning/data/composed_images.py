"""The base class of data sets of any number of images, composed of attributes that are drawn at random."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from gan_lightning.data.attributed_images import AttributedImages
from gan_lightning.data.datamodule import Examples
from gan_lightning.modalities.samples import Sample
from gan_lightning.system.randomness import CONDITIONS, derived_seed

TRAINING_SEED, TEST_SEED = 0, 1  # of the attributes, independent of the seed of a run: all runs train on the same set


class ComposedImages(AttributedImages):
    """Images composed of random attributes: the training set and the test set are drawn independently.

    Args:
        images: number of training images.
        test_images: number of test images.
        batch_size, sample_shape, num_classes, seed, conditional, evaluator: as for :class:`AttributedImages`.

    Attributes:
        values: names of the values of each attribute, by the name of the attribute; a subclass sets them.
    """

    values: ClassVar[Mapping[str, Sequence[str]]]

    def __init__(
        self,
        images: PositiveInt,
        test_images: PositiveInt,
        batch_size: PositiveInt,
        sample_shape: Sequence[PositiveInt],
        num_classes: PositiveInt,
        seed: NonNegativeInt,
        conditional: bool = False,
        evaluator: Any = None,
    ) -> None:
        super().__init__(self.values, batch_size, sample_shape, num_classes, seed, conditional, evaluator)
        self.images = images
        self.test_images = test_images

    @abstractmethod
    def draw_attributes(self, n: int, generator: torch.Generator) -> Tensor:
        """Return random attributes (n, attributes) int64."""

    def load(self) -> Examples:
        return self._draw(self.images, TRAINING_SEED)

    def load_test(self) -> Examples:
        return self._draw(self.test_images, TEST_SEED)

    def sample_conditions(self, n: int, seed: int) -> Sample | None:
        """Return n random conditions, drawn as for the data but anew: most combinations are not in the training set."""
        if self.condition is None:
            return None
        generator = torch.Generator().manual_seed(derived_seed(seed, CONDITIONS))
        return self.condition.encode(self.draw_attributes(n, generator))

    def _draw(self, n: int, seed: int) -> Examples:
        attributes = self.draw_attributes(n, torch.Generator().manual_seed(seed))
        return Examples(self.compose(attributes), attributes)
