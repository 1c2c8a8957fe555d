"""Metrics of images that are composed of attributes, and the view of samples that they are computed from."""

from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from gan_lightning.metrics.combinations import find_values, largest_kl, largest_pair_kl, unseen_share
from gan_lightning.metrics.feature_metrics import MORE_VARIETY
from gan_lightning.metrics.images import ImageView
from gan_lightning.metrics.pixels import largest_difference, squared_difference
from gan_lightning.metrics.reference import Reference

if TYPE_CHECKING:
    from gan_lightning.metrics.attributes import AttributeEvaluator

WINDOW = 4  # side of the windows, in pixels, in which a sample is compared with the image of its attributes
MAX_DIFFERENCE = 32.0  # root mean square, of 255, in each window of a valid sample
MAX_RECOGNIZED = 500  # samples of which all other readings are tried, which is slow
EXAMPLES_OF_VALUE = 2  # samples that are compared to find out whether a value is recognized
EXPECTED = 10  # a value that the data have so often in n examples is missing if no valid sample has it


class AttributeView(ImageView):
    """View of images, with the attributes that the reader finds in them."""

    evaluator: "AttributeEvaluator"

    @cached_property
    def attributes(self) -> Tensor:
        """The most probable attributes (n, attributes)."""
        return self.evaluator.reader.read(self.content)

    @cached_property
    def composed(self) -> Tensor:
        """The images (n, C, H, W) uint8 that the data compose of the attributes."""
        return self.evaluator.data.compose(self.attributes)

    @cached_property
    def valid(self) -> Tensor:
        """True (n,) for samples that look like the image composed of their attributes."""
        return largest_difference(self.content, self.composed, WINDOW) <= MAX_DIFFERENCE

    @cached_property
    def recognized(self) -> Tensor:
        """True (n,) for samples that no other value of a single attribute fits better than the one that is read.

        At most ``MAX_RECOGNIZED`` samples are compared.
        """
        chosen = torch.arange(min(MAX_RECOGNIZED, len(self.content)))
        fits = [self._fits_best(chosen, column) for column in range(len(self.evaluator.sizes))]
        return torch.stack(fits).all(0)

    @cached_property
    def recognized_values(self) -> list[Tensor]:
        """For each attribute, True (values,) for the values of which a sample is recognized.

        Of the samples that are read as a value, the first ``EXAMPLES_OF_VALUE`` are compared. Other attributes of the
        samples do not count.
        """
        recognized = []
        for column, size in enumerate(self.evaluator.sizes):
            read = self.attributes[:, column]
            chosen = torch.cat([(read == value).nonzero()[:EXAMPLES_OF_VALUE, 0] for value in range(size)])
            recognized.append(find_values(read[chosen][self._fits_best(chosen, column)][:, None], [size])[0])
        return recognized

    def _fits_best(self, chosen: Tensor, column: int) -> Tensor:
        """Return True (m,) for those of m samples that no other value of an attribute fits better than the one read."""
        images, attributes = self.content[chosen], self.attributes[chosen]
        compose = self.evaluator.data.compose
        nearest = squared_difference(images, compose(attributes))
        fits = torch.ones(len(images), dtype=torch.bool)
        for value in range(self.evaluator.sizes[column]):
            other = attributes.clone()
            other[:, column] = value
            fits &= squared_difference(images, compose(other)) >= nearest
        return fits

    @cached_property
    def found(self) -> list[Tensor]:
        """For each attribute, True (values,) for the values that valid samples have."""
        return find_values(self.attributes[self.valid], self.evaluator.sizes)


AttributeReference: TypeAlias = Reference[AttributeView]


def valid(reference: AttributeReference, samples: AttributeView) -> float:
    return samples.valid.double().mean().item()


def recognized(reference: AttributeReference, samples: AttributeView) -> float:
    return samples.recognized.double().mean().item()


def values_found(reference: AttributeReference, samples: AttributeView) -> float:
    return sum(int(found.sum()) for found in samples.found)


def values_recognized(reference: AttributeReference, samples: AttributeView) -> float:
    return sum(int(one.sum()) for one in samples.recognized_values)


def worst_attribute(reference: AttributeReference, samples: AttributeView) -> float:
    pairs = zip(samples.found, reference.real.found, strict=True)
    return min(((found & real).sum() / real.sum().clamp(min=1)).item() for found, real in pairs)


def missing_values(reference: AttributeReference, samples: AttributeView) -> float:
    expected = find_values(reference.real.attributes, samples.evaluator.sizes, EXPECTED)
    return sum(int((wanted & ~found).sum()) for wanted, found in zip(expected, samples.found, strict=True))


def attribute_kl(reference: AttributeReference, samples: AttributeView) -> float:
    return largest_kl(samples.attributes, reference.real.attributes, samples.evaluator.sizes)


def pair_kl(reference: AttributeReference, samples: AttributeView) -> float | None:
    return largest_pair_kl(samples.attributes, reference.real.attributes, samples.evaluator.sizes)


def unseen(reference: AttributeReference, samples: AttributeView) -> float:
    training = reference.data.examples.condition
    assert isinstance(training, Tensor)
    return unseen_share(samples.attributes[samples.valid], training)


def unseen_of_real(reference: AttributeReference) -> float | None:
    return None if reference.split == "train" else unseen(reference, reference.real)


def condition_accuracy(reference: AttributeReference, samples: AttributeView) -> float | None:
    """Return the share of the attributes asked for that are read in the samples; open ones are not counted."""
    if reference.data.condition is None or samples.condition is None:
        return None
    wanted = reference.data.condition.decode(samples.condition)
    assert isinstance(wanted, Tensor)
    return (wanted == samples.attributes)[wanted >= 0].double().mean().item()


def few_valid(value: float, real: float) -> str | None:
    invalid = f"{1 - value:.0%} of the samples look unlike any image that the data compose (real {1 - real:.0%})"
    return f"validity: {invalid}; train longer" if value < 0.8 * real else None


def few_values(value: float, real: float) -> str | None:
    found = f"{value:.0f} of {real:.0f} values of attributes are among the valid samples"
    return f"variety: {found}; {MORE_VARIETY}" if value < 0.95 * real else None


def uneven_values(value: float, real: float) -> str | None:
    uneven = f"an attribute has other shares of its values than in the data (KL {value:.2g}, real {real:.2g})"
    return f"attributes: {uneven}; {MORE_VARIETY}" if value > 0.05 + real else None


def odd_pairs(value: float, real: float) -> str | None:
    odd = f"two attributes are combined otherwise than in the data (KL {value:.2g}, real {real:.2g})"
    return f"combinations: {odd}; train longer" if value > 0.1 + real else None


def few_unseen(value: float, real: float) -> str | None:
    repeated = f"{1 - value:.0%} of the valid samples repeat a combination of the training set (real {1 - real:.0%})"
    return f"copies: {repeated}; take more data or train for less time" if value < 0.9 * real else None


def ignored_condition(value: float, real: float) -> str | None:
    read = f"{value:.0%} of the attributes asked for are read in the samples (real {real:.0%})"
    return f"condition: {read}; train longer" if value < 0.9 * real else None
