"""Directions that change one attribute of samples, learned from attributes that are read from samples.

A linear regression explains the styles of samples by their attributes. A direction to a value of an attribute is the
difference between the styles with the value and without it, while all other attributes stay the same. That is better
to move along than the normal of a classifier, which may be any vector that tells the values apart (Haufe et al., 2014,
https://doi.org/10.1016/j.neuroimage.2013.10.067). The levels and the strength of an edit are chosen by trying.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.latents.directions import Directions, measured
from gan_lightning.networks.styles import StyleGenerator

NONE = "none"  # the value of an attribute that a sample does not have
MIN_EXAMPLES = 20  # styles with a value, and without it, that a direction is learned from
RIDGE = 1.0  # penalty of the regression: eyes are covered if, and only if, certain glasses cover them
STRENGTHS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
LEVELS_STRENGTH = 3.0  # strength with which levels are compared
TRIED = 64  # styles on which the levels and strengths of a direction are compared
READ_AT_ONCE = 256  # samples that are generated and read together
ENOUGH = 0.85  # share of samples that a good direction changes

ReadAttributes = Callable[[Tensor], Tensor]  # samples (n, C, H, W) -> attributes (n, attributes) int64


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
    def quality(self) -> tuple[bool, float, float]:
        """Triple to maximize: any wanted change, then enough wanted changes and few others, then all wanted changes."""
        return self.wanted > 0, min(self.wanted, ENOUGH) - self.any_other, self.wanted


def targets_of(attributes: Mapping[str, Sequence[str]]) -> list[Target]:
    """Return the targets that directions are learned for: each value, and all values but ``none`` together."""
    targets = []
    for i, (name, values) in enumerate(attributes.items()):
        if NONE in values:
            targets.append(Target(name, i, [j for j, value in enumerate(values) if value != NONE]))
        targets += [Target(f"{name}.{value}", i, [j]) for j, value in enumerate(values)]
    return targets


@torch.no_grad()
def read_styles(generator: StyleGenerator, read: ReadAttributes, styles: Tensor) -> Tensor:
    """Return the attributes (n, attributes) of the samples of styles (n, levels, style_dim)."""
    return torch.cat([read(generator.synthesize(part)) for part in styles.split(READ_AT_ONCE)])


def attribute_changes(
    generator: StyleGenerator, read: ReadAttributes, styles: Tensor, before: Tensor, shift: Tensor
) -> Tensor:
    """Return True (n, attributes) for the attributes of samples that an edit changes.

    Args:
        generator: the generator.
        read: reads the attributes of samples.
        styles: (n, levels, style_dim).
        before: (n, attributes), the attributes of their samples.
        shift: added to the styles.
    """
    return read_styles(generator, read, styles + shift) != before


def measure(
    generator: StyleGenerator, read: ReadAttributes, styles: Tensor, before: Tensor, shift: Tensor, target: Target
) -> Effect:
    """Return the effect of an edit on the samples that have none of the wanted values.

    Args:
        generator: the generator.
        read: reads the attributes of samples.
        styles: (n, levels, style_dim).
        before: (n, attributes), the attributes of their samples.
        shift: (levels, style_dim), added to the styles.
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


class Learner:
    """Learns directions from the styles and the attributes of samples.

    Args:
        generator: the generator.
        read: reads the attributes of samples.
        styles: (n, style_dim), the same at all levels.
        attributes: (n, attributes), the attributes of their samples.
    """

    def __init__(self, generator: StyleGenerator, read: ReadAttributes, styles: Tensor, attributes: Tensor) -> None:
        self.generator, self.read, self.styles, self.attributes = generator, read, styles, attributes
        one_hot = [F.one_hot(values).double() for values in attributes.unbind(1)]
        counts = [values.sum(0) for values in one_hot]
        explaining = torch.cat(one_hot, 1)
        explaining = explaining - explaining.mean(0)
        penalty = RIDGE * torch.eye(explaining.shape[1], dtype=torch.double)
        explained = explaining.T @ (styles - styles.mean(0)).double()
        solution = torch.linalg.solve(explaining.T @ explaining + penalty, explained)
        self.counts = counts
        self.offsets = solution.split([len(count) for count in counts])  # of each attribute: (values, style_dim)

    def can_learn(self, target: Target) -> bool:
        """Return True if enough samples have one of the values, and enough have none."""
        reached = int(target.reached(self.attributes).sum())
        return min(reached, len(self.attributes) - reached) >= MIN_EXAMPLES

    def vector(self, target: Target) -> Tensor:
        """Return the difference (style_dim,) between styles with the values and without them, all else being equal."""
        offsets, counts = self.offsets[target.attribute], self.counts[target.attribute]
        wanted = torch.isin(torch.arange(len(counts)), torch.tensor(target.values))
        with_values, without = (counts[one] @ offsets[one] / counts[one].sum() for one in (wanted, ~wanted))
        return (with_values - without).float()

    def learn(self, target: Target) -> tuple[Directions, float]:
        """Return the direction to a target, with the levels and the strength that are best on a few styles."""
        chosen = (~target.reached(self.attributes)).nonzero()[:TRIED, 0]
        styles = self.styles[chosen, None].expand(-1, self.generator.levels, -1)
        before, vector = self.attributes[chosen], self.vector(target)[None]

        def at(levels: list[int]) -> Directions:
            return measured([target.name], vector, self.styles, [levels])

        def quality(directions: Directions, strength: float) -> tuple[bool, float, float]:
            shift = directions.shift(target.name, strength, self.generator.levels)
            return measure(self.generator, self.read, styles, before, shift, target).quality

        candidates = [at(levels) for levels in level_sets(self.generator.levels)]
        best = max(candidates, key=lambda one: quality(one, LEVELS_STRENGTH))
        return best, max(STRENGTHS, key=lambda strength: quality(best, strength))


def level_sets(levels: int) -> list[list[int]]:
    """Return runs of adjacent levels that edits may move: all levels are first, and runs end where sizes double."""
    ends = [0, *range(1, levels, 2), levels]
    runs = [list(range(first, end)) for first, end in combinations(ends, 2)]
    return sorted(runs, key=len, reverse=True)
