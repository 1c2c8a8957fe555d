"""The base class of data sets of images that are composed of parts, and described by attributes."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.data.images import check_image_shape, images_of_shape
from gan_lightning.errors import UserError
from gan_lightning.marks import Serving
from gan_lightning.modalities.attributes import ANY, Attributes
from gan_lightning.modalities.image import Images
from gan_lightning.modalities.samples import Content
from gan_lightning.system.randomness import CONDITIONS, derived_seed

MIN_DONORS = 16  # examples that open attributes are taken from: samples of one condition should differ


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
        self.attributes = Attributes(values)
        (found,) = self.attributes.sample_shape
        if found != num_classes:
            raise UserError(f"data.num_classes={num_classes}: the attributes have {found} values together")
        condition = self.attributes if conditional else None
        super().__init__(images_of_shape(sample_shape), batch_size, seed, condition, evaluator)
        self.num_classes = num_classes

    @abstractmethod
    def compose(self, attributes: Tensor) -> Tensor:
        """Return the images (n, C, H, W) uint8 of attributes (n, attributes) int64."""

    def check(self, examples: Examples) -> Examples:
        check_image_shape(examples.content, self.modality)
        if examples.condition is None:
            raise UserError(f"data: {type(self).__name__}.load() must return the attributes with the images")
        self.attributes.check(examples.condition, "data: load(): attributes")
        return super().check(examples)

    def complete_condition(self, content: Content, n: int, seed: int) -> Content:
        """Return the attributes of n samples, with those that are open taken from random examples.

        A sample takes all its open attributes from one example, drawn from those that have all its other attributes,
        or from the ``MIN_DONORS`` examples that have the most of them if these are more.
        """
        assert isinstance(content, Tensor)
        content = content.expand(n, -1)
        examples = self._stored_conditions
        if examples is None or not (content == ANY).any():
            return content
        assert isinstance(examples, Tensor)
        generator = torch.Generator().manual_seed(derived_seed(seed, CONDITIONS))
        completed = content.clone()
        distinct, kinds = content.unique(dim=0, return_inverse=True)
        for kind, given in enumerate(distinct):
            matches = (examples == given).sum(1)
            fitting = int((matches == (given != ANY).sum()).sum())
            order = (matches + torch.rand(len(examples), generator=generator)).argsort(descending=True)
            donors = order[: max(fitting, MIN_DONORS)]
            rows = (kinds == kind).nonzero()[:, 0]
            drawn = donors[torch.randint(len(donors), (len(rows),), generator=generator)]
            completed[rows] = torch.where(given == ANY, examples[drawn], given)
        return completed
