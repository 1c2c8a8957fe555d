"""Sheets of samples for people to look at."""

import math
from typing import NamedTuple

import numpy as np

from gan_lightning.algorithms.model import GenerativeModel, Weights
from gan_lightning.data.datamodule import Data
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content, Sample, each, size

MAX_SAMPLES = 4096  # on one sheet
MAX_ROWS = 30  # values of a condition that have a row each
WHITE = 255


class Drawn(NamedTuple):
    """Samples in the order in which a sheet shows them.

    Attributes:
        content: of the samples.
        columns: samples in a row; None for as many as there are rows.
        condition: content that each was made from, to be shown beside all; None where it is that of a row, or none.
        rows: content that all samples in a row were made from, a value a row, to be shown at its left.
    """

    content: Content
    columns: int | None = None
    condition: Content | None = None
    rows: Content | None = None


def draw(model: GenerativeModel, data: Data, n: int, seed: int, weights: Weights | None = None) -> Drawn:
    """Return n samples for people to look at.

    Where the condition has a few values, as class labels do, each has a row, and each latent a column.

    Args:
        model: to draw samples from.
        data: that the model was trained on.
        n: how many samples, at most about ``MAX_SAMPLES``.
        seed: of latents and conditions.
        weights: of the averaged or of the trained generator.
    """
    values = None if data.condition is None else data.condition.values()
    if data.condition is not None and values is not None and size(values) <= MAX_ROWS:
        columns = math.ceil(n / size(values))
        samples = _rows(model, data.condition.encode(values), columns, seed, weights)
        return Drawn(data.modality.decode(samples), columns, rows=values)
    condition = data.sample_conditions(n, seed)
    content = data.modality.decode(model.sample(n, condition, seed=seed, weights=weights))
    if data.condition is None or condition is None:
        return Drawn(content)
    return Drawn(content, math.ceil(math.sqrt(n)), data.condition.decode(condition))


def sheet(data: Data, drawn: Drawn) -> np.ndarray:
    """Return one image (H, W, 3) uint8 of samples, with their conditions on the left if they are to be shown."""
    samples = data.modality.sheet(drawn.content, drawn.columns)
    if data.condition is not None and drawn.rows is not None:
        return beside(_heads(data.condition, drawn.rows, len(samples)), samples)
    if data.condition is None or drawn.condition is None:
        return samples
    return beside(data.condition.sheet(drawn.condition, drawn.columns), samples)


def _rows(model: GenerativeModel, values: Sample, columns: int, seed: int, weights: Weights | None) -> Sample:
    """Return samples of the same latents for each value of a condition, value by value."""
    latent = model.sample_latent(columns, seed)
    if latent is not None:
        latent = latent.repeat(size(values), *[1] * (latent.dim() - 1))
    condition = each(lambda one: one.repeat_interleave(columns, 0), values)
    return model.sample(size(condition), condition, seed=seed, latent=latent, weights=weights)


def _heads(condition: Modality, rows: Content, height: int) -> np.ndarray:
    """Return a column of the values that rows were made from, each in the middle of its row of a sheet so high."""
    heads = condition.sheet(rows, 1)
    cell, pitch = len(heads) // size(rows), height / size(rows)
    column = np.full((height, *heads.shape[1:]), WHITE, np.uint8)
    shown = min(cell, int(pitch))
    for i in range(size(rows)):
        top, start = int(i * pitch + (pitch - shown) / 2), i * cell + (cell - shown) // 2
        column[top : top + shown] = heads[start : start + shown]
    return column


def beside(*sheets: np.ndarray) -> np.ndarray:
    """Return sheets (H, W, 3) side by side, white below those that are not as high as others."""
    height = max(len(sheet) for sheet in sheets)
    return np.concatenate(
        [np.pad(one, ((0, height - len(one)), (0, 0), (0, 0)), constant_values=WHITE) for one in sheets], axis=1
    )
