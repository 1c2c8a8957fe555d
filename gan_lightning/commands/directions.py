"""Finds directions in the styles of a trained run along which samples change, for ``edit=…`` of ``gan-generate``."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from tqdm import tqdm

from gan_lightning.callbacks.sheets import side_by_side
from gan_lightning.config.settings import DirectionsSettings
from gan_lightning.errors import UserError, os_errors_as_user_errors
from gan_lightning.files import make_folder
from gan_lightning.latents.directions import Directions, ganspace, joined, measured, sefa, write_directions
from gan_lightning.latents.supervised import (
    Learner,
    ReadAttributes,
    attribute_changes,
    measure,
    read_styles,
    targets_of,
)
from gan_lightning.metrics.attribute_reader import Reader
from gan_lightning.metrics.attributes import AttributeEvaluator
from gan_lightning.modalities.label import sheet_font
from gan_lightning.modalities.samples import Sample
from gan_lightning.modalities.sheets import SUFFIX, write_sheet
from gan_lightning.networks.styles import StyleGenerator
from gan_lightning.paths import DIRECTIONS, relative_to_cwd
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.runs.drawing import check_memory
from gan_lightning.tables import markdown

STEPS = (-3, -2, -1, 0, 1, 2, 3)  # strengths in the sheet, in standard deviations
TESTED = 500  # samples on which effects are measured; their latents are those of the next seed
TINY = 0.05  # size of a move that should change nothing, in standard deviations of styles
FONT_SIZE, HEADER_HEIGHT = 12, 20  # pixels in the labels of the sheet

Rows = list[dict[str, Any]]


def directions(settings: DirectionsSettings) -> str:
    """Write the files that ``conf/directions.yaml`` describes; return a table of the directions and the paths."""
    trained = load(settings.checkpoint, settings.trust_code)
    generator = trained.model.generator_of(None).eval()
    if not isinstance(generator, StyleGenerator):
        raise UserError(
            f"checkpoint={settings.checkpoint}: the model has no styles: "
            "train one with model=stylegan or model=style_dcgan"
        )
    check_memory(trained, settings.n)
    reader = _reader(trained)
    if settings.method == "supervised" and reader is None:
        raise UserError(
            "method=supervised: the data of the run have no attributes that can be read from samples: "
            "method=sefa or method=ganspace"
        )
    styles = _styles(trained, generator, settings.n, settings.seed)
    tested = _styles(trained, generator, TESTED, settings.seed + 1)
    if settings.method == "supervised" and reader is not None:
        found, rows, starts = _supervised(trained, generator, reader, styles, tested)
    else:
        found, rows = _unsupervised(settings, generator, styles)
        starts = styles[:1].expand(len(rows), -1)
        if reader is not None:
            _add_changes(rows, found, generator, trained, reader, tested)
    path = trained.run_dir / DIRECTIONS / f"{settings.method}.safetensors"
    with os_errors_as_user_errors(f"checkpoint={settings.checkpoint}"):
        make_folder(path.parent)
        write_directions(path, found, trained.digest)
        write_sheet(path.with_suffix(SUFFIX), _sheet(trained, generator, found, starts))
    written = [str(relative_to_cwd(one.absolute())) for one in (path, path.with_suffix(SUFFIX))]
    return "\n".join([markdown(list(rows[0]), rows), *written])


def _reader(trained: Trained) -> Reader | None:
    """Return the reader of the data's attributes; None for data without attributes."""
    evaluator = trained.data.evaluator
    return evaluator.given_reader if isinstance(evaluator, AttributeEvaluator) else None


@torch.no_grad()
def _styles(trained: Trained, generator: StyleGenerator, n: int, seed: int) -> Tensor:
    """Return the styles (n, style_dim) of the latents and conditions of a seed."""
    latent, condition = trained.model.sample_latent(n, seed), trained.data.sample_conditions(n, seed)
    assert latent is not None
    assert condition is None or isinstance(condition, Tensor)
    return generator.styles(latent, condition)[:, 0]


def _at_all_levels(styles: Tensor, generator: StyleGenerator) -> Tensor:
    return styles[:, None].expand(-1, generator.levels, -1)


def _read_with(trained: Trained, reader: Reader) -> ReadAttributes:
    """Return a function that reads the attributes of samples."""

    def read(samples: Sample) -> Tensor:
        content = trained.data.modality.decode(samples)
        assert isinstance(content, Tensor)
        return reader.read(content)

    return read


def _unsupervised(settings: DirectionsSettings, generator: StyleGenerator, styles: Tensor) -> tuple[Directions, Rows]:
    """Return the directions of SeFa or GANSpace, and a row of the table for each."""
    if settings.method == "sefa":
        vectors, values = sefa([weight.detach() for weight in generator.style_weights()], settings.count)
        column = "eigenvalue"
    else:
        vectors, values = ganspace(styles, settings.count)
        column = "share of the variance"
    names = [f"{settings.method}_{i}" for i in range(len(vectors))]
    found = measured(names, vectors, styles, [range(generator.levels)] * len(names))
    return found, [{"direction": name, column: float(value)} for name, value in zip(names, values, strict=True)]


def _add_changes(
    rows: Rows,
    found: Directions,
    generator: StyleGenerator,
    trained: Trained,
    reader: Reader,
    tested: Tensor,
) -> None:
    """Add to each row how many samples change in which attribute at the last strength of the sheet."""
    read, styles, names = _read_with(trained, reader), _at_all_levels(tested, generator), list(reader.attributes)
    before = read_styles(generator, read, styles)
    for row in tqdm(rows, "reading attributes", disable=None, leave=False):
        shift = found.shift(row["direction"], STEPS[-1], generator.levels)
        changed = attribute_changes(generator, read, styles, before, shift)
        shares = changed.float().mean(0)
        most = int(shares.argmax())
        others = changed[:, [i for i in range(len(names)) if i != most]]
        row |= {
            "changes most": names[most],
            "share": float(shares[most]),
            "any other": float(others.any(1).float().mean()),
            "each other": float(others.float().mean()),
        }


def _supervised(
    trained: Trained, generator: StyleGenerator, reader: Reader, styles: Tensor, tested: Tensor
) -> tuple[Directions, Rows, Tensor]:
    """Return a direction for each value of an attribute that samples have, rows of the table, and starts of the sheet.

    A direction that gives its value to no sample has a row, but is left out otherwise. The last row is no direction:
    it tells how often readings change by a tiny random move. The starts (directions, style_dim) are the first styles
    whose samples do not have the value.
    """
    read, names = _read_with(trained, reader), list(reader.attributes)
    learner = Learner(generator, read, styles, read_styles(generator, read, _at_all_levels(styles, generator)))
    targets = [target for target in targets_of(reader.attributes) if learner.can_learn(target)]
    if not targets:
        raise UserError("method=supervised: all samples have the same attributes: train longer, or raise n")
    styles_tested = _at_all_levels(tested, generator)
    before = read_styles(generator, read, styles_tested)
    learned, starts, rows = [], [], []
    for target in tqdm(targets, "learning directions", disable=None, leave=False):
        found, strength = learner.learn(target)
        shift = found.shift(target.name, strength, generator.levels)
        effect = measure(generator, read, styles_tested, before, shift, target)
        name = f"{target.name} (left out: reaches no sample)"
        if effect.wanted:
            name = target.name
            learned.append(found)
            starts.append(styles[~target.reached(learner.attributes)][0])
        (levels,) = found.levels
        row = {"direction": name, "levels": f"{levels[0]}-{levels[-1]}", "strength": strength}
        rows.append(row | {"wanted": effect.wanted} | _other_changes(effect.any_other, effect.others, names))
    if not learned:
        raise UserError("method=supervised: no direction changes its attribute: train longer, or raise n")
    noise = torch.randn(tested.shape, generator=torch.Generator().manual_seed(0))
    moves = _at_all_levels(TINY * tested.std(0) * noise, generator)
    changed = attribute_changes(generator, read, styles_tested, before, moves)
    row = {"direction": f"(random, {TINY} standard deviations)", "levels": f"0-{generator.levels - 1}"}
    rows.append(row | _other_changes(float(changed.any(1).float().mean()), changed.float().mean(0), names))
    return joined(learned), rows, torch.stack(starts)


def _other_changes(any_other: float, others: Tensor, names: Sequence[str]) -> dict[str, Any]:
    """Return the columns of the table about the attributes that change without being wanted."""
    most = int(others.argmax())
    return {"any other": any_other, "most of them": names[most], "share": float(others[most])}


@torch.no_grad()
def _sheet(trained: Trained, generator: StyleGenerator, found: Directions, starts: Tensor) -> np.ndarray:
    """Return a sheet (H, W, 3) with a row for each direction: its name, and the sample of its start moved along it."""
    moved = [
        start + found.shift(name, step, generator.levels)
        for name, start in zip(found.names, starts, strict=True)
        for step in STEPS
    ]
    samples = torch.cat([generator.synthesize(part) for part in torch.stack(moved).split(256)])
    modality = trained.data.modality
    sheet = modality.sheet(modality.decode(samples), len(STEPS))
    labels = _labels(found.names, len(sheet))
    return np.concatenate([_header(labels.shape[1], sheet.shape[1]), side_by_side(labels, sheet)])


def _labels(names: Sequence[str], height: int) -> np.ndarray:
    """Return the names as a column (height, W, 3), each in the middle of its row."""
    font = sheet_font(FONT_SIZE)
    image = Image.new("RGB", (math.ceil(max(map(font.getlength, names))) + FONT_SIZE, height), "white")
    draw = ImageDraw.Draw(image)
    for i, name in enumerate(names):
        draw.text((4, (i + 0.5) * height / len(names)), name, "black", font, anchor="lm")
    return np.asarray(image)


def _header(left: int, width: int) -> np.ndarray:
    """Return the strengths as a row (H, left + width, 3), each in the middle of its column, right of the labels."""
    image = Image.new("RGB", (left + width, HEADER_HEIGHT), "white")
    draw, font = ImageDraw.Draw(image), sheet_font(FONT_SIZE)
    for i, step in enumerate(STEPS):
        text = f"{step:+}".replace("-", "−") if step else "0"
        position = left + (i + 0.5) * width / len(STEPS), HEADER_HEIGHT / 2
        draw.text(position, text, "black", font, anchor="mm")
    return np.asarray(image)


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.directions()
