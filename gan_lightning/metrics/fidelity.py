"""Metrics that compare an image with the true one, as the literature on super-resolution computes them."""

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from gan_lightning.imaging.resizing import WHITE

LUMA = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64)  # of RGB in [0, 1]: ITU-R BT.601, studio range
LUMA_OFFSET = 16.0
MAX_PSNR = 100.0
SSIM_WINDOW = 11


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
    _, of_pixels = structural_similarity_index_measure(
        a.double(), b.double(), data_range=float(WHITE), return_full_image=True
    )
    return without_border(of_pixels, SSIM_WINDOW // 2).mean().item()
