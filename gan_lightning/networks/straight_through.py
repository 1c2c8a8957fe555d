"""Values drawn by the Gumbel-max trick, with the gradient of the softmax."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

CACHED_NUMBERS = 2**17  # float64 numbers that ``gumbel`` computes at once, so that they stay in the processor's cache


def draw(logits: Tensor, temperature: float) -> Tensor:
    """Return the one-hot vectors of the largest logits (…, values), with the gradient of the softmax.

    It is the straight-through estimator of Jang et al. (2017, arXiv:1611.01144), whose noise the logits have already.

    Args:
        logits: log-probabilities with Gumbel noise.
        temperature: temperature of the softmax.
    """
    hard = torch.zeros_like(logits).scatter_(-1, logits.max(-1).indices[..., None], 1.0)
    if not torch.is_grad_enabled():
        return hard
    soft = F.softmax(logits / temperature, -1)
    return hard + (soft - soft.detach())


def uniform(normal: Tensor) -> Tensor:
    """Return standard normal numbers as numbers that are uniform on [0, 1)."""
    return (0.5 + 0.5 * torch.erf(normal.double() / math.sqrt(2))).clamp(0, 1 - 1e-9)


@torch.no_grad()
def gumbel(normal: Tensor) -> Tensor:
    """Return standard normal numbers (B, D) as numbers of the standard Gumbel distribution, without a gradient."""
    drawn = torch.empty_like(normal)
    rows = max(CACHED_NUMBERS // normal.shape[1], 1)
    for part, out in zip(normal.split(rows), drawn.split(rows), strict=True):
        numbers = part.double().div_(math.sqrt(2)).erf_().mul_(0.5).add_(0.5).clamp_(1e-12, 1 - 1e-9)
        out.copy_(numbers.log_().neg_().log_().neg_())
    return drawn
