"""Animations that ``gan-generate`` writes: sheets of samples on the way from one set of latents to another."""

from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError
from gan_lightning.latents.walk import Walk
from gan_lightning.modalities.samples import Sample
from gan_lightning.modalities.sheets import write_walk
from gan_lightning.runs.checkpoints import Trained

MAX_WALK_PIXELS = 2**28  # in all sheets of a walk together: its writer holds them in memory


def draw_walk(path: Path, settings: GenerateSettings, steps: int, trained: Trained, condition: Sample | None) -> None:
    """Write an animation: ``steps`` sheets from the latents of ``seed`` to those of ``seed + 1``, and as many back."""
    modality = trained.data.modality
    start, end = (trained.model.sample_latent(settings.n, seed) for seed in (settings.seed, settings.seed + 1))
    assert start is not None
    assert end is not None
    conditions = None if condition is None else (condition, condition)
    walk = Walk(trained.model, start, end, conditions, settings.weights)

    def sheet_at(t: float) -> np.ndarray:
        return modality.sheet(modality.decode(walk.samples([t])))

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
