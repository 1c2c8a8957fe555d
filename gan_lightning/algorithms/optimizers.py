"""Optimizers that PyTorch does not provide."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from pydantic import PositiveFloat
from torch import Tensor, nn
from torch.optim import Adam, Optimizer


class ClippedAdam(Adam):
    """Adam that keeps each weight in [−limit, limit], as WGAN's critic needs (Arjovsky et al., 2017, arXiv:1701.07875).

    The paper uses RMSprop. Adam with betas of (0, 0.99) is RMSprop with bias correction in the first steps.

    Args:
        params: the parameters to train.
        limit: the largest absolute value of a weight; .01 in the paper.
        lr: the learning rate; 5e-5 in the paper.
        betas: as for Adam.
        fused: as for Adam.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        limit: PositiveFloat,
        lr: PositiveFloat = 5e-5,
        betas: tuple[float, float] = (0.0, 0.99),
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, fused=fused)
        self.limit = limit

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        weights: list[Tensor] = [weight for group in self.param_groups for weight in group["params"]]
        torch._foreach_clamp_min_(weights, -self.limit)
        torch._foreach_clamp_max_(weights, self.limit)
        return loss


def clips_weights(optimizer: Callable[..., Optimizer]) -> bool:
    """Return True if ``optimizer`` builds a :class:`ClippedAdam`."""
    return isinstance(optimizer, partial) and optimizer.func is ClippedAdam
