"""Metrics that compare an image with the true one, as the literature on super-resolution computes them."""

import torch
from torch import Tensor

from gan_lightning.imaging.resizing import WHITE

LUMA = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64)  # of RGB in [0, 1]: ITU-R BT.601, studio range
LUMA_OFFSET = 16.0
MAX_PSNR = 100.0
SSIM_WINDOW = 11  # pixels
SSIM_SIGMA = 1.5  # pixels
SSIM_C1 = (0.01 * WHITE) ** 2
SSIM_C2 = (0.03 * WHITE) ** 2


def y_channel(image: Tensor) -> Tensor:
    """Return the Y channel (n, 1, H, W) float64, from 16 to 235, of images (n, C, H, W) uint8, grey or RGB."""
    rgb = image.double().expand(-1, 3, -1, -1) / WHITE
    return (rgb * LUMA[:, None, None]).sum(1, keepdim=True) + LUMA_OFFSET


def without_border(image: Tensor, border: int) -> Tensor:
    """Return images (n, C, H, W) without ``border`` pixels on each side."""
    return image[..., border:-border, border:-border] if border else image


def psnr(a: Tensor, b: Tensor) -> float:
    """Return the peak signal-to-noise ratio of images of values from 0 to 255, in dB; at most 100, for equal ones."""
    error = (a.double() - b.double()).square().mean()
    return min((10 * torch.log10(WHITE**2 / error)).item(), MAX_PSNR)


def ssim(a: Tensor, b: Tensor) -> float:
    """Return the structural similarity of images (n, C, H, W) of values from 0 to 255 (Wang et al., 2004).

    As in its authors' code: a Gaussian window of 11 pixels and standard deviation 1.5, only where it lies within the
    image. Images smaller than the window are not comparable: NaN.
    """
    if min(a.shape[2:]) < SSIM_WINDOW:
        return float("nan")
    a, b = a.double(), b.double()
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    variance_a = _window_mean(a.square()) - mean_a.square()
    variance_b = _window_mean(b.square()) - mean_b.square()
    covariance = _window_mean(a * b) - mean_a * mean_b
    of_means = (2 * mean_a * mean_b + SSIM_C1) / (mean_a.square() + mean_b.square() + SSIM_C1)
    of_variances = (2 * covariance + SSIM_C2) / (variance_a + variance_b + SSIM_C2)
    return (of_means * of_variances).mean().item()


def _window_mean(image: Tensor) -> Tensor:
    """Return the Gaussian means (…, H - 10, W - 10) of the windows of an image (…, H, W) float64."""
    offsets = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    weights = torch.softmax(-offsets.square() / (2 * SSIM_SIGMA**2), 0)
    for dimension in (-2, -1):
        length = image.shape[dimension] - SSIM_WINDOW + 1
        parts = (image.narrow(dimension, start, length) for start in range(SSIM_WINDOW))
        image = sum((part * weight for part, weight in zip(parts, weights, strict=True)), torch.zeros(()))
    return image
