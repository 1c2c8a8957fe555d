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


def largest_difference(a: Tensor, b: Tensor, window: int) -> Tensor:
    """Return the largest root mean square difference of images in any window of window × window pixels, (n,).

    A few wrong pixels, such as those of a mouth, count as much as many in the whole image.

    Args:
        a: images (n, C, H, W) uint8.
        b: images of the same shape.
        window: side of the windows.
    """
    largest = [
        F.avg_pool2d((x.float() - y).square().mean(1, keepdim=True), window, 1).amax((1, 2, 3)).sqrt()
        for x, y in zip(a.split(ROWS), b.split(ROWS), strict=True)
    ]
    return torch.cat(largest)


def squared_difference(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of squared differences of images a and b (n, C, H, W) uint8, (n,)."""
    return (a.float() - b).square().flatten(1).sum(1)
