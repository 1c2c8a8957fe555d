"""A grid of samples for people to look at."""

import math

import numpy as np
import torch

from gan_lightning.algorithms.model import GenerativeModel, Weights
from gan_lightning.data.datamodule import ImageData

MAX_ROWS = 30  # classes that have a row each


def sample_grid(
    model: GenerativeModel, data: ImageData, n: int, seed: int, weights: Weights | None = None
) -> np.ndarray:
    """n samples as one picture (H, W, 3) uint8; of a conditional model one row a class, one latent a column."""
    classes = model.num_classes
    if classes is None or classes > MAX_ROWS:
        return data.show(model.sample(n, seed=seed, weights=weights))
    columns = math.ceil(n / classes)
    labels = torch.arange(classes).repeat_interleave(columns)
    latent = model.sample_latent(columns, seed).repeat(classes, 1)
    return data.show(model.sample(len(labels), labels, latent=latent, weights=weights), columns)
