"""Wrappers of discriminators: functions (discriminator) -> discriminator, chosen with ``wrapper=…`` or ``pack=…``."""

from typing import Protocol, runtime_checkable

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.utils import parametrizations

NORMALIZED_LAYERS = (nn.Linear, nn.Bilinear, nn.Embedding, nn.modules.conv._ConvNd)


@runtime_checkable
class Scheduled(Protocol):
    """Module in a discriminator that changes with the iteration, for example by a schedule."""

    def set_iteration(self, iteration: int) -> None:
        """Prepare for an iteration, which alone decides the new state, so that a resumed run is exact."""


def spectral_norm(discriminator: nn.Module) -> nn.Module:
    """Divide each weight by its largest singular value, from power iteration (Miyato et al., 2018, arXiv:1802.05957).

    Changes all linear, bilinear, convolutional and transposed convolutional layers and embeddings in place. A layer
    that starts at zero gets orthogonal weights, as zero cannot be normalized.

    Raises:
        ValueError: if the discriminator has no such layer.
    """
    layers = [module for module in discriminator.modules() if isinstance(module, NORMALIZED_LAYERS)]
    if not layers:
        raise ValueError(
            f"spectral_norm finds no linear or convolutional layer and no embedding in {type(discriminator).__name__}, "
            "and changes nothing: leave the wrapper out"
        )
    for layer in layers:
        if not layer.weight.any():
            nn.init.orthogonal_(layer.weight)
        parametrizations.spectral_norm(layer)
    return discriminator


def limits_slope(network: nn.Module) -> bool:
    """Return True if all linear and convolutional layers and embeddings have spectral norm."""
    layers = [module for module in network.modules() if isinstance(module, NORMALIZED_LAYERS)]
    return bool(layers) and all(
        any(isinstance(part, parametrizations._SpectralNorm) for part in layer.modules()) for layer in layers
    )


def packed(discriminator: nn.Module, size: PositiveInt) -> nn.Module:
    """Return a discriminator that sees ``size`` samples as one (PacGAN, Lin et al., 2018, arXiv:1712.04086).

    Samples that lack variety are easier to recognize together.
    """
    return Packed(discriminator, size) if size > 1 else discriminator


class Packed(nn.Module):
    """Discriminator that sees ``size`` samples as one: samples (B, C, H, W) to logits (⌈B / size⌉, K).

    The wrapped discriminator takes ``size · C`` channels. An incomplete last pack is filled with copies of the first
    sample of the batch.
    """

    def __init__(self, discriminator: nn.Module, size: int) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.size = size

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        missing = -len(sample) % self.size
        sample = torch.cat([sample, *[sample[:1]] * missing])
        return self.discriminator(sample.unflatten(0, (-1, self.size)).flatten(1, 2), None)


def mixes_samples(network: nn.Module) -> str | None:
    """Return "batch norm" or "packing" if it makes outputs depend on other samples of the batch; else None."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            return "batch norm"
        if isinstance(module, Packed):
            return "packing"
    return None
