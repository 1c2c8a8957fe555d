"""Metrics of pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor

LAPLACIAN = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
ROWS = 1000  # images at once


def sharpness(samples: Tensor, real: Tensor) -> float:
    """Return the variance of the Laplacian of samples (n, C, H, W) uint8, divided by that of real images.

    Blurred samples have less than 1, noisy ones more (Pech-Pacheco et al., 2000, Diatom autofocusing in brightfield
    microscopy).
    """
    return (_laplacian_variance(samples) / _laplacian_variance(real)).item()


def _laplacian_variance(images: Tensor) -> Tensor:
    kernel = LAPLACIAN.expand(1, 1, 3, 3)
    variances = [
        F.conv2d(part.float().flatten(0, 1).unsqueeze(1), kernel).flatten(1).var(1).sum(dtype=torch.float64)
        for part in images.split(ROWS)
    ]
    return torch.stack(variances).sum() / (len(images) * images.shape[1])
