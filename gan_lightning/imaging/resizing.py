"""Bicubic resizing as in the literature on super-resolution."""

import torch
import torch.nn.functional as F
from torch import Tensor

WHITE = 255


def bicubic(images: Tensor, height: int, width: int) -> Tensor:
    """Return float images (B, C, H, W) resized bicubically, with antialiasing if they become smaller.

    The kernel is that of MATLAB's ``imresize`` and of Pillow (Keys, 1981, a = -½). Values may leave the range of those
    of ``images``.
    """
    return F.interpolate(images, (height, width), mode="bicubic", antialias=True, align_corners=False)


def bicubic_uint8(image: Tensor, height: int, width: int) -> Tensor:
    """Return an image (C, H, W) uint8 resized bicubically, and rounded."""
    return bicubic(image[None].float(), height, width)[0].round_().clamp_(0, WHITE).to(torch.uint8)
