"""Penalties on the discriminator's slope, added to its loss: plain torch, usable without Lightning.

A penalty of one sample is about the gradient of its own logit (of their mean, if it has several), so the discriminator
must judge each sample by itself: no batch norm.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gan_lightning.algorithms.schedules import Schedule, as_schedule


class DiscriminatorPass(NamedTuple):
    """What one update of the discriminator has seen."""

    real: Tensor  # (B, …)
    fake: Tensor  # (B, …), detached from the generator
    condition: Tensor | None
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
        real, fake = seen.real.detach(), seen.fake.detach()
        epsilon = torch.rand(len(real), *[1] * (real.dim() - 1), dtype=real.dtype, device=real.device)
        between = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
        (slope,) = squared_slopes(discriminator(between, seen.condition), [between])
        return ((slope + 1e-12).sqrt() - 1).square().mean()  # the root has no gradient at 0


def squared_slopes(logits: Tensor, samples: Sequence[Tensor]) -> list[Tensor]:
    """‖∇‖² (B,) of each sample's mean logit, that can itself be differentiated, for each tensor of samples (B, …)."""
    total = logits.flatten(1).mean(1).sum() if logits.dim() > 1 else logits.sum()
    gradients = torch.autograd.grad(total, list(samples), create_graph=True)
    return [gradient.flatten(1).square().sum(1) for gradient in gradients]
