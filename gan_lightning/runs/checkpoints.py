"""Writes checkpoints, and loads them as the model and the data module that their config describes."""

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
    """Lightning plugin that writes a checkpoint directly to its path, and flushes it to the disk (fsync).

    Lightning's own plugin writes to TMPDIR first, and does not flush.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        content = io.BytesIO()  # torch.save reports a full disk by various errors
        torch.save(checkpoint, content)
        with Path(path).open("wb") as file:
            file.write(content.getbuffer())
            synchronize(file)


@dataclass
class Trained:
    """A trained model with its data module, which has not read any data.

    Attributes:
        path: the checkpoint file.
        digest: SHA-256 of the file when it was read; a resumed run replaces the file.
        config: the config of the run, as plain values.
        model: the trained model.
        data: the data module; its modality decodes the samples.
        trained_on: a description of the data of each part of the run, oldest first, with the iteration after which
            the part started.
    """

    path: Path
    digest: str
    config: dict[str, Any]
    model: GenerativeModel
    data: Data
    trained_on: list[dict[str, Any]]

    @property
    def run_dir(self) -> Path:
        """Folder of the run; for a checkpoint outside a run, the folder that holds it."""
        folder = self.path.parent
        return folder.parent if folder.name == LAST_CHECKPOINT.parent.name else folder


def load(checkpoint: str, trust_code: Sequence[str] = (), remedy: str = "trust_code=[{}]") -> Trained:
    """Load a checkpoint on the CPU.

    Args:
        checkpoint: the path of a .ckpt file, or of the folder of a run, whose last checkpoint is loaded.
        trust_code: packages whose code the checkpoint may name, besides those of :mod:`gan_lightning.config.trust`.
        remedy: the option or key of the command that trusts a package, with ``{}`` for its name.

    Raises:
        UserError: if the file is missing, damaged or not a checkpoint, or if its config cannot work or names code
            that is not trusted.
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
    except Exception as error:  # a config from a file may contain anything
        reason = " ".join(f"{type(error).__name__} {error}".split())
        raise UserError(f"{path}: its config and its weights do not fit together ({reason})") from error
    if broken := next((name for name, one in model.named_parameters() if not one.isfinite().all()), None):
        raise UserError(f"{path}: its weights {broken} are not finite: choose an earlier checkpoint")
    return Trained(path, digest, content["config"], model, data, content["trained_on"])


def read_last(run: Path) -> tuple[Path, dict[str, Any]]:
    """Return the path and the content of a run's last checkpoint; of the one before if the last is damaged.

    Raises:
        UserError: if both are damaged.
    """
    first, *others = last_checkpoints(run)
    try:
        return first, read(first)
    except UserError as error:
        if not others:
            raise
        log.warning("%s: using the checkpoint before it, %s", error, others[0])
        return others[0], read(others[0])


def read(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, with its tensors mapped into memory.

    Raises:
        UserError: if the file cannot be read, or is damaged or not a checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # torch writes a ZIP file, in which each part has a checksum
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(damaged)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except PermissionError as error:
        raise UserError(f"{path}: cannot be read: {explain_os_error(error)}") from error
    except (OSError, RuntimeError, EOFError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise UserError(f"{path}: not a checkpoint, or a damaged one ({type(error).__name__}): {REMEDY}") from error
    if not isinstance(content, dict) or not isinstance(content.get("config"), dict) or "state_dict" not in content:
        raise UserError(f"{path}: not a checkpoint of this project: {REMEDY}")
    content["trained_on"] = _data_of_parts(content.get("trained_on"))
    return content


def _data_of_parts(value: Any) -> list[dict[str, Any]]:
    """Return ``trained_on`` of a checkpoint; [] for a checkpoint of an earlier version, which has none."""
    return value if isinstance(value, list) and all(isinstance(one, dict) for one in value) else []
