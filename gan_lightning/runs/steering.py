"""Steers the samples of a trained model by styles: truncation, and edits along the run's directions."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite

import torch
from torch import Tensor

from gan_lightning.algorithms.model import Weights
from gan_lightning.errors import UserError, listed
from gan_lightning.latents.directions import Directions, read_directions
from gan_lightning.latents.edits import SteeredGenerator
from gan_lightning.networks.styles import StyleGenerator
from gan_lightning.paths import DIRECTIONS, path_override
from gan_lightning.runs.checkpoints import Trained

EXAMPLE = "glasses=+2,hat=-1"


def steer_model(trained: Trained, weights: Weights | None, truncation: float = 1.0, edit: str | None = None) -> None:
    """Replace the generator of these weights, a style generator, by one that is steered.

    Args:
        trained: the trained model.
        weights: weights of the generator, as for ``model.sample``.
        truncation: the share of a style's distance to the mean style that is kept, from 0 to 1.
        edit: directions with strengths, such as ``glasses=+2,hat=-1``; None for no edit.

    Raises:
        UserError: if the edit names an unknown direction.
    """
    model = trained.model
    generator = model.generator_of(weights).eval()
    assert isinstance(generator, StyleGenerator)
    shift = None if edit is None else _shift(edit, trained, generator.levels)
    steered = SteeredGenerator(generator, truncation, shift)
    if generator is model.generator:
        model.generator = steered
    else:
        model.ema = steered


@contextmanager
def steered(trained: Trained, weights: Weights | None, truncation: float, edit: str | None) -> Iterator[None]:
    """Steer a model with styles as ``steer_model`` does, and restore it at the end; leave other models as they are.

    Raises:
        UserError: as ``steer_model``, or if the model has no styles to truncate or edit.
    """
    model = trained.model
    generators = model.generator, model.ema
    if isinstance(model.generator_of(weights), StyleGenerator):
        steer_model(trained, weights, truncation, edit)
    elif truncation != 1 or edit is not None:
        raise UserError("the model has no styles: leave out truncation and edits")
    try:
        yield
    finally:
        model.generator, model.ema = generators


def _shift(edit: str, trained: Trained, levels: int) -> Tensor:
    """Return what an edit adds to styles, (levels, style_dim)."""
    strengths = parse_edit(edit)
    found, outdated = directions_of(trained)
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


def directions_of(trained: Trained) -> tuple[list[Directions], dict[str, list[str]]]:
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
