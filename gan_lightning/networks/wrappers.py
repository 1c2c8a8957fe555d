"""What can be put around a discriminator: (discriminator) -> discriminator, chosen with ``wrapper=…``."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.utils import parametrizations


def spectral_norm(discriminator: nn.Module) -> nn.Module:
    """Each weight by its largest singular value, found by power iteration (Miyato et al., 2018, arXiv:1802.05957).

    In place, for all linear and convolutional layers and embeddings. A layer that would start at zero, which has no
    direction, starts orthogonal instead.
    """
    for layer in list(discriminator.modules()):
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.Embedding):
            if not layer.weight.any():
                nn.init.orthogonal_(layer.weight)
            parametrizations.spectral_norm(layer)
    return discriminator


def packed(discriminator: nn.Module, size: PositiveInt) -> nn.Module:
    """PacGAN: ``size`` samples judged as one, which shows a lack of variety (Lin et al., 2018, arXiv:1712.04086)."""
    return Packed(discriminator, size) if size > 1 else discriminator


class Packed(nn.Module):
    """Samples (B, C, H, W) to logits (B / size, K) of a discriminator of ``size · C`` channels.

    A last pack that is not full is filled up with the first samples of the batch.
    """

    def __init__(self, discriminator: nn.Module, size: int) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.size = size

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        missing = -len(sample) % self.size
        sample = torch.cat([sample, *[sample[:1]] * missing])
        return self.discriminator(sample.unflatten(0, (-1, self.size)).flatten(1, 2), None)


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

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        for change in self.changes:
            sample = change(sample)
        return self.discriminator(sample, condition)


def _uniform(sample: Tensor) -> Tensor:
    return torch.rand(len(sample), 1, 1, 1, dtype=sample.dtype, device=sample.device)


def _color(sample: Tensor) -> Tensor:
    sample = sample + _uniform(sample) - 0.5
    grey = sample.mean(1, keepdim=True)
    sample = grey + (sample - grey) * 2 * _uniform(sample)
    mean = sample.mean((1, 2, 3), keepdim=True)
    return mean + (sample - mean) * (_uniform(sample) + 0.5)


def _translation(sample: Tensor) -> Tensor:
    height, width = sample.shape[2:]
    up, left = (height + 7) // 8, (width + 7) // 8
    rows = torch.randint(0, 2 * up + 1, (len(sample), 1), device=sample.device) + torch.arange(
        height, device=sample.device
    )
    columns = torch.randint(0, 2 * left + 1, (len(sample), 1), device=sample.device)
    columns = columns + torch.arange(width, device=sample.device)
    padded = F.pad(sample, (left, left, up, up), value=-1.0)
    batch = torch.arange(len(sample), device=sample.device)[:, None, None]
    return padded[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cutout(sample: Tensor) -> Tensor:
    height, width = sample.shape[2:]
    tall, wide = (height + 1) // 2, (width + 1) // 2
    top = torch.randint(-tall // 2, height - tall // 2, (len(sample), 1, 1), device=sample.device)
    left = torch.randint(-wide // 2, width - wide // 2, (len(sample), 1, 1), device=sample.device)
    rows = torch.arange(height, device=sample.device)[None, :, None]
    columns = torch.arange(width, device=sample.device)[None, None, :]
    inside = (rows >= top) & (rows < top + tall) & (columns >= left) & (columns < left + wide)
    return sample * ~inside[:, None]


def mixes_samples(network: nn.Module) -> str | None:
    """What makes a verdict depend on other samples of the batch, if anything does."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            return "batch norm"
        if isinstance(module, Packed):
            return "packing"
    return None
