"""What the pixels themselves tell."""

import torch
import torch.nn.functional as F
from torch import Tensor

LAPLACIAN = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
ROWS = 1000  # pictures at once


def sharpness(samples: Tensor, real: Tensor) -> float:
    """Variance of the Laplacian of samples (n, C, H, W) uint8, by that of real pictures: below 1 blur, above 1 noise.

    A measure of focus (Pech-Pacheco et al., 2000, Diatom autofocusing in brightfield microscopy).
    """
    return (_laplacian_variance(samples) / _laplacian_variance(real)).item()


def _laplacian_variance(pictures: Tensor) -> Tensor:
    kernel = LAPLACIAN.expand(1, 1, 3, 3)
    variances = [
        F.conv2d(part.float().flatten(0, 1).unsqueeze(1), kernel).flatten(1).var(1).sum(dtype=torch.float64)
        for part in pictures.split(ROWS)
    ]
    return torch.stack(variances).sum() / (len(pictures) * pictures.shape[1])
