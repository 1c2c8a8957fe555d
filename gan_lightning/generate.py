"""Draws samples from a trained run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from PIL import Image
from torch import Tensor

from gan_lightning.checkpoints import Trained, load
from gan_lightning.errors import UserError

SUFFIXES = {"grid": ".png", "png": "", "npz": ".npz", "gif": ".gif"}
FRAME_MILLISECONDS = 60


def generate(cfg: DictConfig) -> Path:
    """Write what ``conf/generate.yaml`` describes and return where it is."""
    if cfg.interpolate and cfg.format != "grid":
        raise UserError(f"format={cfg.format}: interpolate={cfg.interpolate} writes a GIF of grids: leave out format")
    trained = load(str(cfg.checkpoint))
    path = _output(cfg, trained)
    path.parent.mkdir(parents=True, exist_ok=True)
    if cfg.interpolate:
        frames = [Image.fromarray(frame) for frame in _walk(trained, cfg.n, cfg.seed, cfg.interpolate)]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0)
    else:
        trained.data.write(trained.model.sample(cfg.n, seed=cfg.seed), path, cfg.format)
    return path


def _output(cfg: DictConfig, trained: Trained) -> Path:
    """What ``output`` says, or a name in the run's folder that tells how the samples were made."""
    suffix = SUFFIXES["gif" if cfg.interpolate else cfg.format]
    if cfg.output is None:
        walk = f"_walk{cfg.interpolate}" if cfg.interpolate else ""
        return trained.run_dir / "generated" / f"{trained.path.stem}_n{cfg.n}_seed{cfg.seed}{walk}{suffix}"
    path = Path(str(cfg.output))
    if suffix and (path.suffix != suffix or path.is_dir()):
        raise UserError(f"output={path}: the name of a {suffix} file is needed")
    if not suffix and (path.is_file() or (path.is_dir() and any(path.iterdir()))):
        raise UserError(f"output={path}: exists already; format=png needs a new or empty folder")
    return path


def _walk(trained: Trained, n: int, seed: int, steps: int) -> Iterator[Any]:
    """Grids of n samples on the way from the latents of ``seed`` to those of ``seed + 1``, and back."""
    begin, end = (trained.model.sample_latent(n, s) for s in (seed, seed + 1))
    there = torch.linspace(0, 1, steps + 1).tolist()
    for t in there + there[-2:0:-1]:
        yield trained.data.show(trained.model.sample(n, latent=slerp(begin, end, t)))


def slerp(begin: Tensor, end: Tensor, t: float) -> Tensor:
    """Spherical interpolation of latents (n, latent_dim) (White, 2016, https://arxiv.org/abs/1609.04468).

    A straight line between two Gaussian latents passes where the prior has next to no mass.
    """
    cosine = torch.cosine_similarity(begin, end, dim=1).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.acos(cosine).unsqueeze(1)
    return (torch.sin((1 - t) * angle) * begin + torch.sin(t * angle) * end) / torch.sin(angle)
