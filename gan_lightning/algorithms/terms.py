"""Terms that are added to the generator's loss, beside the objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from gan_lightning.algorithms.schedules import Schedule, as_schedule
from gan_lightning.modalities.samples import Sample, leaves, size

if TYPE_CHECKING:
    from gan_lightning.algorithms.model import GenerativeModel


class GeneratorPass(NamedTuple):
    """Tensors of one update of the generator, for terms of its loss."""

    latent: Tensor | None  # (B, …)
    condition: Sample | None
    real: Sample  # (B, …)
    fake: Sample  # (B, …)
    fake_logits: Tensor  # (B, K)


@runtime_checkable
class Term(Protocol):
    """A term of the generator's loss. A new one is a class, one YAML in ``conf/term/``, one test.

    One that is an ``nn.Module`` has its weights trained with the generator's.
    """

    weight: Schedule  # iteration to weight

    def __call__(self, model: GenerativeModel, seen: GeneratorPass) -> Tensor:
        """Return the term, without its weight."""


class ModeSeeking:
    """‖z₁ − z₂‖₁ / ‖G(z₁) − G(z₂)‖₁, as means: large where different latents give the same sample.

    MSGAN (Mao et al., 2019, arXiv:1903.05628). The second latent of each sample is drawn anew, its condition stays.

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
