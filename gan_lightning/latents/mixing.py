"""Paths between latents, and mixtures of styles."""

import torch
from torch import Tensor


def slerp(start: Tensor, end: Tensor, t: float) -> Tensor:
    """Return the spherical interpolation of two sets of latents (n, …), at ``t`` from 0 (start) to 1 (end).

    On a straight line, Gaussian latents would cross a region where the prior has almost no mass (White, 2016,
    https://arxiv.org/abs/1609.04468).
    """
    cosine = torch.cosine_similarity(start.flatten(1), end.flatten(1), dim=1).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.acos(cosine).view(-1, *[1] * (start.dim() - 1))
    return (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle)


def mix(styles: Tensor, others: Tensor, levels: range) -> Tensor:
    """Return all mixtures of two sets of styles (Karras et al., 2019, https://arxiv.org/abs/1812.04948, figure 3).

    Args:
        styles: (n, levels, style_dim).
        others: (m, levels, style_dim).
        levels: the levels that are taken from ``others``.

    Returns:
        (n · m, levels, style_dim): the first style with the levels of each of the others, then the second style, ….
    """
    mixed = styles[:, None].repeat(1, len(others), 1, 1)
    mixed[:, :, levels] = others[:, levels]
    return mixed.flatten(0, 1)
