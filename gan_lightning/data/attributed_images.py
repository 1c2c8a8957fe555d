"""The base class of data sets of images that are composed of parts, and described by attributes."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.marks import Serving
from gan_lightning.modalities.attributes import ANY, Attributes
from gan_lightning.modalities.image import Images
from gan_lightning.modalities.samples import Content
from gan_lightning.system.randomness import CONDITIONS, derived_seed


class AttributedImages(Data):
    """Images that ``compose`` makes of attributes: content (N, C, H, W) uint8, conditions (N, attributes) int64.

    Attributes are always loaded, as the evaluator uses them; the model gets them only if it is conditional.

    Args:
        values: names of the values of each attribute, by the name of the attribute.
        batch_size: number of images in a batch, as for :class:`Data`.
        sample_shape: (C, H, W).
        num_classes: number of values of all attributes together, the size of the model's condition.
        conditional: if True, the model gets the attributes.
        seed: seed of the order of images.
        evaluator: evaluator that measures samples, as for :class:`Data`.

    Attributes:
        attributes: modality of the attributes, whether or not the model is conditional.
    """

    modality: Images

    def __init__(
        self,
        values: Mapping[str, Sequence[str]],
        batch_size: PositiveInt,
        sample_shape: Sequence[PositiveInt],
        num_classes: PositiveInt,
        seed: NonNegativeInt,
        conditional: Serving[bool] = False,
        evaluator: Any = None,
    ) -> None:
        if len(sample_shape) != 3:
            raise UserError(f"data.sample_shape={list(sample_shape)}: must be [channels, height, width]")
        self.attributes = Attributes(values)
        (found,) = self.attributes.sample_shape
        if found != num_classes:
            raise UserError(f"data.num_classes={num_classes}: the attributes have {found} values together")
        condition = self.attributes if conditional else None
        super().__init__(Images(*sample_shape), batch_size, seed, condition, evaluator)
        self.num_classes = num_classes

    @abstractmethod
    def compose(self, attributes: Tensor) -> Tensor:
        """Return the images (n, C, H, W) uint8 of attributes (n, attributes) int64."""

    def check(self, examples: Examples) -> Examples:
        if examples.condition is None:
            raise UserError(f"data: {type(self).__name__}.load() must return the attributes with the images")
        self.attributes.check(examples.condition, "data: load(): attributes")
        return super().check(examples)

    def complete_condition(self, content: Content, n: int, seed: int) -> Content:
        """Return the attributes of n samples, with those that are open taken from random examples.

        A sample takes all its open attributes from one example that has the others, or from any example if none has.
        """
        assert isinstance(content, Tensor)
        content = content.expand(n, -1)
        examples = self._stored_conditions
        if examples is None or not (content == ANY).any():
            return content
        assert isinstance(examples, Tensor)
        generator = torch.Generator().manual_seed(derived_seed(seed, CONDITIONS))
        choices = torch.rand(n, len(examples), generator=generator)
        fits = ((content[:, None] == examples) | (content[:, None] == ANY)).all(2)
        donors = examples[(choices + fits).argmax(1)]
        return torch.where(content == ANY, donors, content)
