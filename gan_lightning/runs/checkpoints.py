"""Writes checkpoints, and reads one back into the model and the data module that its config describes."""

import io
import logging
import pickle
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.config.settings import NOT_A_NODE, is_node
from gan_lightning.config.trust import check_trusted
from gan_lightning.config.validation import check_nodes, instantiate
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import UserError, explain_os_error, os_errors_as_user_errors
from gan_lightning.files import file_digest, synchronize
from gan_lightning.paths import LAST_CHECKPOINT
from gan_lightning.runs.folders import last_checkpoints

REMEDY = "give a run's folder, or a .ckpt file that training has written"

log = logging.getLogger(__name__)


class SynchronizedIO(TorchCheckpointIO):
    """Writes where it is told to, and returns when the file is on the disk.

    Lightning's own writes to TMPDIR first, and leaves it to the system when the file gets to the disk.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        content = io.BytesIO()  # torch tells of a full disk in no certain way
        torch.save(checkpoint, content)
        with Path(path).open("wb") as file:
            file.write(content.getbuffer())
            synchronize(file)


@dataclass
class Trained:
    """A trained model, and the data module that knows what its samples look like; no data are read.

    ``digest`` is the file's SHA-256 when it was read: a run that goes on writes another one in its place.
    ``trained_on`` describes the data of each part of the run, oldest first, with the iteration that it began after.
    """

    path: Path
    digest: str
    config: dict[str, Any]
    model: GenerativeModel
    data: Data
    trained_on: list[dict[str, Any]]

    @property
    def run_dir(self) -> Path:
        """The run's folder; for a file that lies elsewhere, the folder it lies in."""
        folder = self.path.parent
        return folder.parent if folder.name == LAST_CHECKPOINT.parent.name else folder


def load(checkpoint: str, trust_code: Sequence[str] = (), remedy: str = "trust_code=[{}]") -> Trained:
    """The model of a run's folder (its last checkpoint) or of a checkpoint file, on the CPU.

    Args:
        checkpoint: the path.
        trust_code: packages whose code it may name, besides those of :mod:`gan_lightning.config.trust`.
        remedy: how a package is trusted in the command that asks.

    Raises:
        UserError: for a file that is missing, damaged or no checkpoint, or whose config cannot work or be trusted.
    """
    path = Path(checkpoint)
    with os_errors_as_user_errors(f"checkpoint={checkpoint}"):
        is_run, is_file = path.is_dir() and bool(last_checkpoints(path)), path.is_file()
    if is_run:
        path, content = read_last(path)
    elif is_file:
        content = read(path)
    else:
        path = path / LAST_CHECKPOINT if path.is_dir() else path
        raise UserError(f"checkpoint={checkpoint}: {path} does not exist: give a run's folder or a .ckpt file")
    digest = file_digest(path)
    for key in ("model", "data"):
        if not is_node(node := content["config"].get(key)):
            raise UserError(f"{key}={node}: {NOT_A_NODE}")
        check_trusted(node, key, trust_code, remedy)
        check_nodes(node, key)
    try:
        model, data = (instantiate(content["config"][key], key) for key in ("model", "data"))
        if not isinstance(model, GenerativeModel) or not isinstance(data, Data):
            raise TypeError(f"makes a {type(model).__name__} and a {type(data).__name__}")
        model.load_state_dict(content["state_dict"])
        model.on_load_checkpoint(content)
        data.load_state_dict(content.get(type(data).__qualname__, {}))
    except UserError:
        raise
    except Exception as error:  # a config from elsewhere may ask for anything
        reason = " ".join(f"{type(error).__name__} {error}".split())
        raise UserError(f"{path}: its config and its weights do not make a model ({reason})") from error
    if broken := next((name for name, one in model.named_parameters() if not one.isfinite().all()), None):
        raise UserError(f"{path}: its weights {broken} are no finite numbers: take an earlier checkpoint")
    return Trained(path, digest, content["config"], model, data, content["trained_on"])


def read_last(run: Path) -> tuple[Path, dict[str, Any]]:
    """The newest whole one of a run's last checkpoints; a UserError where none is."""
    first, *others = last_checkpoints(run)
    try:
        return first, read(first)
    except UserError as error:
        if not others:
            raise
        log.warning("%s: the one before, %s, is used", error, others[0])
        return others[0], read(others[0])


def read(path: Path) -> dict[str, Any]:
    """A checkpoint's content, tensors mapped into memory; a UserError where it is none or is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:  # which is what torch writes: each part with its checksum
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(damaged)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except PermissionError as error:
        raise UserError(f"{path}: cannot be read: {explain_os_error(error)}") from error
    except (OSError, RuntimeError, EOFError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise UserError(f"{path}: not a checkpoint, or a damaged one ({type(error).__name__}): {REMEDY}") from error
    if not isinstance(content, dict) or not isinstance(content.get("config"), dict) or "state_dict" not in content:
        raise UserError(f"{path}: not a checkpoint of this project: {REMEDY}")
    content["trained_on"] = _parts(content.get("trained_on"))
    return content


def _parts(value: Any) -> list[dict[str, Any]]:
    """Return the data of each part of a run as a checkpoint has them; none if it is of an earlier version."""
    return value if isinstance(value, list) and all(isinstance(one, dict) for one in value) else []
