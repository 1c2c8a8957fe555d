"""Random changes of images: of what a discriminator sees, and of what a classifier is trained on."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn


class DiffAugment(nn.Module):
    """Random, differentiable changes of reals and fakes alike (Zhao et al., 2020, arXiv:2006.10738).

    For (B, C, H, W) in [-1, 1], in this order: ``color`` (brightness ± ½, saturation × 0…2, contrast × ½…1½),
    ``translation`` (up to an eighth, black filling in), ``cutout`` (a square of half the size).
    """

    def __init__(self, discriminator: nn.Module, policy: Sequence[Literal["color", "translation", "cutout"]]) -> None:
        super().__init__()
        self.discriminator = discriminator
        changes = {"color": _color, "translation": _translation, "cutout": _cutout}
        self.changes = [changes[name] for name in changes if name in policy]
        if not self.changes:
            raise ValueError(
                f"DiffAugment with policy={list(policy)} changes nothing: name one of {', '.join(changes)}, "
                "or leave the wrapper out"
            )

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        if sample.dim() != 4:
            raise ValueError(f"DiffAugment changes images (B, C, H, W), not samples {tuple(sample.shape)}")
        for change in self.changes:
            sample = change(sample)
        return self.discriminator(sample, condition)


def shift(images: Tensor, rows: Tensor, columns: Tensor, fill: float) -> Tensor:
    """Return each of ``images`` (B, C, H, W) moved up by its ``rows`` and left by its ``columns``, both (B,) integers.

    ``fill`` is the value of pixels that come from outside the image.
    """
    batch, _, height, width = images.shape
    rows = rows[:, None] + torch.arange(height, device=images.device)
    columns = columns[:, None] + torch.arange(width, device=images.device)
    outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    of_image = torch.arange(batch, device=images.device)[:, None, None]
    moved = images[of_image, :, rows[:, :, None], columns[:, None, :]]  # (B, H, W, C)
    return moved.masked_fill_(outside[..., None], fill).permute(0, 3, 1, 2)


def _uniform(sample: Tensor) -> Tensor:
    return torch.rand(len(sample), 1, 1, 1, dtype=sample.dtype, device=sample.device)


def _color(sample: Tensor) -> Tensor:
    sample = sample + _uniform(sample) - 0.5
    grey = sample.mean(1, keepdim=True)
    sample = grey + (sample - grey) * 2 * _uniform(sample)
    mean = sample.mean((1, 2, 3), keepdim=True)
    return mean + (sample - mean) * (_uniform(sample) + 0.5)


def _translation(sample: Tensor) -> Tensor:
    up, left = ((size + 7) // 8 for size in sample.shape[2:])
    rows = torch.randint(-up, up + 1, (len(sample),), device=sample.device)
    columns = torch.randint(-left, left + 1, (len(sample),), device=sample.device)
    return shift(sample, rows, columns, fill=-1.0)


def _cutout(sample: Tensor) -> Tensor:
    height, width = sample.shape[2:]
    tall, wide = (height + 1) // 2, (width + 1) // 2
    top = torch.randint(-tall // 2, height - tall // 2, (len(sample), 1, 1), device=sample.device)
    left = torch.randint(-wide // 2, width - wide // 2, (len(sample), 1, 1), device=sample.device)
    rows = torch.arange(height, device=sample.device)[None, :, None]
    columns = torch.arange(width, device=sample.device)[None, None, :]
    inside = (rows >= top) & (rows < top + tall) & (columns >= left) & (columns < left + wide)
    return sample * ~inside[:, None]
