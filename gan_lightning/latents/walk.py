"""Samples on the way from some latents to others."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_lightning.algorithms.model import GenerativeModel, Weights
from gan_lightning.latents.edits import SteeredGenerator
from gan_lightning.latents.mixing import slerp
from gan_lightning.modalities.samples import Sample, cat


class Walk:
    """Samples on the way from n latents to n others.

    The way is a straight line between styles if the generator is steered, and an arc between latents if not. If the
    conditions of both ends differ, styles contain them; other generators take the condition of the nearer end.

    Args:
        model: the model to sample from.
        start: n latents.
        end: n latents.
        conditions: n conditions of the start and of the end; None for an unconditional model.
        weights: weights of the generator, as for ``model.sample``.
    """

    def __init__(
        self,
        model: GenerativeModel,
        start: Tensor,
        end: Tensor,
        conditions: tuple[Sample, Sample] | None,
        weights: Weights | None,
    ) -> None:
        self.model, self.start, self.end = model, start, end
        self.conditions, self.weights = conditions, weights
        self.generator = model.generator_of(weights)

    @torch.no_grad()
    def samples(self, times: Sequence[float]) -> Sample:
        """Return the n samples at each time, from 0 (start) to 1 (end), those of the first time first."""
        if isinstance(self.generator, SteeredGenerator):
            first, last = (
                self.generator.styles(latent, condition)
                for latent, condition in zip((self.start, self.end), self._tensors(), strict=True)
            )
            return self.generator.synthesize(torch.cat([torch.lerp(first, last, t) for t in times]))
        latent = torch.cat([slerp(self.start, self.end, t) for t in times])
        condition = None if self.conditions is None else cat([self.conditions[t > 0.5] for t in times])
        return self.model.sample(len(latent), condition, latent=latent, weights=self.weights)

    def _tensors(self) -> tuple[Tensor | None, Tensor | None]:
        if self.conditions is None:
            return None, None
        first, last = self.conditions
        assert isinstance(first, Tensor), "style generators have conditions of one part"
        assert isinstance(last, Tensor)
        return first, last
