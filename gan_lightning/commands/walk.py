"""Animations that ``gan-generate`` writes: sheets of samples on the way from one set of latents to another."""

from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gan_lightning.algorithms.model import GenerativeModel, Weights
from gan_lightning.commands.steering import generator_of
from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError
from gan_lightning.latents.edits import SteeredGenerator
from gan_lightning.latents.mixing import slerp
from gan_lightning.modalities.samples import Sample
from gan_lightning.modalities.sheets import write_walk
from gan_lightning.runs.checkpoints import Trained

MAX_WALK_PIXELS = 2**28  # in all sheets of a walk together: its writer holds them in memory


class Walk:
    """Samples on the way from the latents of one seed to those of the next.

    The way is a straight line between styles if the generator has styles, and an arc between latents if not.

    Args:
        model: the model to sample from.
        n: number of samples.
        seed: seed of the first latents; the last have ``seed`` + 1.
        condition: n conditions; None for an unconditional model.
        weights: weights of the generator, as for ``model.sample``.
    """

    def __init__(
        self, model: GenerativeModel, n: int, seed: int, condition: Sample | None, weights: Weights | None
    ) -> None:
        self.model, self.n, self.condition, self.weights = model, n, condition, weights
        start, end = (model.sample_latent(n, one) for one in (seed, seed + 1))
        assert start is not None
        assert end is not None
        self.start, self.end = start, end
        self.generator = generator_of(model, weights)

    @torch.no_grad()
    def samples(self, t: float) -> Sample:
        """Return the samples at ``t``, from 0 (start) to 1 (end)."""
        if isinstance(self.generator, SteeredGenerator):
            assert not isinstance(self.condition, dict), "style generators have conditions of one part"
            start, end = (self.generator.styles(latent, self.condition) for latent in (self.start, self.end))
            return self.generator.synthesize(torch.lerp(start, end, t))
        latent = slerp(self.start, self.end, t)
        return self.model.sample(self.n, self.condition, latent=latent, weights=self.weights)


def draw_walk(path: Path, settings: GenerateSettings, steps: int, trained: Trained, condition: Sample | None) -> None:
    """Write an animation: ``steps`` sheets from the latents of ``seed`` to those of ``seed + 1``, and as many back."""
    modality = trained.data.modality
    walk = Walk(trained.model, settings.n, settings.seed, condition, settings.weights)

    def sheet_at(t: float) -> np.ndarray:
        return modality.sheet(modality.decode(walk.samples(t)))

    height, width, _ = sheet_at(0).shape
    most = max(MAX_WALK_PIXELS // (width * height), 2)
    if 2 * steps > most:
        raise UserError(
            f"interpolate={steps}: {2 * steps:,} sheets of {width}×{height} pixels: "
            f"at most interpolate={most // 2}, or a smaller n"
        )
    forth = torch.linspace(0, 1, steps + 1).tolist()
    back = forth[-2:0:-1]
    write_walk(path, (sheet_at(t) for t in tqdm(forth + back, "generating", disable=None, leave=False)))
