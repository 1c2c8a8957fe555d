"""Models that make images from images, defined outside the package, without training."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lightning.algorithms.regression import Regression
from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.modalities.image import Images
from gan_lightning.networks.image_to_image import ImageToImage


class Convolutions(ImageToImage):
    """Random convolutions, added to the bicubic interpolation of the image; ``stride`` keeps features coarser."""

    def __init__(
        self, scale: int, takes: int = 3, makes: int = 3, stride: int = 1, whole: bool = False, gain: float = 0.3
    ) -> None:
        super().__init__()
        self.scale, self.multiple, self.gain = scale, stride, gain
        self.margin = None if whole else 6 * stride
        self.layers = nn.Sequential(
            nn.Conv2d(takes, 8, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(8, 8, stride + 2, stride, 1),
            nn.InstanceNorm2d(8) if whole else nn.ReLU(),
            nn.Conv2d(8, 8, 3, 1, 1, padding_mode="reflect"),
            nn.ReLU(),
            nn.Conv2d(8, makes * (scale * stride) ** 2, 3, 1, 1),
            nn.PixelShuffle(scale * stride),
        )

    def forward(self, latent: Tensor | None, condition: Tensor) -> Tensor:
        coarse = F.interpolate(condition, scale_factor=self.scale, mode="bicubic", antialias=True)
        result = self.gain * self.layers(condition)
        return result + (coarse if coarse.shape == result.shape else coarse.mean(1, keepdim=True))


class Pairs(Data):
    """Data set without examples: images of 8×8 pixels whose conditions are images."""

    def __init__(self, scale: int, takes: int, makes: int) -> None:
        super().__init__(Images(makes, 8, 8), 1, 0, Images(takes, 8 // scale, 8 // scale))

    def load(self) -> Examples:
        raise NotImplementedError


class Direct(Regression):
    """Model without a latent."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__(generator, None, torch.optim.Adam)


class TwoWays(Direct):
    """Model with two stages, of which the first is interpolation, and with a generator for the other direction."""

    def blended(self, share: float) -> ImageToImage:
        network = copy.deepcopy(self.generator)
        network.gain *= share
        return network

    def backward_of(self, weights: str | None) -> nn.Module:
        return self.blended(-1.0)


def checkpoint(path: Any, model: str = "Direct", takes: int = 3, makes: int = 3, **network: Any) -> Convolutions:
    """Write a checkpoint of a model with random weights, and return its network."""
    torch.manual_seed(0)
    generator = Convolutions(takes=takes, makes=makes, **network)
    config = {
        "name": "painter",
        "model": {
            "_target_": f"photos.{model}",
            "generator": {"_target_": "photos.Convolutions", "takes": takes, "makes": makes, **network},
        },
        "data": {"_target_": "photos.Pairs", "scale": network["scale"], "takes": takes, "makes": makes},
    }
    state = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    torch.save({"config": config, "state_dict": state, "iteration": 1}, path)
    return generator.eval()
