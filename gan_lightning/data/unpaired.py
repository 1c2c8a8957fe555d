"""The base class of data sets of two domains of images without pairs, for models that translate one into the other."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, NotRequired, TypedDict, TypeVar

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from gan_lightning.data.datamodule import Batch, Data, Examples
from gan_lightning.data.domain_orders import DomainOrder, Independent, Paired
from gan_lightning.data.images import check_image_shape, images_of_shape
from gan_lightning.data.pairing import Pairing
from gan_lightning.errors import UserError
from gan_lightning.marks import Serving, WithoutEffect
from gan_lightning.modalities.image import Images

T = TypeVar("T")


class Domain(NamedTuple):
    """Images of one domain.

    Attributes:
        images: (n, C, H, W) uint8.
        labels: classes (n,) int64, the same classes in both domains; None if they are unknown.
    """

    images: Tensor
    labels: Tensor | None = None


class UnpairedSettings(TypedDict):
    """Settings of every data set of two domains; see :class:`Unpaired`."""

    sample_shape: Sequence[PositiveInt]
    condition_shape: Sequence[PositiveInt]
    batch_size: Serving[PositiveInt]
    seed: Serving[NonNegativeInt]
    flip: NotRequired[Serving[bool]]
    pairing: NotRequired[Any]
    evaluator: NotRequired[WithoutEffect[Any]]


class Unpaired(Data):
    """Images of domain B as content, and images of domain A as conditions: a model translates A to B.

    The order of content and that of conditions are drawn independently, so training sees no pairs. An epoch has as
    many examples as the larger domain; those of the smaller one are repeated, each as often as the others or once more.
    With a ``pairing``, training sees the likely pairs that it finds, and terms such as L1 can compare them.

    A subclass implements ``load_domains`` and ``load_test_domains``. If the truth of its test images is known, which is
    how a perfect translation looks, it sets ``truth``.

    Args:
        sample_shape: (C, H, W) of the images that result.
        condition_shape: (C, H, W) of the images that are translated.
        batch_size: number of images of each domain in a batch.
        seed: seed of the order of images.
        reverse: True to exchange the domains, and translate B to A.
        flip: True to flip half of the images of each training batch, chosen at random, from left to right.
        pairing: finds likely pairs of training images; None to draw images independently.
        evaluator: evaluator that measures samples, as for :class:`Data`.

    Attributes:
        truth: True if test image i of domain B is the truth of test image i of domain A.
        domains: training images of the domain that is translated and of the one that results, after ``setup``.
        domain_order: order in which training takes the images, after ``setup``.
        test_domains: test images of both, after ``setup("test")``.
    """

    truth: bool = False

    modality: Images
    condition: Images
    domain_order: DomainOrder
    domains: tuple[Domain, Domain]
    test_domains: tuple[Domain, Domain]

    def __init__(
        self,
        sample_shape: Sequence[PositiveInt],
        condition_shape: Sequence[PositiveInt],
        batch_size: PositiveInt,
        seed: NonNegativeInt,
        reverse: bool = False,
        flip: Serving[bool] = False,
        pairing: Any = None,
        evaluator: Any = None,
    ) -> None:
        condition = images_of_shape(condition_shape, "data.condition_shape")
        super().__init__(images_of_shape(sample_shape), batch_size, seed, condition, evaluator)
        self.reverse = reverse
        self.flip = flip
        self.pairing: Pairing | None = pairing

    @abstractmethod
    def load_domains(self) -> tuple[Domain, Domain]:
        """Return the training images of A and of B; raise UserError if they are missing or damaged."""

    @abstractmethod
    def load_test_domains(self) -> tuple[Domain, Domain]:
        """Return the test images of A and of B, which are pairs if there is a ``truth``."""

    def load_pairs(self) -> tuple[Tensor, Tensor] | None:
        """Return training images of A and the truth of each, for baselines that need pairs; None if there are none.

        No model is trained on them.
        """
        return None

    def load(self) -> Examples:
        self.domains = translated, result = self._directed(self.load_domains())
        if self.pairing is None:
            self.domain_order = Independent(len(result.images), len(translated.images))
        else:
            self.domain_order = Paired(*self.pairing(translated.images, result.images))
        return _examples(self.domains)

    def load_test(self) -> Examples:
        self.test_domains = self._directed(self.load_test_domains())
        return _examples(self.test_domains)

    @property
    def pairs(self) -> tuple[Tensor, Tensor] | None:
        """Training images of the domain that is translated, and the truth of each; None if it is unknown."""
        pairs = self.load_pairs()
        return None if pairs is None else self._directed(pairs)

    def _directed(self, domains: tuple[T, T]) -> tuple[T, T]:
        return domains[::-1] if self.reverse else domains

    def check(self, examples: Examples) -> Examples:
        check_image_shape(examples.content, self.modality)
        assert isinstance(examples.condition, Tensor)
        check_image_shape(examples.condition, self.condition, "data.condition_shape")
        return super().check(examples)

    def setup(self, stage: str) -> None:
        super().setup(stage)
        most, what = self.domain_order.most, self.domain_order.most_is
        if stage == "fit" and self.batch_size > most:
            raise UserError(f"data.batch_size={self.batch_size}: larger than {what}, {most:,}: at most that many")

    @property
    def epoch_size(self) -> int:
        return self.domain_order.size

    def order(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return self.domain_order.order(generator)

    def batch(self, examples: Examples) -> Batch:
        """Return the images of both domains as samples, flipped at random if ``flip`` is set, and pairs alike."""
        real, condition = super().batch(examples)
        assert isinstance(real, Tensor)
        assert isinstance(condition, Tensor)
        if not self.flip:
            return Batch(real, condition)
        flipped = self.domain_order.flips(len(real), real.device)[..., None, None, None]
        return Batch(torch.where(flipped[0], real.flip(3), real), torch.where(flipped[1], condition.flip(3), condition))

    def describe(self) -> dict[str, Any]:
        """Return the numbers of training images and of likely pairs, and the SHA-256 of the images, for manifests."""
        translated, result = (len(domain.images) for domain in self.domains)
        return super().describe() | {"examples": result, "conditions": translated} | self.domain_order.facts


def _examples(domains: tuple[Domain, Domain]) -> Examples:
    translated, result = domains
    return Examples(result.images, translated.images)
