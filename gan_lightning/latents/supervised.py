"""Directions that change one attribute of samples, learned from attributes that are read from samples.

The directions are those of InterFaceGAN (Shen et al., 2020, https://arxiv.org/abs/2005.09635): normals of hyperplanes
between styles with and without a value of an attribute. One that is orthogonal to the normals of all other attributes
changes those less. Which of the two is used, at which levels and how far, is chosen by trying.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from gan_lightning.latents.directions import Directions, measured
from gan_lightning.networks.styles import StyleGenerator

NONE = "none"  # the value of an attribute that a sample does not have
MIN_EXAMPLES = 20  # styles with a value, and without it, that a direction is learned from
STRENGTHS = (1.0, 2.0, 3.0, 4.0, 6.0)
FIRST_STRENGTHS = (2.0, 4.0)  # at which vectors and levels are compared
TRIED_AT_ONCE = 256  # samples that are generated together
ENOUGH = 0.8  # share of samples that a good direction changes

Reader = Callable[[Tensor], Tensor]  # samples (n, C, H, W) -> attributes (n, attributes) int64


class Target(NamedTuple):
    """Values of an attribute that a direction leads to.

    Attributes:
        name: name of the direction, such as ``glasses.round``, or ``glasses`` for all values but ``none``.
        attribute: index of the attribute.
        values: indices of the values.
    """

    name: str
    attribute: int
    values: list[int]

    def reached(self, attributes: Tensor) -> Tensor:
        """Return True (n,) for samples with one of the values."""
        return torch.isin(attributes[:, self.attribute], torch.tensor(self.values))


class Effect(NamedTuple):
    """Shares of samples that an edit changes.

    Attributes:
        wanted: share of the samples without the wanted values that get one.
        any_other: share of the samples that change in another attribute.
        others: (attributes,), share of the samples that change in each attribute; 0 for the wanted one.
    """

    wanted: float
    any_other: float
    others: Tensor

    @property
    def each_other(self) -> float:
        """Mean share of the samples that change in one of the other attributes."""
        return float(self.others.sum() / max(len(self.others) - 1, 1))

    @property
    def quality(self) -> tuple[float, float]:
        """What to maximize: enough wanted changes first, then few others."""
        return min(self.wanted, ENOUGH) - self.any_other, self.wanted


def targets_of(attributes: Mapping[str, Sequence[str]]) -> list[Target]:
    """Return the targets that directions are learned for: each value, and all values but ``none`` together."""
    targets = []
    for i, (name, values) in enumerate(attributes.items()):
        if NONE in values:
            targets.append(Target(name, i, [j for j, value in enumerate(values) if value != NONE]))
        targets += [Target(f"{name}.{value}", i, [j]) for j, value in enumerate(values)]
    return targets
