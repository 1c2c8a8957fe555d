"""Steers the samples of ``gan-generate`` by styles: truncation, edits, and tables of mixed samples."""

import re
from math import isqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gan_lightning.algorithms.model import MAX_FORWARD
from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError
from gan_lightning.latents.edits import SteeredGenerator
from gan_lightning.latents.mixing import mix
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import cat
from gan_lightning.networks.styles import StyleGenerator
from gan_lightning.runs.checkpoints import Trained
from gan_lightning.runs.drawing import read_conditions
from gan_lightning.runs.steering import steer_model

DEFAULTS = {"truncation": 1.0, "mix": None, "project": None, "edit": None}  # of the keys that need styles


def steer(settings: GenerateSettings, trained: Trained) -> None:
    """Replace the generator by one that is steered as the settings say, if it is a style generator.

    Raises:
        UserError: if the settings need styles and the model has none, or if an edit names an unknown direction.
    """
    if isinstance(trained.model.generator_of(settings.weights), StyleGenerator):
        steer_model(trained, settings.weights, settings.truncation, settings.edit)
        return
    for key, default in DEFAULTS.items():
        if (value := getattr(settings, key)) != default:
            raise UserError(
                f"{key}={value}: the model has no styles: train one with model=stylegan or model=style_dcgan"
            )


def parse_levels(mixed: str, levels: int) -> range:
    """Return the levels in a text such as ``0-3``, or ``2``; raise UserError if the generator does not have them."""
    first, dash, last = mixed.partition("-")
    ends = [int(one) for one in (first, last if dash else first) if one.isascii() and one.isdecimal()]
    if len(ends) != 2 or not ends[0] <= ends[1] < levels:
        raise UserError(f"mix={mixed}: must be a level from 0 (coarsest) to {levels - 1}, or several, such as mix=0-2")
    return range(ends[0], ends[1] + 1)


def check_table(settings: GenerateSettings, trained: Trained, mixed: str, most_samples: int) -> None:
    """Raise UserError for levels that the generator does not have, or a table larger than a sheet can be."""
    generator = trained.model.generator_of(settings.weights)
    assert isinstance(generator, SteeredGenerator)
    parse_levels(mixed, generator.levels)
    most = max(isqrt(most_samples) - 1, 1)
    if settings.n > most:
        raise UserError(f"n={settings.n}: mix={mixed} writes a table of n×n samples: at most n={most}")


def style_name(settings: GenerateSettings) -> str:
    """Return what the settings of styles add to the name of a file."""
    name = f"_truncation{settings.truncation:g}" if settings.truncation != 1 else ""
    if settings.edit is not None:
        name += "_" + re.sub(r"[^\w.+-]+", "", settings.edit)[:40]
    name += f"_mix{settings.mix}" if settings.mix is not None else ""
    return name + (f"_project-{Path(settings.project).stem[:40]}" if settings.project is not None else "")


def mixing_table(settings: GenerateSettings, trained: Trained, mixed: str) -> np.ndarray:
    """Return a table of mixed samples as a sheet (H, W, 3).

    The samples of ``seed`` are on the left, those of ``seed + 1`` on top. Each cell is the sample on the left with some
    levels of the one on top.
    """
    generator = trained.model.generator_of(settings.weights)
    assert isinstance(generator, SteeredGenerator)
    levels = parse_levels(mixed, generator.levels)
    left, top = (_styles(settings, trained, generator, seed) for seed in (settings.seed, settings.seed + 1))
    n, modality = settings.n, trained.data.modality
    contents = [_content(generator, modality, styles) for styles in (left, top, mix(left, top, levels))]
    rows = [part for i in range(n) for part in (contents[0][i : i + 1], contents[2][n * i : n * (i + 1)])]
    corner = modality.decode(torch.ones_like(generator.synthesize(left[:1])))
    assert isinstance(corner, Tensor)
    return modality.sheet(torch.cat([corner, contents[1], *rows]), n + 1)


@torch.no_grad()
def _styles(settings: GenerateSettings, trained: Trained, generator: SteeredGenerator, seed: int) -> Tensor:
    """Return the steered styles of ``n`` samples of a seed."""
    condition = read_conditions(trained.data, settings.condition, settings.n, seed)
    latent = trained.model.sample_latent(settings.n, seed)
    assert latent is not None
    assert condition is None or isinstance(condition, Tensor)
    return generator.styles(latent, condition)


@torch.no_grad()
def _content(generator: SteeredGenerator, modality: Modality, styles: Tensor) -> Tensor:
    """Return the content of styles, generated in parts."""
    parts = [modality.decode(generator.synthesize(part)) for part in styles.split(MAX_FORWARD)]
    content = cat(parts)
    assert isinstance(content, Tensor)
    return content
