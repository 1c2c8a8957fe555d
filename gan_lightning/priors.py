"""Where latents come from. A prior is a function (n, latent_dim) -> (n, latent_dim)."""

import torch
from torch import Tensor


def normal(
    n: int, latent_dim: int, *, device: torch.device | None = None, generator: torch.Generator | None = None
) -> Tensor:
    """z ~ N(0, I), shape (n, latent_dim)."""
    return torch.randn(n, latent_dim, device=device, generator=generator)
