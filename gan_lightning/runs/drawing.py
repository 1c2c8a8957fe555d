"""Reads the conditions that a model is asked for, and makes content from them: for generating and verifying."""

import re
from collections.abc import Iterator
from math import prod
from pathlib import Path

from gan_lightning.algorithms.model import Weights
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import UserError
from gan_lightning.modalities.samples import Content, Sample, Shape, each, size
from gan_lightning.runs.checkpoints import Trained

MAX_BYTES = 2**30  # of latents and drawn conditions, which are there at once
FLOAT_BYTES = 4
OF_FILE = "sha256:"  # before a condition's digest, in records


def read_conditions(data: Data, asked: str | None, n: int, seed: int) -> Sample | None:
    """Return n conditions as somebody asks for them; None for an unconditional model.

    Args:
        data: that the model was trained on.
        asked: a class, a file, or whatever the condition's modality reads, for all n samples or with one for each;
            None for those that ``seed`` draws.
        n: how many.
        seed: of the draw.

    Raises:
        UserError: for a condition that cannot be read, or that the model does not take.
    """
    if asked is None:
        return data.sample_conditions(n, seed)
    if data.condition is None:
        raise UserError(f"condition={asked}: the model is not conditional: train one with conditional=true")
    try:
        content = data.condition.read(Path(asked))
    except UserError as error:  # begins with the path
        raise UserError(f"condition={error}") from error
    except (OSError, ValueError) as error:  # no path
        raise UserError(f"condition={asked[:100]}: cannot be read ({getattr(error, 'strerror', error)})") from error
    if size(content) not in (1, n):
        raise UserError(f"condition={asked}: holds {size(content):,} for n={n:,}: must hold one, or as many as n")
    return each(lambda one: one.expand(n, *one.shape[1:]), data.condition.encode(content))


def recorded_condition(data: Data, asked: str | None) -> str | None:
    """Return a condition as a record tells it: what was asked for, but the digest of a file's content."""
    if asked is None or data.condition is None or not names_file(data, asked):
        return asked
    return OF_FILE + data.condition.digest(Path(asked))


def names_file(data: Data, asked: str) -> bool:
    """Return whether a condition is the path of something, and not content itself, as the name of a class is."""
    if data.condition is not None and data.condition.says(asked):
        return False
    try:
        return Path(asked).exists()
    except (OSError, ValueError):  # no path: longer than a name can be, say
        return False


def condition_name(data: Data, asked: str) -> str:
    """Return a condition as part of a file's name."""
    return re.sub(r"[^\w.-]+", "-", Path(asked).stem if names_file(data, asked) else asked)[:40]


def check_memory(trained: Trained, n: int, asked: str | None = None) -> None:
    """Raise UserError if n latents and conditions, all drawn at once, take more memory than ``MAX_BYTES``."""
    prior, condition = trained.model.prior, trained.data.condition
    numbers = 0 if prior is None else prod(prior.shape)
    numbers += count(condition.sample_shape) if condition is not None and asked is None else 0
    most = MAX_BYTES // max(numbers * FLOAT_BYTES, 1)
    if n > most:
        raise UserError(
            f"n={n}: latents and conditions take {n * numbers * FLOAT_BYTES / 2**30:,.1f} GiB: "
            f"at most n={most} with one seed; draw more with others"
        )


def content_parts(
    trained: Trained, n: int, condition: Sample | None, seed: int, weights: Weights | None
) -> Iterator[Content]:
    """Yield the content of n samples, some at a time."""
    for part in trained.model.sample_parts(n, condition, seed=seed, weights=weights):
        yield trained.data.modality.decode(part)


def count(shape: Shape) -> int:
    """Return how many numbers a sample of such a shape has."""
    return sum(prod(one) for one in (shape.values() if isinstance(shape, dict) else [shape]))
