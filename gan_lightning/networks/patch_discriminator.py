"""PatchGAN: a discriminator that rates overlapping patches of an image (Isola et al., 2017, arXiv:1611.07004)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.resnet import LEAKY_GAIN, LEAKY_SLOPE, initialized

Norm = Literal["none", "instance"]


def receptive_field(layers: int) -> int:
    """Return the height and width of a patch: 16, 34, 70 pixels for 1, 2, 3 layers."""
    return 9 * 2**layers - 2


def suitable_layers(sample_shape: Sequence[int]) -> int:
    """Return 1, 2 or 3: the number of layers whose patches are closest to half of the image's shorter side.

    A patch as large as the image rates its content too, so that a generator is rewarded for changing the content.
    """
    half = min(sample_shape[1:]) / 2
    return min((1, 2, 3), key=lambda layers: abs(receptive_field(layers) - half))


class PatchDiscriminator(nn.Module):
    """Maps images (B, *sample_shape) to logits (B, K), one for each of K overlapping patches.

    ``layers`` 4×4 convolutions of stride 2, one of stride 1, each with LeakyReLU 0.2, and one to the logits.

    Args:
        sample_shape: (C, H, W).
        width: number of channels after the first layer; it doubles with each layer, up to 8 · ``width``.
        layers: number of layers that halve the size; patches have 16, 34, 70 pixels for 1, 2, 3 layers. None to choose
            the patches closest to half of the image's shorter side.
        norm: ``instance`` for instance norm after all layers but the first and the last; ``none`` suits R1.
        conditioned: if True, also see the condition: an image of C channels and any size, which is enlarged to H × W
            bicubically. If False, the condition is ignored, as unpaired data need.

    Raises:
        ValueError: if the images are too small.
    """

    def __init__(
        self,
        sample_shape: Sequence[PositiveInt],
        width: PositiveInt,
        layers: PositiveInt | None = None,
        norm: Norm = "none",
        conditioned: bool = False,
    ) -> None:
        super().__init__()
        layers = suitable_layers(sample_shape) if layers is None else layers
        smallest = 3 * 2**layers
        if min(sample_shape[1:]) < smallest:
            raise ValueError(
                f"sample_shape={list(sample_shape)}: {layers} layers rate images of at least {smallest}×{smallest}: "
                "larger images, or fewer layers"
            )
        self.conditioned = conditioned
        channels = [sample_shape[0] * (1 + conditioned), *(width * min(2**i, 8) for i in range(layers + 1))]
        parts: list[nn.Module] = []
        for n, (in_channels, out_channels) in enumerate(pairwise(channels)):
            stride = 2 if n < layers else 1
            parts.append(initialized(nn.Conv2d(in_channels, out_channels, 4, stride, padding=1), LEAKY_GAIN))
            parts += [nn.InstanceNorm2d(out_channels)] if norm == "instance" and n > 0 else []
            parts.append(nn.LeakyReLU(LEAKY_SLOPE))
        self.layers = nn.Sequential(*parts, initialized(nn.Conv2d(channels[-1], 1, 4, padding=1), 1))
        self.to(memory_format=torch.channels_last)

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        if self.conditioned:
            if condition is None:
                raise ValueError("conditioned=true: the discriminator needs a condition, but there is none")
            size = sample.shape[2:]
            enlarged = F.interpolate(condition, size, mode="bicubic", antialias=True)  # the bicubic of image editors
            sample = torch.cat([sample, enlarged.to(sample.dtype)], 1)
        return self.layers(sample).flatten(1)
