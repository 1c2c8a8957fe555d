"""Distributions that latents are drawn from."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from pydantic import PositiveInt
from torch import Tensor


@runtime_checkable
class Prior(Protocol):
    """Distribution of latents: a call with n returns latents (n, *shape).

    Attributes:
        shape: the shape of one latent.
    """

    shape: tuple[int, ...]

    def __call__(
        self, n: int, *, device: torch.device | None = None, generator: torch.Generator | None = None
    ) -> Tensor: ...


class _Shaped:
    """Prior of latents of one shape."""

    def __init__(self, shape: Sequence[PositiveInt]) -> None:
        self.shape = tuple(shape)


class Normal(_Shaped):
    """Standard normal distribution z ~ N(0, I).

    This is a class instead of a function with ``_partial_``, because a call of Hydra's partial objects takes 0.2 ms.

    Args:
        shape: the shape of one latent: [latent_dim], or [positions, latent_dim] for a latent at each position.
    """

    def __call__(
        self, n: int, *, device: torch.device | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        return torch.randn(n, *self.shape, device=device, generator=generator)


class Uniform(_Shaped):
    """Uniform distribution on [0, 1) of each coordinate, independently.

    Args:
        shape: the shape of one latent.
    """

    def __call__(
        self, n: int, *, device: torch.device | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        return torch.rand(n, *self.shape, device=device, generator=generator)


class Zeros(_Shaped):
    """Latents of zeros, for a model that predicts samples from their conditions alone.

    Args:
        shape: the shape of one latent.
    """

    def __call__(
        self, n: int, *, device: torch.device | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        return torch.zeros(n, *self.shape, device=device)
