"""Penalties on the discriminator's slope, added to its loss: plain torch, usable without Lightning.

A penalty of one sample is about the gradient of its own logit (of their mean, if it has several), so the discriminator
must judge each sample by itself: no batch norm.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gan_lightning.algorithms.schedules import Schedule, as_schedule
from gan_lightning.modalities.samples import Sample, each, leaves


class DiscriminatorPass(NamedTuple):
    """What one update of the discriminator has seen."""

    real: Sample  # (B, …)
    fake: Sample  # (B, …), detached from the generator
    condition: Sample | None
    real_logits: Tensor  # (B, K)
    fake_logits: Tensor  # (B, K)


@runtime_checkable
class Regularizer(Protocol):
    """A term of the discriminator's loss. A new one is a class, one YAML in ``conf/regularizer/``, one test."""

    needs_input_grad: bool  # whether real and fake must require gradients before they are judged
    weight: Schedule  # iteration to weight

    def __call__(self, discriminator: nn.Module, seen: DiscriminatorPass) -> Tensor:
        """The penalty, without its weight."""


class NoPenalty:
    """Nothing."""

    needs_input_grad = False
    weight = staticmethod(as_schedule(0.0))

    def __call__(self, discriminator: nn.Module, seen: DiscriminatorPass) -> Tensor:
        return seen.real_logits.new_zeros(())


class R1:
    """½ E‖∇D(x)‖² at the reals (Mescheder et al., 2018, arXiv:1801.04406).

    Args:
        weight: γ, a number or a schedule.
    """

    needs_input_grad = True

    def __init__(self, weight: float | Schedule) -> None:
        self.weight = as_schedule(weight)

    def __call__(self, discriminator: nn.Module, seen: DiscriminatorPass) -> Tensor:
        (slope,) = squared_slopes(seen.real_logits, [seen.real])
        return slope.mean() / 2


class R1R2(R1):
    """½ E‖∇D(x)‖² + ½ E‖∇D(G(z))‖² (R3GAN, Huang et al., 2024, arXiv:2501.05441), both in one backward pass."""

    def __call__(self, discriminator: nn.Module, seen: DiscriminatorPass) -> Tensor:
        logits = torch.cat([seen.real_logits, seen.fake_logits])
        at_real, at_fake = squared_slopes(logits, [seen.real, seen.fake])
        return (at_real.mean() + at_fake.mean()) / 2


class GradientPenalty:
    """E(‖∇D(x̂)‖ − 1)² between reals and fakes, x̂ = εx + (1 − ε)G(z).

    WGAN-GP (Gulrajani et al., 2017, arXiv:1704.00028).

    Args:
        weight: λ, a number or a schedule; 10 in the paper.
    """

    needs_input_grad = False

    def __init__(self, weight: float | Schedule) -> None:
        self.weight = as_schedule(weight)

    def __call__(self, discriminator: nn.Module, seen: DiscriminatorPass) -> Tensor:
        first = leaves(seen.real)[0]
        epsilon = torch.rand(len(first), dtype=first.dtype, device=first.device)
        between = each(lambda real, fake: interpolate(real, fake, epsilon), seen.real, seen.fake)
        (slope,) = squared_slopes(discriminator(between, seen.condition), [between])
        return ((slope + 1e-12).sqrt() - 1).square().mean()  # the root has no gradient at 0


def interpolate(real: Tensor, fake: Tensor, epsilon: Tensor) -> Tensor:
    """Return εx + (1 − ε)G(z) for ε (B,), as a leaf that gradients are asked of."""
    epsilon = epsilon.view(-1, *[1] * (real.dim() - 1))
    return (epsilon * real.detach() + (1 - epsilon) * fake.detach()).requires_grad_()


def squared_slopes(logits: Tensor, samples: Sequence[Sample]) -> list[Tensor]:
    """Return ‖∇‖² (B,) of each sample's mean logit over all its tensors, for each batch of samples.

    The result can itself be differentiated.
    """
    total = logits.flatten(1).mean(1).sum() if logits.dim() > 1 else logits.sum()
    gradients = iter(torch.autograd.grad(total, [leaf for one in samples for leaf in leaves(one)], create_graph=True))
    return [_sum([next(gradients).flatten(1).square().sum(1) for _ in leaves(one)]) for one in samples]


def _sum(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)
