"""Terms added to the generator's loss besides the objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.algorithms.schedules import Schedule, as_schedule
from gan_lightning.imaging.resizing import bicubic
from gan_lightning.modalities.samples import Sample, leaves, size

if TYPE_CHECKING:
    from gan_lightning.algorithms.model import GenerativeModel


class GeneratorPass(NamedTuple):
    """Tensors of one generator update, from which terms are computed."""

    latent: Tensor | None  # (B, …)
    condition: Sample | None
    real: Sample  # (B, …)
    fake: Sample  # (B, …)
    fake_logits: Tensor | None  # (B, K); None before there is a discriminator


@runtime_checkable
class Term(Protocol):
    """Term of the generator's loss. A new one is a class, a YAML in ``conf/term/`` and a test.

    The parameters of a term that is an ``nn.Module`` are trained by the generator's optimizer. A term that compares
    latents sets ``needs_latent = True``; it is rejected for a model without a prior.

    Attributes:
        weight: the schedule of the term's weight.
    """

    weight: Schedule

    def __call__(self, model: GenerativeModel, seen: GeneratorPass) -> Tensor:
        """Return the term () without its weight."""


class L1:
    """Mean absolute difference of fakes and reals, for fakes whose condition determines them (pix2pix).

    Args:
        weight: a number or a schedule.
    """

    def __init__(self, weight: float | Schedule = 1.0) -> None:
        self.weight = as_schedule(weight)

    def __call__(self, model: GenerativeModel, seen: GeneratorPass) -> Tensor:
        pairs = zip(leaves(seen.fake), leaves(seen.real), strict=True)
        return torch.stack([F.l1_loss(fake.float(), real.float()) for fake, real in pairs]).mean()


class BackProjection:
    """Mean absolute difference of conditions and fakes that were resized to the size of the conditions.

    For super-resolution with bicubic degradation: an image that was made larger and smaller again must be the same
    image, so the generator cannot shift its colors (Irani & Peleg, 1991, Improving resolution by image registration).

    Args:
        weight: a number or a schedule.
    """

    def __init__(self, weight: float | Schedule) -> None:
        self.weight = as_schedule(weight)

    def __call__(self, model: GenerativeModel, seen: GeneratorPass) -> Tensor:
        assert isinstance(seen.fake, Tensor)
        assert isinstance(seen.condition, Tensor), "the model has no images as conditions"
        height, width = seen.condition.shape[2:]
        return F.l1_loss(bicubic(seen.fake.float(), height, width), seen.condition.float())


class ModeSeeking:
    """Mode-seeking term of MSGAN (Mao et al., 2019, arXiv:1903.05628): large if different latents give equal samples.

        ‖z₁ − z₂‖₁ / ‖G(z₁) − G(z₂)‖₁, each norm as a mean over elements

    For each fake G(z₂) the term draws another latent z₁, and generates G(z₁) with the same condition.

    Args:
        weight: a number or a schedule; 1 in the paper.
    """

    needs_latent = True

    def __init__(self, weight: float | Schedule) -> None:
        self.weight = as_schedule(weight)

    def __call__(self, model: GenerativeModel, seen: GeneratorPass) -> Tensor:
        latent = model.latents(size(seen.real))
        assert latent is not None
        assert seen.latent is not None
        fake = model.generator(latent, seen.condition)
        pairs = zip(leaves(fake), leaves(seen.fake), strict=True)
        distance = torch.stack([(one - other).abs().mean() for one, other in pairs]).mean()
        return 1 / (distance / (latent - seen.latent).abs().mean() + 1e-5)
