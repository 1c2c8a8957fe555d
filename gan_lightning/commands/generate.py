"""Draws samples from a trained run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gan_lightning.callbacks.sheets import MAX_SAMPLES, draw, sheet
from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError, refusals_of
from gan_lightning.files import make_folder, whole
from gan_lightning.modalities.arrays import ARRAYS, write_arrays
from gan_lightning.modalities.modality import modality_of
from gan_lightning.modalities.samples import Content, Sample, size, take
from gan_lightning.modalities.sheets import SUFFIX, WALK_SUFFIX, write_sheet, write_walk
from gan_lightning.paths import GENERATED
from gan_lightning.provenance import signer
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.runs.drawing import (
    check_memory,
    condition_name,
    content_parts,
    count,
    read_conditions,
    recorded_condition,
)

if TYPE_CHECKING:  # of an extra
    from gan_lightning.provenance.identity import Identity

SUFFIXES = {"sheet": SUFFIX, "files": "", "arrays": ".npz"}
MAX_WALK = 2**28  # pixels of all sheets of a walk together, which its writer has in memory
MAX_SHOWN = 2**28  # numbers of all samples on a sheet


def generate(cfg: GenerateSettings) -> Path:
    """Write what ``conf/generate.yaml`` describes, and return where it is."""
    if cfg.interpolate and cfg.format not in (None, "sheet"):
        raise UserError(
            f"format={cfg.format}: interpolate={cfg.interpolate} writes an animation of sheets: leave out format"
        )
    if cfg.sign and (cfg.interpolate or cfg.format not in (None, "files")):
        raise UserError("sign=true: signs files of samples, format=files: leave out format and interpolate")
    identity = signer("sign=true") if cfg.sign else None
    trained = load(cfg.checkpoint, cfg.trust_code)
    cfg = cfg.model_copy(update={"format": cfg.format or ("files" if identity else "sheet")})
    _check(cfg, trained)
    condition = read_conditions(trained.data, cfg.condition, cfg.n, cfg.seed)
    path = _output(cfg, trained)
    with _unfinished(path) as unfinished:
        if cfg.interpolate:
            _write_walk(unfinished, cfg, cfg.interpolate, trained, condition)
        elif cfg.format == "sheet":
            write_sheet(unfinished, _sheet(cfg, trained, condition))
        elif cfg.format == "arrays":
            write_arrays(unfinished, _arrays(cfg, trained, condition), cfg.n)
        else:
            _write_files(unfinished, cfg, trained, condition, identity)
    return path


def _check(cfg: GenerateSettings, trained: Trained) -> None:
    """Raise UserError for what the model cannot do, or what would take too much memory."""
    if cfg.weights is not None and cfg.weights not in trained.model.weights:
        raise UserError(f"weights={cfg.weights}: the model has no averaged generator: weights=raw")
    if cfg.interpolate and trained.model.prior is None:
        raise UserError(f"interpolate={cfg.interpolate}: the model has no latents to go between: leave it out")
    if cfg.sign:
        from gan_lightning.provenance.records import MAX_N

        if cfg.n > MAX_N:
            raise UserError(f"n={cfg.n}: gan-verify draws at most {MAX_N:,} together: sign fewer, with several seeds")
    elif cfg.format == "sheet":
        _check_shown(cfg, trained)
    check_memory(trained, cfg.n, cfg.condition)


def _check_shown(cfg: GenerateSettings, trained: Trained) -> None:
    """Raise UserError for more samples than a sheet can show."""
    fit = MAX_SHOWN // max(count(trained.data.modality.content_shape), 1)
    most = max(min(MAX_SAMPLES, fit), 1)
    if cfg.n > most:
        raise UserError(f"n={cfg.n}: a sheet shows at most {most:,} samples: format=files or format=arrays")


def _output(cfg: GenerateSettings, trained: Trained) -> Path:
    """Return what ``output`` says, or a name in the run's folder that tells how the samples were made."""
    suffix = WALK_SUFFIX if cfg.interpolate else SUFFIXES[cfg.format or "sheet"]
    if cfg.output is None:
        name = f"{trained.path.stem}_n{cfg.n}_seed{cfg.seed}"
        name += f"_condition{condition_name(trained.data, cfg.condition)}" if cfg.condition is not None else ""
        name += f"_{cfg.weights}" if cfg.weights else ""
        name += f"_walk{cfg.interpolate}" if cfg.interpolate else ""
        path = trained.run_dir / "generated" / f"{name}{suffix}"
    else:
        path = Path(cfg.output)
        if suffix and (path.suffix != suffix or path.is_dir()):
            raise UserError(f"output={path}: the name of a {suffix} file is needed")
        if not suffix and (modality_of(path.name) or trained.data.modality.reads(path.name) or path.suffix in ARRAYS):
            raise UserError(f"output={path}: format=files needs the name of a folder, not of a {path.suffix} file")
    if not suffix and (path.is_file() or (path.is_dir() and any(path.iterdir()))):
        raise UserError(f"output={path}: exists already; format=files needs a new or empty folder")
    return path


@contextmanager
def _unfinished(output: Path) -> Iterator[Path]:
    """Lend another path to write a file or a folder to, which gets its name when it is complete, or is removed."""
    with refusals_of(f"output={output}"):
        path = output.resolve()  # which has a name, as "." has none
        new_folder = not path.parent.exists()
        try:
            make_folder(path.parent)
            with whole(path) as unfinished:
                yield unfinished
        finally:
            if new_folder:
                with suppress(OSError):  # it is not empty
                    path.parent.rmdir()


def _sheet(cfg: GenerateSettings, trained: Trained, condition: Sample | None) -> np.ndarray:
    """Return a sheet of samples: with a row for each class, say, unless a condition is asked for."""
    if cfg.condition is None:
        drawn = draw(trained.model, trained.data, cfg.n, cfg.seed, cfg.weights)
        return sheet(trained.data, drawn)
    samples = trained.model.sample(cfg.n, condition, seed=cfg.seed, weights=cfg.weights)
    return trained.data.modality.sheet(trained.data.modality.decode(samples))


def _arrays(cfg: GenerateSettings, trained: Trained, condition: Sample | None) -> Iterator[dict[str, Tensor]]:
    """Yield some rows of each array at a time: of the samples and, if there are any, their conditions."""
    for start, content in _parts(cfg, trained, condition):
        arrays = _named("samples", content)
        if trained.data.condition is not None and condition is not None:
            shown = trained.data.condition.decode(take(condition, slice(start, start + size(content))))
            arrays |= _named("condition", shown)
        yield arrays


def _named(name: str, content: Content) -> dict[str, Tensor]:
    """Return content as arrays: joint samples keep the names of their parts."""
    if not isinstance(content, dict):
        return {name: content}
    return content if name == "samples" else {f"{name}_{part}": one for part, one in content.items()}


def _parts(cfg: GenerateSettings, trained: Trained, condition: Sample | None) -> Iterator[tuple[int, Content]]:
    """Yield the content of the samples some at a time, with the number of the first, and show how far it is."""
    start = 0
    with tqdm(total=cfg.n, desc="generating", disable=None, leave=False) as bar:
        for content in content_parts(trained, cfg.n, condition, cfg.seed, cfg.weights):
            yield start, content
            start += size(content)
            bar.update(size(content))


def _write_files(
    folder: Path, cfg: GenerateSettings, trained: Trained, condition: Sample | None, identity: Identity | None
) -> None:
    """Write samples to files in a new folder, and sign them if somebody signs."""
    folder.mkdir()
    paths: list[Path] = []
    for start, content in _parts(cfg, trained, condition):
        paths += trained.data.modality.write(content, folder, start)
    if identity is None:  # else a statement among them says it
        (folder / GENERATED).write_text("samples of gan-generate, which are no training data\n", encoding="utf-8")
    else:
        _sign(list(dict.fromkeys(paths)), cfg, trained, identity)  # a table is one file, that grows


def _sign(paths: list[Path], cfg: GenerateSettings, trained: Trained, identity: Identity) -> None:
    """Sign each file and the set of them, and add their records to the ledger."""
    from gan_lightning.provenance import ledger
    from gan_lightning.provenance.signing import sign_files
    from gan_lightning.provenance.statements import state_samples

    records = sign_files(
        paths,
        trained.data.modality,
        identity,
        trained,
        n=cfg.n,
        seed=cfg.seed,
        weights=cfg.weights or trained.model.weights[0],
        condition=recorded_condition(trained.data, cfg.condition),
    )
    state_samples(identity, trained, records, paths[0].parent)
    if cfg.ledger is not None:
        try:
            ledger.append(Path(cfg.ledger), identity, records)
        except OSError as error:
            reason = f"cannot be written ({error.strerror}), so no sample is"
            raise UserError(f"ledger={cfg.ledger}: {reason}: give another folder, or ledger=null") from error


def _write_walk(path: Path, cfg: GenerateSettings, steps: int, trained: Trained, condition: Sample | None) -> None:
    """Write sheets of n samples on the way from the latents of ``seed`` to those of ``seed + 1``, and back."""
    model, modality = trained.model, trained.data.modality
    begin, end = (model.sample_latent(cfg.n, seed) for seed in (cfg.seed, cfg.seed + 1))
    assert begin is not None
    assert end is not None

    def at(t: float) -> np.ndarray:
        samples = model.sample(cfg.n, condition, latent=slerp(begin, end, t), weights=cfg.weights)
        return modality.sheet(modality.decode(samples))

    height, width, _ = at(0).shape
    most = max(MAX_WALK // (width * height), 2)
    if 2 * steps > most:
        raise UserError(
            f"interpolate={steps}: {2 * steps:,} sheets of {width}×{height} pixels: "
            f"at most interpolate={most // 2}, or a smaller n"
        )
    there = torch.linspace(0, 1, steps + 1).tolist()
    write_walk(path, (at(t) for t in tqdm(there + there[-2:0:-1], "generating", disable=None, leave=False)))


def slerp(begin: Tensor, end: Tensor, t: float) -> Tensor:
    """Return latents (n, …) between others, by spherical interpolation (White, 2016, https://arxiv.org/abs/1609.04468).

    A straight line between two Gaussian latents passes where the prior has next to no mass.
    """
    cosine = torch.cosine_similarity(begin.flatten(1), end.flatten(1), dim=1).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.acos(cosine).view(-1, *[1] * (begin.dim() - 1))
    return (torch.sin((1 - t) * angle) * begin + torch.sin(t * angle) * end) / torch.sin(angle)


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.generate()
