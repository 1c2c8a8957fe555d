"""Draws samples from a trained run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError
from gan_lightning.grids import sample_grid
from gan_lightning.provenance import signer
from gan_lightning.runs.checkpoints import Trained, load

if TYPE_CHECKING:  # of an extra
    from gan_lightning.provenance.identity import Identity

SUFFIXES = {"grid": ".png", "png": "", "npz": ".npz", "gif": ".gif"}
FRAME_MILLISECONDS = 60


def generate(cfg: GenerateSettings) -> Path:
    """Write what ``conf/generate.yaml`` describes and return where it is."""
    if cfg.interpolate and cfg.format != "grid":
        raise UserError(f"format={cfg.format}: interpolate={cfg.interpolate} writes a GIF of grids: leave out format")
    if cfg.sign and (cfg.interpolate or cfg.format == "npz"):
        raise UserError("sign=true: signs single pictures: leave out format and interpolate")
    identity = signer("sign=true") if cfg.sign else None
    trained = load(str(cfg.checkpoint), cfg.trust)
    if identity:
        cfg = cfg.model_copy(update={"format": "png"})
    _check(cfg, trained)
    path = _output(cfg, trained)
    path.parent.mkdir(parents=True, exist_ok=True)
    if cfg.interpolate:
        frames = [Image.fromarray(frame) for frame in _walk(cfg, trained)]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0)
    elif cfg.format == "grid" and cfg.label is None:
        Image.fromarray(sample_grid(trained.model, trained.data, cfg.n, cfg.seed, cfg.weights)).save(path)
    else:
        samples = trained.model.sample(cfg.n, _labels(cfg, trained), seed=cfg.seed, weights=cfg.weights)
        if cfg.format == "png":
            _write_pictures(samples, path, cfg, trained, identity)
        else:
            trained.data.write(samples, path, cfg.format)
    return path


def _write_pictures(
    samples: Tensor, path: Path, cfg: GenerateSettings, trained: Trained, identity: Identity | None
) -> None:
    """A folder with a picture of each sample, all or none; signed, where somebody signs."""
    path = path.resolve()  # which has a name, as "." has none
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        trained.data.write(samples, unfinished, "png")
        if identity:
            _sign(unfinished, cfg, trained, identity)
        unfinished.replace(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _sign(folder: Path, cfg: GenerateSettings, trained: Trained, identity: Identity) -> None:
    """Credentials into each picture, a statement about all of them, a record of each into the ledger."""
    from gan_lightning.provenance import ledger
    from gan_lightning.provenance.credentials import sign_pictures
    from gan_lightning.provenance.statements import state_samples

    weights = cfg.weights or trained.model.weights[0]
    records = sign_pictures(folder, identity, trained, weights=weights, seed=cfg.seed, label=cfg.label)
    state_samples(identity, trained, records, folder)
    if cfg.ledger is not None:
        try:
            ledger.append(Path(cfg.ledger), identity, records)
        except OSError as error:
            reason = f"cannot be written ({error.strerror}), so no picture is"
            raise UserError(f"ledger={cfg.ledger}: {reason}: give another folder, or ledger=null") from error


def _check(cfg: GenerateSettings, trained: Trained) -> None:
    classes = trained.model.num_classes
    if cfg.label is not None and classes is None:
        raise UserError(f"label={cfg.label}: the model is not conditional: train one with conditional=true")
    if cfg.label is not None and classes is not None and cfg.label >= classes:
        raise UserError(f"label={cfg.label}: the model knows {classes} classes: label=0 to {classes - 1}")
    if cfg.weights is not None and cfg.weights not in trained.model.weights:
        raise UserError(f"weights={cfg.weights}: the model has no averaged generator: weights=raw")


def _labels(cfg: GenerateSettings, trained: Trained) -> Tensor | None:
    """The wanted label for each sample, else random ones where the model wants some."""
    return trained.model.sample_labels(cfg.n, cfg.seed) if cfg.label is None else torch.full((cfg.n,), cfg.label)


def _output(cfg: GenerateSettings, trained: Trained) -> Path:
    """What ``output`` says, or a name in the run's folder that tells how the samples were made."""
    suffix = SUFFIXES["gif" if cfg.interpolate else cfg.format]
    if cfg.output is None:
        name = f"{trained.path.stem}_n{cfg.n}_seed{cfg.seed}"
        name += f"_label{cfg.label}" if cfg.label is not None else ""
        name += f"_{cfg.weights}" if cfg.weights else ""
        name += f"_walk{cfg.interpolate}" if cfg.interpolate else ""
        path = trained.run_dir / "generated" / f"{name}{suffix}"
    else:
        path = Path(str(cfg.output))
        if suffix and (path.suffix != suffix or path.is_dir()):
            raise UserError(f"output={path}: the name of a {suffix} file is needed")
    if not suffix and (path.is_file() or (path.is_dir() and any(path.iterdir()))):
        raise UserError(f"output={path}: exists already; format=png needs a new or empty folder")
    return path


def _walk(cfg: GenerateSettings, trained: Trained) -> Iterator[Any]:
    """Grids of n samples on the way from the latents of ``seed`` to those of ``seed + 1``, and back."""
    model = trained.model
    begin, end = (model.sample_latent(cfg.n, seed) for seed in (cfg.seed, cfg.seed + 1))
    labels = _labels(cfg, trained)
    there = torch.linspace(0, 1, (cfg.interpolate or 0) + 1).tolist()
    for t in there + there[-2:0:-1]:
        yield trained.data.show(model.sample(cfg.n, labels, latent=slerp(begin, end, t), weights=cfg.weights))


def slerp(begin: Tensor, end: Tensor, t: float) -> Tensor:
    """Spherical interpolation of latents (n, latent_dim) (White, 2016, https://arxiv.org/abs/1609.04468).

    A straight line between two Gaussian latents passes where the prior has next to no mass.
    """
    cosine = torch.cosine_similarity(begin, end, dim=1).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.acos(cosine).unsqueeze(1)
    return (torch.sin((1 - t) * angle) * begin + torch.sin(t * angle) * end) / torch.sin(angle)


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.generate()
