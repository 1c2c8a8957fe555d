"""Degradations: how an image of low resolution is made from one of high resolution."""

import io
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from gan_lightning.imaging.resizing import WHITE, bicubic_uint8
from gan_lightning.modalities.image import MODES

BLUR_STD = (0.2, 2.0)  # in pixels of the image of high resolution
NOISE_STD = (0.0, 10.0)  # in values from 0 to 255
JPEG_QUALITY = (50, 95)
MODES_OF_RESIZING = ("area", "bilinear", "bicubic")


class Degradation(Protocol):
    """Function that makes an image smaller. A new one is a class, a YAML in ``conf/degradation/`` and a test."""

    def __call__(self, image: Tensor, scale: int, random: np.random.Generator) -> Tensor:
        """Return an image of low resolution (C, H / scale, W / scale) uint8.

        Args:
            image: image (C, H, W) uint8; ``scale`` divides H and W.
            scale: the factor of height and width.
            random: source of all random numbers.
        """


class Bicubic:
    """Bicubic resizing with antialiasing and rounding, the degradation of most of the literature."""

    def __call__(self, image: Tensor, scale: int, random: np.random.Generator) -> Tensor:
        return bicubic_uint8(image, image.shape[1] // scale, image.shape[2] // scale)


class Blind:
    """Random blur, resizing, noise and JPEG compression, for photos whose history is unknown.

    A short form of the degradation of Real-ESRGAN (Wang et al., 2021, arXiv:2107.10833): a Gaussian blur of a standard
    deviation from .2 to 2 pixels, resizing by one of three filters, Gaussian noise of a standard deviation from 0 to
    10 of 255, and JPEG of a quality from 50 to 95.
    """

    def __call__(self, image: Tensor, scale: int, random: np.random.Generator) -> Tensor:
        height, width = image.shape[1:]
        std = float(random.uniform(*BLUR_STD))
        reach = min(int(4 * std) + 1, (min(height, width) - 1) // 2)
        blurred = gaussian_blur(image[None].float(), [2 * reach + 1] * 2, [std] * 2)
        mode = MODES_OF_RESIZING[random.integers(len(MODES_OF_RESIZING))]
        smooth = {} if mode == "area" else {"antialias": True}
        small = F.interpolate(blurred, (height // scale, width // scale), mode=mode, **smooth)[0]
        noise = random.standard_normal(small.shape, np.float32) * random.uniform(*NOISE_STD)
        noisy = (small + torch.from_numpy(noise)).round_().clamp_(0, WHITE).to(torch.uint8)
        return _jpeg(noisy, int(random.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1)))


def _jpeg(image: Tensor, quality: int) -> Tensor:
    """Return an image (C, H, W) uint8 after JPEG compression."""
    channels, height, width = image.shape
    pixels = image.permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels, MODES[channels]).save(file, "JPEG", quality=quality)
    decoded = np.array(Image.open(file)).reshape(height, width, channels)
    return torch.from_numpy(decoded).permute(2, 0, 1).contiguous()
