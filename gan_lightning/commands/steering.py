"""Steers the samples of ``gan-generate`` by styles: truncation, edits, and tables of mixed samples."""

import re
from math import isfinite, isqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gan_lightning.algorithms.model import MAX_FORWARD, GenerativeModel, Weights
from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError, listed
from gan_lightning.latents.directions import Directions, read_directions
from gan_lightning.latents.edits import SteeredGenerator
from gan_lightning.latents.mixing import mix
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import cat
from gan_lightning.networks.styles import StyleGenerator
from gan_lightning.paths import DIRECTIONS, path_override
from gan_lightning.runs.checkpoints import Trained
from gan_lightning.runs.drawing import read_conditions

EXAMPLE = "glasses=+2,hat=-1"
DEFAULTS = {"truncation": 1.0, "mix": None, "project": None, "edit": None}  # of the keys that need styles


def generator_of(model: GenerativeModel, weights: Weights | None) -> nn.Module:
    """Return the generator that the model samples from."""
    return model.generator if model.ema is None or weights == "raw" else model.ema


def steer(settings: GenerateSettings, trained: Trained) -> None:
    """Replace the generator by one that is steered as the settings say, if it is a style generator.

    Raises:
        UserError: if the settings need styles and the model has none, or if an edit names an unknown direction.
    """
    model = trained.model
    generator = generator_of(model, settings.weights).eval()
    if not isinstance(generator, StyleGenerator):
        for key, default in DEFAULTS.items():
            if (value := getattr(settings, key)) != default:
                raise UserError(
                    f"{key}={value}: the model has no styles: train one with model=stylegan or model=style_dcgan"
                )
        return
    shift = None if settings.edit is None else _shift(settings.edit, trained, generator.levels)
    steered = SteeredGenerator(generator, settings.truncation, shift)
    if generator is model.generator:
        model.generator = steered
    else:
        model.ema = steered


def _shift(edit: str, trained: Trained, levels: int) -> Tensor:
    """Return what an edit adds to styles, (levels, style_dim)."""
    strengths = parse_edit(edit)
    found, outdated = _read_directions(trained)
    parts = []
    for name, strength in strengths.items():
        directions = next((one for one in found if name in one.names), None)
        if directions is None:
            raise UserError(f"edit={edit}: {_explain_unknown(name, trained, found, outdated)}")
        parts.append(directions.shift(name, strength, levels))
    return torch.stack(parts).sum(0)


def parse_edit(edit: str) -> dict[str, float]:
    """Return the strengths in a text such as ``glasses=+2,hat=-1`` by the names of directions."""
    strengths: dict[str, float] = {}
    for part in edit.split(","):
        name, _, text = part.rpartition("=")
        try:
            strength = float(text)
        except ValueError:
            strength = float("nan")
        if not name.strip() or not isfinite(strength):
            raise UserError(f"edit={edit}: {part!r} is no direction with a strength: write edit={EXAMPLE}")
        if name.strip() in strengths:
            raise UserError(f"edit={edit}: names {name.strip()} twice: leave one out")
        strengths[name.strip()] = strength
    return strengths


def _read_directions(trained: Trained) -> tuple[list[Directions], dict[str, list[str]]]:
    """Return the directions of the checkpoint, and the names in files of other checkpoints, by the files' paths."""
    found, outdated = [], {}
    for path in sorted((trained.run_dir / DIRECTIONS).glob("*.safetensors")):
        directions, checkpoint = read_directions(path)
        if checkpoint == trained.digest:
            found.append(directions)
        else:
            outdated[str(path)] = directions.names
    return found, outdated


def _explain_unknown(name: str, trained: Trained, found: list[Directions], outdated: dict[str, list[str]]) -> str:
    command = f"gan-directions {path_override('checkpoint', trained.path)}"
    for path, names in outdated.items():
        if name in names:
            return f"{path} is of another checkpoint of this run: run {command} again"
    known = [one for directions in found for one in directions.names]
    if known:
        return f"there is no direction {name}: there are {listed(known)}; find more with {command} method=…"
    return f"the run has no directions yet: find some with {command}"


def parse_levels(mixed: str, levels: int) -> range:
    """Return the levels in a text such as ``0-3``, or ``2``; raise UserError if the generator does not have them."""
    first, dash, last = mixed.partition("-")
    ends = [int(one) for one in (first, last if dash else first) if one.isascii() and one.isdecimal()]
    if len(ends) != 2 or not ends[0] <= ends[1] < levels:
        raise UserError(f"mix={mixed}: must be a level from 0 (coarsest) to {levels - 1}, or several, such as mix=0-2")
    return range(ends[0], ends[1] + 1)


def check_table(settings: GenerateSettings, trained: Trained, mixed: str, most_samples: int) -> None:
    """Raise UserError for levels that the generator does not have, or a table larger than a sheet can be."""
    generator = generator_of(trained.model, settings.weights)
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
    generator = generator_of(trained.model, settings.weights)
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
