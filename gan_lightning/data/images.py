"""The base class of data sets of images with class labels."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.marks import Serving
from gan_lightning.modalities.image import Images
from gan_lightning.modalities.label import Labels, list_classes, normalize_name
from gan_lightning.modalities.samples import Content


class LabelledImages(Data):
    """A data set of images with labels: content (N, C, H, W) uint8, conditions (N,) int64.

    Labels are always loaded, as the evaluator uses them; the model gets them only if it is conditional. If classes have
    names, the constructor or ``load`` calls ``name_classes``.

    Args:
        batch_size: number of images in a batch, as for :class:`Data`.
        sample_shape: (C, H, W).
        num_classes: number of classes; None if the images have no labels.
        conditional: if True, the model gets the labels.
        seed: seed of the order of images.
        evaluator: evaluator that measures samples, as for :class:`Data`.

    Attributes:
        class_names: names of the classes in the order of their labels; None if they have no names.
    """

    modality: Images
    class_names: list[str] | None = None

    def __init__(
        self,
        batch_size: PositiveInt,
        sample_shape: Sequence[PositiveInt],
        num_classes: PositiveInt | None,
        seed: NonNegativeInt,
        conditional: Serving[bool] = False,
        evaluator: Any = None,
    ) -> None:
        if conditional and num_classes is None:
            raise UserError("conditional=true: the data have no classes: data.num_classes=…")
        condition = Labels(num_classes) if conditional and num_classes is not None else None
        super().__init__(images_of_shape(sample_shape), batch_size, seed, condition, evaluator)
        self.num_classes = num_classes

    def name_classes(self, names: Sequence[str]) -> None:
        """Set the names of the classes, in the order of their labels.

        Raises:
            UserError: if their number is not ``num_classes``, or a conditional model has two classes of one name.
        """
        if self.num_classes not in (None, len(names)):
            raise UserError(
                f"data.num_classes={self.num_classes}: there are {len(names)} classes: {list_classes(names)}"
            )
        duplicates = [name for name, n in Counter(map(normalize_name, names)).items() if n > 1]
        if duplicates and self.condition is not None:
            raise UserError(f"conditional=true: several classes are called {duplicates[0]}: rename or join them")
        self.class_names = list(names)
        if isinstance(self.condition, Labels):
            self.condition.names = self.class_names

    def setup(self, stage: str) -> None:
        super().setup(stage)
        self.check_classes()

    def check_classes(self) -> None:
        """Raise UserError if a class has no training image, or a conditional model has images of one class only."""
        found = self.labels.unique().tolist()
        if self.num_classes is not None and len(found) < self.num_classes:
            names = [self.class_names[label] if self.class_names else str(label) for label in found]
            only = f"only {len(found)} classes occur: {list_classes(names)}"
            raise UserError(f"data.num_classes={self.num_classes}: {only}")
        if self.condition is not None and len(found) == 1:
            raise UserError("conditional=true: all images have the same label: conditional=false")

    def describe(self) -> dict[str, Any]:
        return super().describe() | ({"classes": self.class_names} if self.class_names else {})

    @property
    def labels(self) -> Tensor:
        """Labels (N,) of the training images."""
        assert isinstance(self.examples.condition, Tensor)
        return self.examples.condition

    def check(self, examples: Examples) -> Examples:
        content, labels = examples
        check_image_shape(content, self.modality)
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
            raise UserError("data: load() must return int64 labels with the images")
        if not len(labels):
            raise UserError("data: there are no images: replace the files")
        if isinstance(content, Tensor) and _is_binary(content):  # masks, or floats from 0 to 1 cut to integers
            raise UserError("data: the largest value in the images is 1, but white is 255: scale the values to 0…255")
        if self.num_classes is not None and labels.max() >= self.num_classes:
            raise UserError(f"data.num_classes={self.num_classes}: there are {labels.max() + 1} classes of images")
        return super().check(examples)


def images_of_shape(shape: Sequence[int], key: str = "data.sample_shape") -> Images:
    """Return the modality of images (C, H, W); raise UserError if the shape has other than three numbers.

    Args:
        shape: the shape to describe.
        key: name of the setting of the shape, for the message.
    """
    if len(shape) != 3:
        raise UserError(f"{key}={list(shape)}: must be [channels, height, width]")
    return Images(*shape)


def check_image_shape(content: Content, modality: Images, key: str = "data.sample_shape") -> None:
    """Raise UserError if images that a data set has loaded have another shape than its modality.

    Args:
        content: the images.
        modality: the modality with the expected shape.
        key: name of the setting of the shape, for the message.
    """
    if isinstance(content, Tensor) and content.shape[1:] != modality.sample_shape:
        raise UserError(f"{key}={list(modality.sample_shape)}: the images have {list(content.shape[1:])}")


def _is_binary(images: Tensor) -> bool:
    """Return True if the largest value of all images is 1; read no further than the first larger value."""
    largest = 0
    for image in images:
        largest = max(largest, int(image.max()))
        if largest > 1:
            return False
    return largest == 1
