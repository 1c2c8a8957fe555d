"""Penalties on the discriminator's slope, added to its loss. They are plain PyTorch, usable without Lightning.

A penalty uses the gradient of each sample's logit (the mean, if it has several) with respect to that sample. The
discriminator must therefore not have batch norm, by which a logit depends on the other samples of the batch.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gan_lightning.algorithms.schedules import Schedule, as_schedule
from gan_lightning.modalities.samples import Sample, each, leaves


class DiscriminatorPass(NamedTuple):
    """Tensors of one discriminator update, from which penalties are computed."""

    real: Sample  # (B, …)
    fake: Sample  # (B, …), detached from the generator
    condition: Sample | None
    real_logits: Tensor  # (B, K)
    fake_logits: Tensor  # (B, K)


@runtime_checkable
class Regularizer(Protocol):
    """Penalty in the discriminator's loss. A new one is a class, a YAML in ``conf/regularizer/`` and a test.

    Attributes:
        needs_input_grad: True if ``seen.real`` and ``seen.fake`` must require gradients when the logits are computed.
        weight: the schedule of the penalty's weight.
    """

    needs_input_grad: bool
    weight: Schedule

    def __call__(self, discriminator: nn.Module, seen: DiscriminatorPass) -> Tensor:
        """Return the penalty () without its weight."""


class NoPenalty:
    """No penalty: always zero."""

    needs_input_grad = False
    weight = staticmethod(as_schedule(0.0))

    def __call__(self, discriminator: nn.Module, seen: DiscriminatorPass) -> Tensor:
        return seen.real_logits.new_zeros(())


class R1:
    """R1, the squared slope at the reals (Mescheder et al., 2018, arXiv:1801.04406).

        ½ E‖∇D(x)‖²

    Args:
        weight: γ, a number or a schedule.
    """

    needs_input_grad = True

    def __init__(self, weight: float | Schedule) -> None:
        self.weight = as_schedule(weight)

    def __call__(self, discriminator: nn.Module, seen: DiscriminatorPass) -> Tensor:
        (squared_slope,) = squared_slopes(seen.real_logits, [seen.real])
        return squared_slope.mean() / 2


class R1R2(R1):
    """R1 + R2, the squared slopes at reals and fakes (R3GAN, Huang et al., 2024, arXiv:2501.05441).

        ½ E‖∇D(x)‖² + ½ E‖∇D(G(z))‖²

    Both come from one backward pass.

    Args:
        weight: γ, a number or a schedule.
    """

    def __call__(self, discriminator: nn.Module, seen: DiscriminatorPass) -> Tensor:
        logits = torch.cat([seen.real_logits, seen.fake_logits])
        at_real, at_fake = squared_slopes(logits, [seen.real, seen.fake])
        return (at_real.mean() + at_fake.mean()) / 2


class GradientPenalty:
    """Gradient penalty of WGAN-GP: slope 1 between reals and fakes (Gulrajani et al., 2017, arXiv:1704.00028).

        E(‖∇D(x̂)‖ − 1)², with x̂ = εx + (1 − ε)G(z)

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
        (squared_slope,) = squared_slopes(discriminator(between, seen.condition), [between])
        return ((squared_slope + 1e-12).sqrt() - 1).square().mean()  # the square root has no finite gradient at 0


def interpolate(real: Tensor, fake: Tensor, epsilon: Tensor) -> Tensor:
    """Return εx + (1 − ε)G(z) for ε (B,), as a leaf tensor that requires gradients."""
    epsilon = epsilon.view(-1, *[1] * (real.dim() - 1))
    return (epsilon * real.detach() + (1 - epsilon) * fake.detach()).requires_grad_()


def squared_slopes(logits: Tensor, samples: Sequence[Sample]) -> list[Tensor]:
    """Return the squared gradient norm (B,) of each sample's mean logit, one tensor for each batch in ``samples``.

    The norm covers all tensors of a sample. The result is differentiable.

    Args:
        logits: (n,) or (n, K), of all batches together.
        samples: the batches that the logits were computed from.
    """
    summed_logits = logits.flatten(1).mean(1).sum() if logits.dim() > 1 else logits.sum()
    inputs = [leaf for one in samples for leaf in leaves(one)]
    gradients = iter(torch.autograd.grad(summed_logits, inputs, create_graph=True))
    return [_sum([next(gradients).flatten(1).square().sum(1) for _ in leaves(one)]) for one in samples]


def _sum(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)
