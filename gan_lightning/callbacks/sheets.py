"""Sheets of samples for people to look at."""

import math

import numpy as np

from gan_lightning.algorithms.model import GenerativeModel, Weights
from gan_lightning.data.datamodule import Data
from gan_lightning.modalities.samples import each, size

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
    values = None if data.condition is None else data.condition.values()
    if data.condition is not None and values is not None and size(values) <= MAX_ROWS:
        rows, columns = size(values), math.ceil(n / size(values))
        condition = each(lambda one: one.repeat_interleave(columns, 0), data.condition.encode(values))
        latent = model.sample_latent(columns, seed)
        latent = None if latent is None else latent.repeat(rows, *[1] * (latent.dim() - 1))
        samples = model.sample(rows * columns, condition, seed=seed, latent=latent, weights=weights)
        return data.modality.sheet(data.modality.decode(samples), columns)
    condition = data.sample_conditions(n, seed)
    samples = data.modality.decode(model.sample(n, condition, seed=seed, weights=weights))
    if data.condition is None or condition is None or values is not None:
        return data.modality.sheet(samples)
    columns = math.ceil(math.sqrt(n))
    return beside(
        data.condition.sheet(data.condition.decode(condition), columns), data.modality.sheet(samples, columns)
    )


def beside(*sheets: np.ndarray) -> np.ndarray:
    """Return sheets (H, W, 3) side by side, white below those that are not as high as others."""
    height = max(len(sheet) for sheet in sheets)
    return np.concatenate(
        [np.pad(one, ((0, height - len(one)), (0, 0), (0, 0)), constant_values=WHITE) for one in sheets], axis=1
    )
