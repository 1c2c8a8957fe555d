"""Random augmentations of images, for discriminators and for training classifiers."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

Augmentation = Literal["color", "flip", "translation", "cutout"]
Probability = Annotated[float, Field(ge=0, le=1)]


class DiffAugment(nn.Module):
    """Discriminator of randomly augmented images (DiffAugment, Zhao et al., 2020, arXiv:2006.10738).

    Real and fake images (B, C, H, W) in [-1, 1] get the same differentiable augmentations, in this order: ``color``
    (brightness ± ½, saturation × 0…2, contrast × ½…1½), ``flip`` (mirrors half of the images left to right),
    ``translation`` (by up to an eighth of the size; black fills the rest), ``cutout`` (of a rectangle of half the
    height and width).

    Each augmentation is applied to each image with a probability, as in ADA (Karras et al., 2020, arXiv:2006.06676).
    ADA adapts it to the sign of D(real), which a relativistic objective leaves undefined; a schedule works with all
    objectives (R3GAN, Huang et al., 2024, arXiv:2501.05441).

    Args:
        discriminator: the discriminator to wrap.
        policy: names of the augmentations.
        probability: probability of each augmentation of each image, a number or a schedule.

    Raises:
        ValueError: if ``policy`` names no augmentation, or samples are not images.
    """

    probability: Tensor

    def __init__(
        self,
        discriminator: nn.Module,
        policy: Sequence[Augmentation],
        probability: Probability | Callable[[int], float] = 1.0,
    ) -> None:
        super().__init__()
        self.discriminator = discriminator
        augmentations = {"color": _color, "flip": _flip, "translation": _translation, "cutout": _cutout}
        self.augmentations = [augmentations[name] for name in augmentations if name in policy]
        if not self.augmentations:
            raise ValueError(
                f"DiffAugment with policy={list(policy)} changes nothing: name one of {', '.join(augmentations)}, "
                "or leave the wrapper out"
            )
        self.schedule = probability if callable(probability) else None
        self.always = probability == 1
        # A tensor, because a CUDA graph reads it.
        current = probability(0) if callable(probability) else probability
        self.register_buffer("probability", torch.tensor(float(current)), persistent=False)

    def set_iteration(self, iteration: int) -> None:
        if self.schedule is not None:
            self.probability.fill_(self.schedule(iteration))

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        if sample.dim() != 4:
            raise ValueError(f"DiffAugment changes images (B, C, H, W), not samples {tuple(sample.shape)}")
        for augment in self.augmentations:
            augmented = augment(sample)
            sample = augmented if self.always else torch.where(self._chosen(sample), augmented, sample)
        return self.discriminator(sample, condition)

    def _chosen(self, sample: Tensor) -> Tensor:
        """Return True with the current probability for each image, (B, 1, 1, 1)."""
        return torch.rand(len(sample), 1, 1, 1, device=sample.device) < self.probability


def shift(images: Tensor, rows: Tensor, columns: Tensor, fill: float) -> Tensor:
    """Return images that are shifted up and left, each by its own offset.

    Args:
        images: images (B, C, H, W).
        rows: number of rows to shift each image up, (B,) integers.
        columns: number of columns to shift each image left, (B,) integers.
        fill: value of pixels from outside the image.
    """
    batch, _, height, width = images.shape
    rows = rows[:, None] + torch.arange(height, device=images.device)
    columns = columns[:, None] + torch.arange(width, device=images.device)
    outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    indices = torch.arange(batch, device=images.device)[:, None, None]
    moved = images[indices, :, rows[:, :, None], columns[:, None, :]]  # (B, H, W, C)
    return moved.masked_fill_(outside[..., None], fill).permute(0, 3, 1, 2)


def _uniform(sample: Tensor) -> Tensor:
    """Return one uniform random number for each sample, (B, 1, 1, 1)."""
    return torch.rand(len(sample), 1, 1, 1, dtype=sample.dtype, device=sample.device)


def _color(sample: Tensor) -> Tensor:
    sample = sample + _uniform(sample) - 0.5
    grey = sample.mean(1, keepdim=True)
    sample = grey + (sample - grey) * 2 * _uniform(sample)
    mean = sample.mean((1, 2, 3), keepdim=True)
    return mean + (sample - mean) * (_uniform(sample) + 0.5)


def _flip(sample: Tensor) -> Tensor:
    return torch.where(_uniform(sample) < 0.5, sample.flip(3), sample)


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
