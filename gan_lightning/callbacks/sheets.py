"""Sheets of samples for people to look at."""

import math

import numpy as np

from gan_lightning.algorithms.model import GenerativeModel, Weights
from gan_lightning.data.datamodule import Data
from gan_lightning.modalities.samples import Sample, each, size

MAX_SAMPLES = 4096  # on one sheet
MAX_ROWS = 30  # values of a condition that have a row each
WHITE = 255


def sample_sheet(model: GenerativeModel, data: Data, n: int, seed: int, weights: Weights | None = None) -> np.ndarray:
    """Return n samples as one image (H, W, 3) uint8.

    Where the condition has a few values, as class labels do, each has a row, and each latent a column. Other
    conditions are drawn beside the samples that were made from them.

    Args:
        model: to draw samples from.
        data: that the model was trained on.
        n: how many samples, at most about ``MAX_SAMPLES``.
        seed: of latents and conditions.
        weights: of the averaged or of the trained generator.
    """
    modality, kind = data.modality, data.condition
    values = None if kind is None else kind.values()
    if kind is not None and values is not None and size(values) <= MAX_ROWS:
        columns = math.ceil(n / size(values))
        return modality.sheet(modality.decode(_rows(model, kind.encode(values), columns, seed, weights)), columns)
    condition = data.sample_conditions(n, seed)
    content = modality.decode(model.sample(n, condition, seed=seed, weights=weights))
    if kind is None or condition is None or values is not None:
        return modality.sheet(content)
    columns = math.ceil(math.sqrt(n))
    return beside(kind.sheet(kind.decode(condition), columns), modality.sheet(content, columns))


def _rows(model: GenerativeModel, values: Sample, columns: int, seed: int, weights: Weights | None) -> Sample:
    """Return samples of the same latents for each value of a condition, value by value."""
    latent = model.sample_latent(columns, seed)
    if latent is not None:
        latent = latent.repeat(size(values), *[1] * (latent.dim() - 1))
    condition = each(lambda one: one.repeat_interleave(columns, 0), values)
    return model.sample(size(condition), condition, seed=seed, latent=latent, weights=weights)


def beside(*sheets: np.ndarray) -> np.ndarray:
    """Return sheets (H, W, 3) side by side, white below those that are not as high as others."""
    height = max(len(sheet) for sheet in sheets)
    return np.concatenate(
        [np.pad(one, ((0, height - len(one)), (0, 0), (0, 0)), constant_values=WHITE) for one in sheets], axis=1
    )
