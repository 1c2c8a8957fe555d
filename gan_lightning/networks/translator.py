"""Residual generators that translate images of one domain into another (Johnson et al., 2016, arXiv:1603.08155).

CycleGAN (Zhu et al., 2017, arXiv:1703.10593) and CUT (Park et al., 2020, arXiv:2007.15651) use them. Sizes are halved
by averages and doubled bilinearly, each followed by a convolution, against aliasing and checkerboards.
"""

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.image_to_image import ImageToImage


def stage_channels(
    condition_shape: Sequence[int], width: int, downsamplings: int, blocks: int, stages: Sequence[int] | None = None
) -> list[int]:
    """Return the number of channels of stages of :meth:`Generator.encode`; of all stages, if ``stages`` is None.

    Args:
        condition_shape: as for :class:`Generator`.
        width: as for :class:`Generator`.
        downsamplings: as for :class:`Generator`.
        blocks: as for :class:`Generator`.
        stages: numbers of stages.

    Raises:
        ValueError: if there is no such stage.
    """
    halvings = [width * 2**i for i in range(downsamplings + 1)]
    channels = [condition_shape[0], *halvings, *[halvings[-1]] * blocks]
    stages = range(len(channels)) if stages is None else stages
    if unknown := [stage for stage in stages if stage not in range(len(channels))]:
        raise ValueError(f"stages {unknown}: the generator has stages 0…{len(channels) - 1}")
    return [channels[stage] for stage in stages]


class Generator(ImageToImage):
    """Maps images (B, *condition_shape) of one domain to images (B, *sample_shape) of another, of equal size.

    A 7×7 convolution, halvings of the size, residual blocks, doublings, and a 7×7 convolution with tanh; reflection at
    the borders, instance norm and ReLU.

    Args:
        condition_shape: (C, H, W) of the images to translate.
        sample_shape: (C, H, W) of translated images.
        width: number of channels at full size; it doubles with each halving.
        downsamplings: number of halvings.
        blocks: number of residual blocks at the smallest size.
        residual: if True, the sample is the condition plus the output of the last convolution, limited to [-1, 1].
            Training starts with the identity. The domains need the same number of channels.

    Raises:
        ValueError: if the shapes do not fit.
    """

    def __init__(
        self,
        condition_shape: Sequence[PositiveInt],
        sample_shape: Sequence[PositiveInt],
        width: PositiveInt,
        downsamplings: NonNegativeInt,
        blocks: PositiveInt,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.multiple = 2**downsamplings
        self.residual = residual
        if tuple(condition_shape[1:]) != tuple(sample_shape[1:]):
            raise ValueError(
                f"images of {_size(condition_shape)} cannot be translated to {_size(sample_shape)}: the domains need "
                "the same size"
            )
        if any(side % self.multiple for side in sample_shape[1:]):
            raise ValueError(
                f"{_size(sample_shape)} is not divisible by {self.multiple}, as downsamplings={downsamplings} needs"
            )
        if residual and condition_shape[0] != sample_shape[0]:
            raise ValueError(
                f"residual=true: {condition_shape[0]} channels cannot be added to {sample_shape[0]}: residual=false"
            )
        first, *channels = stage_channels(condition_shape, width, downsamplings, blocks)
        halvings = channels[: downsamplings + 1]
        self.encoder = nn.ModuleList(
            [
                nn.Sequential(*_layer(first, width, 7)),
                *(nn.Sequential(nn.AvgPool2d(2), *_layer(half, 2 * half, 3)) for half in halvings[:-1]),
                *(ResidualBlock(halvings[-1]) for _ in range(blocks)),
            ]
        )
        self.decoder = nn.Sequential(
            *(nn.Sequential(_Double(), *_layer(2 * half, half, 3)) for half in reversed(halvings[:-1])),
            nn.Conv2d(width, sample_shape[0], 7, padding=3, padding_mode="reflect"),
        )
        self.apply(_initialize)
        if residual:
            nn.init.zeros_(self.decoder[-1].weight)  # type: ignore[arg-type]
        self.to(memory_format=torch.channels_last)

    def forward(self, latent: Tensor | None, condition: Tensor) -> Tensor:
        x = condition
        for stage in self.encoder:
            x = stage(x)
        x = self.decoder(x)
        return (condition + x).clamp(-1, 1) if self.residual else torch.tanh(x)

    def encode(self, images: Tensor, stages: Sequence[int]) -> list[Tensor]:
        """Return the features (B, C, h, w) of images after stages of the network, for losses that compare contents.

        Args:
            images: images (B, *condition_shape).
            stages: numbers of stages: 0 for the images, 1 for the first convolution, then the halvings, then the
                residual blocks.
        """
        features = [images]
        for stage in self.encoder[: max(stages)]:
            features.append(stage(features[-1]))
        return [features[stage] for stage in stages]


class ResidualBlock(nn.Module):
    """Residual block: x + norm(conv3×3(relu(norm(conv3×3(x)))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_layer(channels, channels, 3), *_layer(channels, channels, 3)[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class _Double(nn.Upsample):
    def __init__(self) -> None:
        super().__init__(scale_factor=2, mode="bilinear", align_corners=False)


def _layer(in_channels: int, out_channels: int, kernel_size: int) -> list[nn.Module]:
    convolution = nn.Conv2d(
        in_channels, out_channels, kernel_size, padding=kernel_size // 2, padding_mode="reflect", bias=False
    )
    return [convolution, nn.InstanceNorm2d(out_channels), nn.ReLU()]


def _initialize(layer: nn.Module) -> None:
    """Draw weights from N(0, 0.02²), as in the papers."""
    if isinstance(layer, nn.Conv2d):
        nn.init.normal_(layer.weight, 0, 0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _size(shape: Sequence[Any]) -> str:
    return f"{shape[1]}×{shape[2]}"
