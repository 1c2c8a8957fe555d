"""Sheets of samples: samples and their conditions as one image."""

import math
from typing import NamedTuple

import numpy as np

from gan_lightning.algorithms.model import GenerativeModel, Weights
from gan_lightning.data.datamodule import Data
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content, Sample, each, size

MAX_SAMPLES = 4096  # in a sheet
MAX_ROWS = 30  # conditions with more values do not get a row for each value
WHITE = 255


class SheetSamples(NamedTuple):
    """Samples in the order in which a sheet shows them.

    Attributes:
        content: the samples as content.
        columns: number of samples in a row; None for a square sheet.
        condition: the condition of each sample as content, for a second sheet on the left; None if there is none, or
            if ``rows`` is set.
        rows: the condition of each row as content, for labels on the left; None if rows have no common condition.
    """

    content: Content
    columns: int | None = None
    condition: Content | None = None
    rows: Content | None = None


def samples_for_sheet(
    model: GenerativeModel, data: Data, n: int, seed: int, weights: Weights | None = None
) -> SheetSamples:
    """Generate about ``n`` samples, arranged for a sheet.

    If the condition has at most ``MAX_ROWS`` values, as class labels do, each value has a row and each latent a column.

    Args:
        model: the model to sample from.
        data: the data that the model was trained on.
        n: number of samples, rounded up to whole rows of a condition; at most about ``MAX_SAMPLES``.
        seed: seed of the latents and conditions.
        weights: ``ema`` or ``raw``; None for the model's preferred generator.
    """
    values = None if data.condition is None else data.condition.values()
    if data.condition is not None and values is not None and size(values) <= MAX_ROWS:
        columns = math.ceil(n / size(values))
        samples = _sample_rows(model, data.condition.encode(values), columns, seed, weights)
        return SheetSamples(data.modality.decode(samples), columns, rows=values)
    condition = data.sample_conditions(n, seed)
    content = data.modality.decode(model.sample(n, condition, seed=seed, weights=weights))
    if data.condition is None or condition is None or not data.condition.in_sheets:
        return SheetSamples(content)
    return SheetSamples(content, math.ceil(math.sqrt(n)), data.condition.decode(condition))


def sheet(data: Data, samples: SheetSamples) -> np.ndarray:
    """Return one image (H, W, 3) uint8 of the samples, with their conditions, if any, on the left."""
    image = data.modality.sheet(samples.content, samples.columns)
    if data.condition is not None and samples.rows is not None:
        return side_by_side(_row_labels(data.condition, samples.rows, len(image)), image)
    if data.condition is None or samples.condition is None:
        return image
    return side_by_side(data.condition.sheet(samples.condition, samples.columns), image)


def _sample_rows(model: GenerativeModel, values: Sample, columns: int, seed: int, weights: Weights | None) -> Sample:
    """Return samples (values · columns, …): for each value of the condition, samples of the same latents."""
    latent = model.sample_latent(columns, seed)
    if latent is not None:
        latent = latent.repeat(size(values), *[1] * (latent.dim() - 1))
    condition = each(lambda one: one.repeat_interleave(columns, 0), values)
    return model.sample(size(condition), condition, seed=seed, latent=latent, weights=weights)


def _row_labels(condition: Modality, rows: Content, height: int) -> np.ndarray:
    """Return a column (height, W, 3) that shows the condition of each row, centred on the row and cropped to it."""
    labels = condition.sheet(rows, 1)
    label_height, row_height = len(labels) // size(rows), height / size(rows)
    column = np.full((height, *labels.shape[1:]), WHITE, np.uint8)
    shown = min(label_height, int(row_height))
    for i in range(size(rows)):
        top = int(i * row_height + (row_height - shown) / 2)
        start = i * label_height + (label_height - shown) // 2
        column[top : top + shown] = labels[start : start + shown]
    return column


def side_by_side(*sheets: np.ndarray) -> np.ndarray:
    """Return sheets (H, W, 3) side by side, with white below the lower ones."""
    height = max(len(sheet) for sheet in sheets)
    return np.concatenate(
        [np.pad(one, ((0, height - len(one)), (0, 0), (0, 0)), constant_values=WHITE) for one in sheets], axis=1
    )
