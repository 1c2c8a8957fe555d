"""Reads a checkpoint back into the model and the data module that its config describes."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from gan_lightning.config import check_targets, instantiate
from gan_lightning.data.images import ImageData
from gan_lightning.errors import UserError
from gan_lightning.model import GenerativeModel
from gan_lightning.runs import LAST_CHECKPOINT


@dataclass
class Trained:
    """A trained model, and the data module that knows what its samples look like; no data are read."""

    path: Path
    config: dict[str, Any]
    model: GenerativeModel
    data: ImageData

    @property
    def run_dir(self) -> Path:
        """The run's folder; for a file that lies elsewhere, the folder it lies in."""
        folder = self.path.parent
        return folder.parent if folder.name == LAST_CHECKPOINT.parent.name else folder


def load(checkpoint: str) -> Trained:
    """The model of a run's folder (its last checkpoint) or of a checkpoint file, on the CPU."""
    path = Path(checkpoint)
    if path.is_dir():
        path = path / LAST_CHECKPOINT
    if not path.is_file():
        raise UserError(f"checkpoint={checkpoint}: {path} does not exist: give a run's folder or a .ckpt file")
    content = read(path)
    config = OmegaConf.create(content["config"])
    assert isinstance(config, DictConfig)
    for key in ("model", "data"):
        check_targets(content["config"][key], key)
    model = instantiate(config.model, "model")
    model.load_state_dict(content["state_dict"])
    model.on_load_checkpoint(content)
    return Trained(path, content["config"], model, instantiate(config.data, "data"))


def read(path: Path) -> dict[str, Any]:
    """A checkpoint's content, tensors mapped into memory; a UserError where it is none or is damaged."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise UserError(f"{path}: not a checkpoint, or a damaged one ({type(error).__name__})") from error
    if not isinstance(content, dict) or not {"config", "state_dict", "iteration"} <= content.keys():
        raise UserError(f"{path}: not a checkpoint of this project")
    return content
