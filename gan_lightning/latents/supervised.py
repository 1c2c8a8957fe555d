"""Directions that change one attribute of samples, learned from attributes that are read from samples.

The directions are those of InterFaceGAN (Shen et al., 2020, https://arxiv.org/abs/2005.09635): normals of hyperplanes
between styles with and without a value of an attribute. A direction with smaller components along the normals of other
attributes changes those less. How small they are, and the levels and the strength of the edit, are chosen by trying.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from gan_lightning.latents.directions import Directions, measured
from gan_lightning.networks.styles import StyleGenerator

NONE = "none"  # the value of an attribute that a sample does not have
MIN_EXAMPLES = 20  # styles with a value, and without it, that a direction is learned from
MIN_VARIANCE = 1e-6  # of styles along a direction that is used, relative to the largest
PENALTIES = (0.0, 1.0, 10.0)  # of components along the normals of other attributes
STRENGTHS = (1.5, 2.5, 4.0, 6.0)
TRIED = 32  # styles on which the levels and strengths of a direction are compared
TRIED_AT_ONCE = 256  # samples that are generated together
ENOUGH = 0.85  # share of samples that a good direction changes

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


def measure(
    generator: StyleGenerator, read: Reader, styles: Tensor, before: Tensor, shift: Tensor, target: Target
) -> Effect:
    """Return the effect of an edit on samples that have none of the wanted values.

    Args:
        generator: the generator.
        read: reads the attributes of samples.
        styles: (n, levels, style_dim).
        before: (n, attributes), the attributes of their samples.
        shift: (levels, style_dim), the edit.
        target: the wanted values.
    """
    missing = ~target.reached(before)
    after = read_styles(generator, read, styles[missing] + shift)
    changed = after != before[missing]
    changed[:, target.attribute] = False
    return Effect(
        wanted=float(target.reached(after).float().mean()),
        any_other=float(changed.any(1).float().mean()),
        others=changed.float().mean(0),
    )


@torch.no_grad()
def read_styles(generator: StyleGenerator, read: Reader, styles: Tensor) -> Tensor:
    """Return the attributes (n, attributes) of the samples of styles (n, levels, style_dim)."""
    return torch.cat([read(generator.synthesize(part)) for part in styles.split(TRIED_AT_ONCE)])


def attribute_changes(generator: StyleGenerator, read: Reader, styles: Tensor, before: Tensor, shift: Tensor) -> Tensor:
    """Return True (n, attributes) for the attributes that an edit changes; the arguments are those of ``measure``."""
    return read_styles(generator, read, styles + shift) != before


class Learned(NamedTuple):
    """Direction that leads to a target, with the strength that was best on the styles it was learned from."""

    target: Target
    directions: Directions  # the only one in it
    strength: float


class Learner:
    """Learns directions from the styles and the attributes of samples.

    Args:
        generator: the generator.
        read: reads the attributes of samples.
        styles: (n, style_dim), the same at all levels.
        attributes: (n, attributes), the attributes of their samples.
        targets: all values that samples may have.
    """

    def __init__(
        self, generator: StyleGenerator, read: Reader, styles: Tensor, attributes: Tensor, targets: Sequence[Target]
    ) -> None:
        self.generator, self.read, self.styles, self.attributes = generator, read, styles, attributes
        values, vectors = torch.linalg.eigh(torch.cov(styles.double().T))
        kept = values > MIN_VARIANCE * values.max()
        # In whitened coordinates, random styles have the same variance in all directions.
        self.unwhitening = (vectors[:, kept] * values[kept].sqrt()).T
        whitening = vectors[:, kept] / values[kept].sqrt()
        whitened = ((styles - styles.mean(0)).double() @ whitening).numpy()
        self.normals = {}
        for target in targets:
            reached = target.reached(attributes)
            if min(int(reached.sum()), int((~reached).sum())) >= MIN_EXAMPLES:
                fitted = LogisticRegression(max_iter=300, tol=1e-3).fit(whitened, reached.numpy())
                self.normals[target.name] = torch.from_numpy(fitted.coef_[0] / np.linalg.norm(fitted.coef_))
        self.targets = [target for target in targets if target.name in self.normals]

    def learn(self, target: Target) -> Learned:
        """Return the direction, the levels and the strength with the best effect on a few styles."""
        chosen = (~target.reached(self.attributes)).nonzero()[:TRIED, 0]
        styles = self.styles[chosen, None].expand(-1, self.generator.levels, -1)
        before = self.attributes[chosen]

        def quality(penalty: float, levels: list[int], strength: float, n: int = TRIED) -> tuple[float, float]:
            learned = self._direction(target, penalty, levels)
            shift = learned.shift(target.name, strength, self.generator.levels)
            return measure(self.generator, self.read, styles[:n], before[:n], shift, target).quality

        ranked = sorted(
            level_sets(self.generator.levels), key=lambda levels: quality(1.0, levels, 3.0, TRIED // 2), reverse=True
        )
        settings = itertools.product(PENALTIES, ranked[:2], STRENGTHS)
        penalty, levels, strength = max(settings, key=lambda one: quality(*one))
        return Learned(target, self._direction(target, penalty, levels), strength)

    def _vector(self, target: Target, penalty: float) -> Tensor:
        """Return the direction (style_dim,) to a target that is penalized for its components along other normals.

        In whitened coordinates it is the d that maximizes d · normal − ½ (|d|² + penalty · Σ (d · other normal)²).
        """
        others = [self.normals[one.name] for one in self.targets if one.attribute != target.attribute]
        stacked = torch.stack(others) if others else torch.zeros(0, len(self.unwhitening), dtype=torch.double)
        matrix = torch.eye(len(self.unwhitening), dtype=torch.double) + penalty * stacked.T @ stacked
        return (torch.linalg.solve(matrix, self.normals[target.name]) @ self.unwhitening).float()

    def _direction(self, target: Target, penalty: float, levels: list[int]) -> Directions:
        return measured([target.name], self._vector(target, penalty)[None], self.styles, [levels])


def level_sets(levels: int) -> list[list[int]]:
    """Return all runs of adjacent sizes of images as lists of levels; level 0 is a size, and then each two levels."""
    starts = [0, *range(1, levels + 1, 2)]
    return [list(range(first, end)) for first, end in itertools.combinations([*starts], 2)]
