"""Generates samples with the model of a trained run, or images from those of the user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor
from tqdm import tqdm

from gan_lightning.callbacks.sheets import MAX_SAMPLES, samples_for_sheet, sheet
from gan_lightning.commands.image_input import check_keys, convert_photos
from gan_lightning.commands.output import check_file_name, complete_output
from gan_lightning.commands.projection import project_image
from gan_lightning.commands.signing import add_to_ledger
from gan_lightning.commands.steering import check_table, mixing_table, steer, style_name
from gan_lightning.commands.tempering import DEFAULTS, temper, temper_name
from gan_lightning.commands.walk import draw_walk
from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError, listed
from gan_lightning.modalities.arrays import ARRAYS, write_arrays
from gan_lightning.modalities.modality import Modality, modality_of
from gan_lightning.modalities.rendering import written_forms
from gan_lightning.modalities.samples import Content, Sample, size, take
from gan_lightning.modalities.sheets import SUFFIX as SHEET_SUFFIX
from gan_lightning.modalities.sheets import WALK_SUFFIX, write_sheet
from gan_lightning.paths import GENERATED
from gan_lightning.provenance import load_signer
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.runs.drawing import (
    check_memory,
    check_weights,
    condition_name,
    content_parts,
    count,
    read_conditions,
    recorded_condition,
)

if TYPE_CHECKING:  # needs an extra
    from gan_lightning.provenance.identity import Identity

FORMATS = {"sheet": SHEET_SUFFIX, "files": "", "arrays": ".npz"}  # of all modalities, with suffixes; "" for a folder
DRAWN = ("interpolate", "mix", "project")  # keys that each write one file of their own kind
UNSIGNED = dict.fromkeys(("mix", "project", "edit")) | DEFAULTS  # keys that records of samples do not have
MAX_SHEET_VALUES = 2**28  # in all samples of a sheet together


def generate(settings: GenerateSettings) -> Path:
    """Write what ``conf/generate.yaml`` describes, and return the path of the file or folder."""
    check_keys(settings)
    if settings.input is not None:
        return convert_photos(settings)
    _check_combination(settings)
    identity = load_signer("sign=true") if settings.sign else None
    trained = load(settings.checkpoint, settings.trust_code)
    settings = settings.model_copy(update={"format": settings.format or ("files" if identity else "sheet")})
    steer(settings, trained)
    temper(settings, trained)
    _check_settings(settings, trained)
    condition = read_conditions(trained.data, settings.condition, settings.n, settings.seed)
    path = _output_path(settings, trained)
    with complete_output(path) as unfinished:
        if settings.interpolate:
            draw_walk(unfinished, settings, settings.interpolate, trained, condition)
        elif settings.mix is not None:
            write_sheet(unfinished, mixing_table(settings, trained, settings.mix))
        elif settings.project is not None:
            write_sheet(unfinished, project_image(settings, trained, settings.project))
        elif settings.format == "sheet":
            write_sheet(unfinished, _sheet(settings, trained, condition))
        elif settings.format == "arrays":
            write_arrays(unfinished, _arrays(settings, trained, condition), settings.n)
        else:
            _write_files(unfinished, settings, trained, condition, identity)
    return path


def _check_combination(settings: GenerateSettings) -> None:
    """Raise UserError for settings that exclude each other."""
    drawn = [f"{key}={value}" for key in DRAWN if (value := getattr(settings, key)) is not None]
    if len(drawn) > 1:
        raise UserError(f"{drawn[1]}: writes something else than {drawn[0]}: leave one out")
    if drawn and settings.format not in (None, "sheet"):
        kind = "an animation of sheets" if settings.interpolate else "a sheet"
        raise UserError(f"format={settings.format}: {drawn[0]} writes {kind}: leave out format")
    if settings.sign and (settings.interpolate or settings.format in ("sheet", "arrays")):
        raise UserError("sign=true: signs files of samples, format=files or audio: leave out format and interpolate")
    for key, default in UNSIGNED.items():
        if settings.sign and (value := getattr(settings, key)) != default:
            raise UserError(f"sign=true: gan-verify cannot generate samples with {key}={value} again: leave it out")


def _check_settings(settings: GenerateSettings, trained: Trained) -> None:
    """Raise UserError if the model cannot do what the settings ask for, or if it would take too much memory."""
    check_weights(trained.model, settings.weights)
    modality = trained.data.modality
    if settings.format not in (formats := [*FORMATS, *modality.renderings]):
        what, known = type(modality).__name__, listed(formats)
        raise UserError(f"format={settings.format}: {what} have no {settings.format}: choose one of {known}")
    if settings.interpolate and trained.model.prior is None:
        raise UserError(f"interpolate={settings.interpolate}: the model has no latents to interpolate: leave it out")
    if settings.sign:
        from gan_lightning.provenance.records import MAX_N

        if settings.n > MAX_N:
            raise UserError(
                f"n={settings.n}: gan-verify takes at most {MAX_N:,} samples a seed: lower n, use more seeds"
            )
    elif settings.format == "sheet" and settings.project is None:
        _check_sheet_size(settings, trained)
    check_memory(trained, settings.n, settings.condition)


def _check_sheet_size(settings: GenerateSettings, trained: Trained) -> None:
    """Raise UserError if ``n`` is more than a sheet can show."""
    fit = MAX_SHEET_VALUES // max(count(trained.data.modality.content_shape), 1)
    most = max(min(MAX_SAMPLES, fit), 1)
    if settings.mix is not None:
        check_table(settings, trained, settings.mix, most)
    elif settings.n > most:
        raise UserError(f"n={settings.n}: a sheet shows at most {most:,} samples: format=files or format=arrays")


def _output_path(settings: GenerateSettings, trained: Trained) -> Path:
    """Return ``output``, or a path in the run's folder that is named after the settings.

    Raises:
        UserError: if the name does not fit the format, or if a folder is not empty. A file would be replaced.
    """
    suffix = WALK_SUFFIX if settings.interpolate else FORMATS.get(settings.format or "sheet", "")
    if settings.output is None:
        name = f"{trained.path.stem}_n{settings.n}_seed{settings.seed}"
        name += (
            f"_condition{condition_name(trained.data, settings.condition)}" if settings.condition is not None else ""
        )
        name += f"_{settings.weights}" if settings.weights else ""
        name += style_name(settings) + temper_name(settings)
        name += f"_walk{settings.interpolate}" if settings.interpolate else ""
        path = trained.run_dir / "generated" / f"{name}{suffix}"
    else:
        path = Path(settings.output)
        if suffix:
            check_file_name(path, suffix)
        elif modality_of(path.name) or trained.data.modality.reads(path.name) or path.suffix in ARRAYS:
            raise UserError(
                f"output={path}: format={settings.format} needs the name of a folder, not of a {path.suffix} file"
            )
    if not suffix and (path.is_file() or (path.is_dir() and any(path.iterdir()))):
        raise UserError(f"output={path}: exists already; format={settings.format} needs a new or empty folder")
    return path


def _sheet(settings: GenerateSettings, trained: Trained, condition: Sample | None) -> np.ndarray:
    """Return a sheet (H, W, 3) of samples: all with ``condition``, or with a row for each class if there is none."""
    if settings.condition is None:
        drawn = samples_for_sheet(trained.model, trained.data, settings.n, settings.seed, settings.weights)
        return sheet(trained.data, drawn)
    samples = trained.model.sample(settings.n, condition, seed=settings.seed, weights=settings.weights)
    return trained.data.modality.sheet(trained.data.modality.decode(samples))


def _arrays(settings: GenerateSettings, trained: Trained, condition: Sample | None) -> Iterator[dict[str, Tensor]]:
    """Yield the arrays of one batch after another: the samples and, if the model is conditional, their conditions."""
    for start, content in _content_batches(settings, trained, condition):
        arrays = _name_arrays("samples", content)
        if trained.data.condition is not None and condition is not None:
            shown = trained.data.condition.decode(take(condition, slice(start, start + size(content))))
            arrays |= _name_arrays("condition", shown)
        yield arrays


def _name_arrays(name: str, content: Content) -> dict[str, Tensor]:
    """Return content as named arrays; the parts of joint samples keep their names, those of conditions get a prefix."""
    if not isinstance(content, dict):
        return {name: content}
    return content if name == "samples" else {f"{name}_{part}": one for part, one in content.items()}


def _content_batches(
    settings: GenerateSettings, trained: Trained, condition: Sample | None
) -> Iterator[tuple[int, Content]]:
    """Yield the samples' content in batches, each with the index of its first sample, and show a progress bar."""
    start = 0
    with tqdm(total=settings.n, desc="generating", disable=None, leave=False) as bar:
        for content in content_parts(trained, settings.n, condition, settings.seed, settings.weights):
            yield start, content
            start += size(content)
            bar.update(size(content))


def _write_files(
    folder: Path, settings: GenerateSettings, trained: Trained, condition: Sample | None, identity: Identity | None
) -> None:
    """Write the samples to files in a new folder, and sign them if there is an identity."""
    folder.mkdir()
    forms = written_forms(trained.data.modality, settings.format)
    written: list[tuple[Modality, list[Path]]] = [(form.modality, []) for form in forms]
    for start, content in _content_batches(settings, trained, condition):
        for form, (modality, paths) in zip(forms, written, strict=True):
            paths += modality.write(form.render(content), folder, start)
    if identity is None:  # a signed folder is marked by its statement
        (folder / GENERATED).write_text("samples from gan-generate: no training data\n", encoding="utf-8")
    else:
        _sign_files(folder, written, settings, trained, identity)


def _sign_files(
    folder: Path,
    written: list[tuple[Modality, list[Path]]],
    settings: GenerateSettings,
    trained: Trained,
    identity: Identity,
) -> None:
    """Sign each file, write a signed statement about all of them, and add their records to the ledger.

    Args:
        folder: folder of the files.
        written: the files of each modality, those of the samples before those of renderings of them.
        settings: the settings by which they were generated.
        trained: the checkpoint that generated them.
        identity: the identity that signs.
    """
    from gan_lightning.provenance.signing import sign_files
    from gan_lightning.provenance.statements import attest_samples

    sets = {
        modality.suffix: sign_files(
            list(dict.fromkeys(paths)),  # a modality may write all batches to one file
            modality,
            identity,
            trained,
            n=settings.n,
            seed=settings.seed,
            weights=settings.weights or trained.model.weights[0],
            condition=recorded_condition(trained.data, settings.condition),
            truncation=settings.truncation,
        )
        for modality, paths in written
    }
    attest_samples(identity, trained, sets, folder)
    add_to_ledger(settings.ledger, identity, [record for records in sets.values() for record in records])


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.generate()
