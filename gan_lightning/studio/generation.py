"""Jobs that describe models, and generate and keep samples; they run in the worker process.

torch, and what imports it, is imported inside the functions: the server imports this module too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gan_lightning.errors import UserError, os_errors_as_user_errors
from gan_lightning.studio.refusals import Refusal

if TYPE_CHECKING:  # takes seconds to import
    from gan_lightning.modalities.modality import Modality
    from gan_lightning.modalities.samples import Content, Sample
    from gan_lightning.runs.checkpoints import Trained
    from gan_lightning.studio.worker_process import Toolbox

BATCH_VALUES = 2**21  # values of samples that are generated together; the job can be cancelled in between
WALK_BATCH = 16  # images of a walk that are generated together, at most
PNG = "image/png"


@dataclass(frozen=True)
class Recipe:
    """Settings with which samples are generated, besides their latents.

    Attributes:
        checkpoint: folder of the run.
        condition: the condition as text; None for random ones.
        upload: file with the condition; None if there is none.
        truncation: truncation of the styles; 1 for none.
        edit: directions with strengths; None for no edit.
        weights: weights of the generator; None for the preferred ones.
    """

    checkpoint: Path
    condition: str | None
    upload: Path | None
    truncation: float
    edit: str | None
    weights: Literal["ema", "raw"] | None


@dataclass(frozen=True)
class Latents:
    """Rows of the latents of a seed: those of ``n`` samples that are drawn together."""

    seed: int
    n: int


def describe_model(toolbox: Toolbox, checkpoint: Path) -> dict[str, Any]:
    """Return what can be asked of a model."""
    from gan_lightning.networks.styles import StyleGenerator
    from gan_lightning.runs.steering import directions_of

    trained = toolbox.load(checkpoint)
    model, modality, condition = trained.model, trained.data.modality, trained.data.condition
    generator, styles = model.generator_of(None), None
    if isinstance(generator, StyleGenerator):
        found, _ = directions_of(trained)
        styles = {"levels": generator.levels, "directions": [name for one in found for name in one.names]}
    return {
        "checkpoint": trained.digest,
        "modality": type(modality).__name__,
        "media_type": modality.media_type,
        "prior": model.prior is not None,
        "styles": styles,
        "weights": model.weights,
        "condition": None if condition is None else condition.input_form(),
        "sample_shape": modality.sample_shape,
    }


def make_samples(toolbox: Toolbox, recipe: Recipe, latents: Latents, folder: Path) -> dict[str, Any]:
    """Generate the samples of a seed and write them, with their previews, to a folder.

    Returns:
        The digest of the checkpoint, the weights and the condition as records hold it, and for each file, its index,
        its name, that of its preview, and its media type.
    """
    from gan_lightning.modalities.samples import cat
    from gan_lightning.runs.drawing import content_parts

    with _opened(toolbox, recipe) as trained:
        n, modality = latents.n, trained.data.modality
        condition, size = _conditions(trained, recipe, latents), _batch_size(modality)
        parts: list[Content] = []
        toolbox.report(0)
        for part in content_parts(trained, n, condition, latents.seed, recipe.weights, most=size):
            parts.append(part)
            toolbox.report(min(len(parts) * size / n, 1))
        content = cat(parts)
        paths = list(dict.fromkeys(modality.write(content, folder)))
        previews = _write_previews(modality, content, folder, paths)
        return {
            "checkpoint": trained.digest,
            "weights": recipe.weights or trained.model.weights[0],
            "condition": _recorded_condition(trained, recipe),
            "files": [
                {
                    "index": i if len(paths) == n else None,
                    "file": path.name,
                    "preview": preview.name,
                    "media_type": modality.media_type,
                }
                for i, (path, preview) in enumerate(zip(paths, previews, strict=True))
            ],
        }


def make_walk(
    toolbox: Toolbox, recipe: Recipe, start: Latents, end: Latents, indices: tuple[int, int], steps: int, folder: Path
) -> list[dict[str, Any]]:
    """Write images of samples on the way from one latent to another to a folder, and return their names."""
    import torch

    from gan_lightning.latents.walk import Walk
    from gan_lightning.modalities.samples import size, take

    with _opened(toolbox, recipe) as trained:
        model, modality = trained.model, trained.data.modality
        if model.prior is None:
            raise Refusal(400, "no_latents", "the model has no latents to walk between")
        rows = [slice(index, index + 1) for index in indices]
        latents = [
            latent[row]
            for one, row in zip((start, end), rows, strict=True)
            if (latent := model.sample_latent(one.n, one.seed)) is not None
        ]
        conditions = [
            take(condition, row)
            for one, row in zip((start, end), rows, strict=True)
            if (condition := _conditions(trained, recipe, one)) is not None
        ]
        pair = (conditions[0], conditions[1]) if conditions else None
        walk = Walk(model, latents[0], latents[1], pair, recipe.weights)
        times = torch.linspace(0, 1, steps).tolist()
        frames: list[Path] = []
        batch = min(WALK_BATCH, _batch_size(modality))
        for first in range(0, steps, batch):
            toolbox.report(first / steps)
            content = modality.decode(walk.samples(times[first : first + batch]))
            part = folder / f"part{first}"
            part.mkdir()
            paths = modality.write(content, part) if modality.media_type == PNG else []
            frames += _write_previews(modality, content, part, paths if len(paths) == size(content) else [])
        names = [str(one.relative_to(folder)) for one in frames]
        return [{"index": None, "file": name, "preview": name, "media_type": PNG} for name in names]


def keep_sample(
    toolbox: Toolbox, checkpoint: Path, recipe: dict[str, Any], index: int | None, file: Path, ledger: Path
) -> dict[str, Any]:
    """Sign the file of a sample, and add its record to the ledger.

    Args:
        toolbox: the toolbox of the worker process.
        checkpoint: folder of the run.
        recipe: how the sample was generated, as ``make_samples`` and the request say.
        index: row of its latent; None if the file holds all samples.
        file: the file to sign.
        ledger: folder of the ledger.

    Returns:
        The digest of the content (``artifact``), the index of its line in the ledger (``line``), and the signer.

    Raises:
        Refusal: if the run has another checkpoint by now.
        UserError: if there is no identity, or a file cannot be written.
    """
    from gan_lightning.provenance import identity
    from gan_lightning.provenance.ledger import append_records
    from gan_lightning.provenance.signing import sign_files

    signer = identity.load()
    trained = toolbox.find_loaded(recipe["checkpoint"]) or toolbox.load(checkpoint)
    if trained.digest != recipe["checkpoint"]:
        message = "the run has a newer checkpoint than the one that generated this sample: generate it again"
        raise Refusal(409, "checkpoint_changed", message)
    (record,) = sign_files(
        [file],
        trained.data.modality,
        signer,
        trained,
        n=recipe["n"],
        seed=int(recipe["seed"]),
        weights=recipe["weights"],
        condition=recipe["condition"],
        truncation=recipe["truncation"],
        indices=[index],
    )
    with os_errors_as_user_errors(f"--ledger {ledger}"):
        line = append_records(ledger, signer, [record])
    name = identity.certificate_names(signer.certificate)
    return {"artifact": record.content, "line": line, "signer": name, "model_name": trained.path.name}


@contextmanager
def _opened(toolbox: Toolbox, recipe: Recipe) -> Iterator[Trained]:
    """Load the model of a recipe, and steer it while the body runs."""
    from gan_lightning.runs.drawing import check_weights
    from gan_lightning.runs.steering import steered

    trained = toolbox.load(recipe.checkpoint)
    check_weights(trained.model, recipe.weights)
    with steered(trained, recipe.weights, recipe.truncation, recipe.edit):
        yield trained


def _conditions(trained: Trained, recipe: Recipe, latents: Latents) -> Sample | None:
    """Return the conditions of the samples of a seed.

    Text is read only if it says the condition itself. Otherwise it could name any file of this machine.
    """
    from gan_lightning.runs.drawing import read_conditions

    modality, text = trained.data.condition, recipe.condition
    if modality is None and (text is not None or recipe.upload is not None):
        raise Refusal(400, "not_conditional", "the model takes no condition: leave it out")
    if modality is not None and text is not None and not modality.says(text):
        raise Refusal(400, "condition", f"condition: the model knows no {text[:100]!r}", {"condition": text[:100]})
    if modality is not None and recipe.upload is not None and not modality.reads(recipe.upload.name):
        message = f"the condition must be a {modality.suffix} file"
        raise Refusal(415, "condition_type", message, {"suffix": modality.suffix})
    asked = str(recipe.upload) if recipe.upload is not None else text
    try:
        return read_conditions(trained.data, asked, latents.n, latents.seed)
    except UserError as error:
        raise UserError(str(error).replace(f"{recipe.upload}", "the file")) from error


def _recorded_condition(trained: Trained, recipe: Recipe) -> str | None:
    from gan_lightning.runs.drawing import recorded_condition

    if recipe.upload is None:
        return recipe.condition
    return recorded_condition(trained.data, str(recipe.upload))


def _batch_size(modality: Modality) -> int:
    """Return the number of samples that are generated together."""
    from gan_lightning.runs.drawing import count

    return max(1, BATCH_VALUES // max(count(modality.sample_shape), 1))


def _write_previews(modality: Modality, content: Content, folder: Path, paths: list[Path]) -> list[Path]:
    """Return PNG files that show the samples: the files themselves if they are such, or else sheets.

    Args:
        modality: modality of the content.
        content: the samples.
        folder: folder for the sheets.
        paths: the files of the samples; [] if there are none.
    """
    from gan_lightning.modalities.samples import size, take
    from gan_lightning.modalities.sheets import write_sheet

    if paths and modality.media_type == PNG:
        return paths
    n = size(content)
    shown = [content] if len(paths) == 1 else [take(content, slice(i, i + 1)) for i in range(n)]
    previews = [folder / f"preview{i:06d}.png" for i in range(len(shown))]
    for path, one in zip(previews, shown, strict=True):
        write_sheet(path, modality.sheet(one, 1 if len(shown) > 1 else None))
    return previews
