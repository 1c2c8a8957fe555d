"""Reads conditions and generates content for them; used to generate and to verify samples."""

import re
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from gan_lightning.algorithms.model import MAX_FORWARD, GenerativeModel, Weights
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import UserError
from gan_lightning.modalities.samples import Content, Sample, Shape, each, size
from gan_lightning.runs.checkpoints import Trained

MAX_BYTES = 2**30  # of latents and generated conditions, which are in memory together
FLOAT_BYTES = 4
DIGEST_PREFIX = "sha256:"  # marks the digest of a file in a recorded condition


def read_conditions(data: Data, asked: str | None, n: int, seed: int) -> Sample | None:
    """Return the conditions of n samples, encoded for the model; None for an unconditional model.

    Args:
        data: the data module of the model.
        asked: a class, the path of a file, or other text that the condition's modality reads, with one condition for
            all samples or one for each; None for random conditions.
        n: the number of samples.
        seed: the seed of random conditions.

    Raises:
        UserError: if the condition cannot be read, or if the model is unconditional.
    """
    if asked is None:
        return data.sample_conditions(n, seed)
    if data.condition is None:
        raise UserError(f"condition={asked}: the model is not conditional: train one with conditional=true")
    try:
        content = data.condition.read(Path(asked))
    except UserError as error:  # its message starts with the path
        raise UserError(f"condition={error}") from error
    except (OSError, ValueError) as error:  # the text cannot be a path
        raise UserError(f"condition={asked[:100]}: cannot be read ({getattr(error, 'strerror', error)})") from error
    if size(content) not in (1, n):
        raise UserError(f"condition={asked}: holds {size(content):,} for n={n:,}: must hold one, or as many as n")
    encoded = data.condition.encode(data.complete_condition(content, n, seed))
    return each(lambda one: one.expand(n, *one.shape[1:]), encoded)


def recorded_condition(data: Data, asked: str | None) -> str | None:
    """Return a condition as records hold it: the text itself, or the digest of the content if it names a file."""
    if asked is None or data.condition is None or not names_file(data, asked):
        return asked
    return DIGEST_PREFIX + data.condition.digest(Path(asked))


def names_file(data: Data, asked: str) -> bool:
    """Return True if ``asked`` is the path of an existing file or folder and not the text of a condition."""
    if data.condition is not None and data.condition.says(asked):
        return False
    try:
        return Path(asked).exists()
    except (OSError, ValueError):  # the text cannot be a path, for example because it is too long
        return False


def condition_name(data: Data, asked: str) -> str:
    """Return a short form of a condition for the name of a file."""
    return re.sub(r"[^\w.-]+", "-", Path(asked).stem if names_file(data, asked) else asked)[:40]


def check_memory(trained: Trained, n: int, asked: str | None = None) -> None:
    """Raise UserError if n latents and generated conditions take more memory than ``MAX_BYTES``."""
    prior, condition = trained.model.prior, trained.data.condition
    numbers = 0 if prior is None else prod(prior.shape)
    numbers += count(condition.sample_shape) if condition is not None and asked is None else 0
    most = MAX_BYTES // max(numbers * FLOAT_BYTES, 1)
    if n > most:
        raise UserError(
            f"n={n}: latents and conditions take {n * numbers * FLOAT_BYTES / 2**30:,.1f} GiB: "
            f"generate at most n={most} with one seed, and more with other seeds"
        )


def check_weights(model: GenerativeModel, weights: Weights | None) -> None:
    """Raise UserError if ``weights`` asks for a generator that the model does not have."""
    if weights is not None and weights not in model.weights:
        kind = {"ema": "averaged", "pretrained": "pretrained"}[weights]
        raise UserError(f"weights={weights}: the model has no {kind} generator: weights={' or '.join(model.weights)}")


def content_parts(
    trained: Trained,
    n: int,
    condition: Sample | None,
    seed: int,
    weights: Weights | None,
    truncation: float = 1.0,
    most: int = MAX_FORWARD,
) -> Iterator[Content]:
    """Yield the content of n samples in parts of at most ``most``; a truncation below 1 needs a style generator."""
    options: dict[str, Any] = {} if truncation == 1 else {"truncation": truncation}
    for part in trained.model.sample_parts(n, condition, seed=seed, weights=weights, most=most, **options):
        yield trained.data.modality.decode(part)


def count(shape: Shape) -> int:
    """Return the number of values in a sample of this shape."""
    return sum(prod(one) for one in (shape.values() if isinstance(shape, dict) else [shape]))
