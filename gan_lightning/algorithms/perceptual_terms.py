"""Terms that compare features of generated and real images, by a network trained on ImageNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field
from torch import Tensor

from gan_lightning.algorithms.schedules import Schedule, as_schedule
from gan_lightning.algorithms.terms import GeneratorPass
from gan_lightning.networks.perceptual import VggLayer, load_network, smallest_side

if TYPE_CHECKING:
    from gan_lightning.algorithms.model import GenerativeModel

NAME = "terms.perceptual"


class Perceptual:
    """Distance of a generated image to the real image of the same condition, in features of VGG16.

        Σ over layers: mean |φ(fake) - φ(real)| / mean φ(real)

    φ are the feature maps after a ReLU. Their size differs a thousandfold between layers, hence the ratio. The sum
    over layers follows Johnson et al. (2016, arXiv:1603.08155), the use beside an adversarial loss SRGAN (Ledig et al.,
    2017, arXiv:1609.04802), and the absolute difference ESRGAN (Wang et al., 2018, arXiv:1809.00219). The VGG16 is that
    of ST-LPIPS. It is neither trained nor saved in checkpoints.

    A distance that was minimized is no evidence of quality: evaluate with the AlexNet of ST-LPIPS.

    Args:
        weight: a number or a schedule.
        layers: names of the layers, such as relu2_2.

    Raises:
        UserError: at the first use, if stlpips_pytorch is not installed or its file is damaged.
    """

    def __init__(self, weight: float | Schedule, layers: Annotated[Sequence[VggLayer], Field(min_length=1)]) -> None:
        self.weight = as_schedule(weight)
        self.layers = layers

    def __call__(self, model: GenerativeModel, seen: GeneratorPass) -> Tensor:
        fake, real = seen.fake, seen.real
        if not (isinstance(fake, Tensor) and isinstance(real, Tensor) and fake.ndim == 4):
            raise ValueError(f"{NAME}: compares images, and the samples are something else: remove the term")
        side, smallest = min(fake.shape[2:]), smallest_side(self.layers)
        if side < smallest:
            raise ValueError(f"{NAME}.layers={list(self.layers)}: need images of {smallest} pixels, not {side}")
        network = load_network("vgg", fake.device, NAME)
        with torch.no_grad():
            expected = network.activations_of(real, self.layers)
        found = network.activations_of(fake, self.layers)
        return torch.stack([_distance(found[name].float(), expected[name].float()) for name in expected]).sum()


def _distance(found: Tensor, expected: Tensor) -> Tensor:
    """Return the mean absolute difference () relative to the mean of the expected features, none of them negative."""
    return (found - expected).abs().mean() / expected.mean()
