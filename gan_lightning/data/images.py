"""Images with class labels."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError, listed
from gan_lightning.marks import Serving
from gan_lightning.modalities.image import Images
from gan_lightning.modalities.label import Labels, composed


class LabelledImages(Data):
    """Images with labels: content (N, C, H, W) uint8, conditions (N,) int64.

    The labels are loaded in any case, for what measures samples; only a conditional model is given them. Where classes
    have names, ``load`` or the constructor calls ``name_classes``.

    Args:
        batch_size: images per batch, as for :class:`Data`.
        sample_shape: (C, H, W).
        num_classes: how many labels there are; None where images have none.
        conditional: whether the model is told the labels.
        seed: of the order.
        evaluator: measures samples.

    Attributes:
        class_names: of the classes, in the order of their labels; None where they have numbers only.
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
        if len(sample_shape) != 3:
            raise UserError(f"data.sample_shape={list(sample_shape)}: must be [channels, height, width]")
        if conditional and num_classes is None:
            raise UserError("conditional=true: the data have no classes: data.num_classes=…")
        condition = Labels(num_classes) if conditional and num_classes is not None else None
        super().__init__(Images(*sample_shape), batch_size, seed, condition, evaluator)
        self.num_classes = num_classes

    def name_classes(self, names: Sequence[str]) -> None:
        """Say what the classes are called, in the order of their labels."""
        if self.num_classes not in (None, len(names)):
            raise UserError(f"data.num_classes={self.num_classes}: there are {len(names)} classes: {listed(names)}")
        twins = [name for name, n in Counter(map(composed, names)).items() if n > 1]
        if twins and self.condition is not None:
            raise UserError(f"conditional=true: several classes are called {twins[0]}: rename or join them")
        self.class_names = list(names)
        if isinstance(self.condition, Labels):
            self.condition.names = self.class_names

    def setup(self, stage: str) -> None:
        super().setup(stage)
        self.check_classes()

    def check_classes(self) -> None:
        """Raise UserError where the training images lack a class, which nobody could learn, or are all of one."""
        seen = self.labels.unique().tolist()
        if self.num_classes is not None and len(seen) < self.num_classes:
            names = [self.class_names[label] if self.class_names else str(label) for label in seen]
            raise UserError(f"data.num_classes={self.num_classes}: only {len(seen)} classes occur: {listed(names)}")
        if self.condition is not None and len(seen) == 1:
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
        if isinstance(content, Tensor) and content.shape[1:] != self.modality.sample_shape:
            found = list(content.shape[1:])
            raise UserError(f"data.sample_shape={list(self.modality.sample_shape)}: the images have {found}")
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
            raise UserError("data: load() gave no int64 labels beside the images")
        if not len(labels):
            raise UserError("data: there are no images: other files are needed")
        if isinstance(content, Tensor) and _highest(content) == 1:  # as masks are stored, and floats cut to integers
            raise UserError("data: no number in the images is above 1, and white is 255: scale them first")
        if self.num_classes is not None and labels.max() >= self.num_classes:
            raise UserError(f"data.num_classes={self.num_classes}: there are {labels.max() + 1} classes of images")
        return super().check(examples)


def _highest(images: Tensor) -> int:
    """Return the highest number in images, or the first one above 1: not all of them need be read."""
    highest = 0
    for image in images:
        highest = max(highest, int(image.max()))
        if highest > 1:
            break
    return highest
