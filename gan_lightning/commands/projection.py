"""Projection of an image, as ``gan-generate project=…`` shows it."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError
from gan_lightning.latents.edits import SteeredGenerator
from gan_lightning.latents.projection import STEPS, STEPS_PLUS, project, psnr
from gan_lightning.metrics.st_lpips import st_lpips
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Sample
from gan_lightning.networks.perceptual import BACKBONES, PACKAGE
from gan_lightning.runs.checkpoints import Trained
from gan_lightning.runs.drawing import read_conditions
from gan_lightning.tables import markdown

CANDIDATES = 1024  # random styles, of which those with samples like the image are among the starts
OWN = 8  # samples of the model that are projected too, to show how well projection can work


def project_image(settings: GenerateSettings, trained: Trained, name: str) -> np.ndarray:
    """Print how well the model reproduces an image, and return a sheet (H, W, 3) of what it reproduces.

    The sheet shows the image, its reproductions in W and in W+, and both with the truncation and the edits of the
    settings, if there are any. A style of a conditional model contains the condition; if the settings have none, the
    search starts at styles of random conditions.

    Raises:
        UserError: if the image cannot be read, or if its styles cannot be truncated, as its condition is unknown.
    """
    modality = trained.data.modality
    content = _read_image(modality, name)
    if settings.truncation != 1 and trained.data.condition is not None and settings.condition is None:
        raise UserError(
            f"truncation={settings.truncation}: the mean style depends on the condition: add condition=… of the image"
        )
    condition = _conditions(settings, trained, 1)
    generator = trained.model.generator_of(settings.weights)
    assert isinstance(generator, SteeredGenerator)
    own_latent = trained.model.sample_latent(OWN, settings.seed + 1)
    latent = trained.model.sample_latent(CANDIDATES, settings.seed)
    assert latent is not None
    assert own_latent is not None
    with torch.no_grad():
        candidates = generator.generator.styles(latent, _conditions(settings, trained, CANDIDATES))[:, 0]
        own = generator.generator.styles(own_latent, _conditions(settings, trained, OWN))
        own_images = modality.encode(modality.decode(generator.synthesize(own)))
    images = torch.cat([_tensor(modality.encode(content)), _tensor(own_images)])
    with tqdm(total=STEPS + STEPS_PLUS, desc="projecting", disable=None, leave=False) as bar:
        found = project(generator.generator, images, candidates, settings.seed, bar.update)
    with torch.no_grad():
        samples = [generator.synthesize(styles) for styles in found]
        print(_report(Path(name).name, images, samples))
        shown = [images[:1], *(one[:1] for one in samples)]
        if settings.edit is not None or settings.truncation != 1:
            shown += [generator.synthesize(generator.steer(styles[:1], condition)) for styles in found]
    return modality.sheet(modality.decode(torch.cat(shown)), len(shown))


def _read_image(modality: Modality, name: str) -> Sample:
    path = Path(name)
    if not path.is_file():
        raise UserError(f"project={name}: no such file: give an image")
    try:
        return modality.check(modality.read_file(path), path)
    except UserError as error:  # its message starts with the path
        raise UserError(f"project={error}") from error


def _conditions(settings: GenerateSettings, trained: Trained, n: int) -> Tensor | None:
    """Return the condition of the settings for n samples, or random ones; None for an unconditional model."""
    condition = read_conditions(trained.data, settings.condition, n, settings.seed)
    return None if condition is None else _tensor(condition)


def _tensor(sample: Sample) -> Tensor:
    assert isinstance(sample, Tensor), "samples of style generators have one part"
    return sample


def _report(name: str, images: Tensor, samples: list[Tensor]) -> str:
    """Return a table of how near samples are to the image, the first one, and to the model's own samples."""
    rows = _rows("PSNR (dB)", name, [psnr(one, images) for one in samples], torch.amin)
    if find_spec(PACKAGE) is not None and min(images.shape[2:]) >= BACKBONES["alex"].min_size:
        rows += _rows("st_lpips", name, [st_lpips(one.clamp(-1, 1), images) for one in samples], torch.amax)
    return markdown(["metric", "image", "W", "W+"], rows)


def _rows(metric: str, name: str, values: list[Tensor], worst: Callable[[Tensor], Tensor]) -> list[dict[str, Any]]:
    """Return rows of a metric in W and in W+: of the image, and the mean and the worst value of own samples."""
    shown = {
        name: [one[0] for one in values],
        f"own samples, mean of {OWN}": [one[1:].mean() for one in values],
        "own samples, worst": [worst(one[1:]) for one in values],
    }
    return [
        {"metric": metric, "image": label, "W": float(in_w), "W+": float(in_w_plus)}
        for label, (in_w, in_w_plus) in shown.items()
    ]
