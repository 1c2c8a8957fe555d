"""Finds the checkpoint that a resumed run starts from, and checks that its settings and data have not changed."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_lightning.config.effects import result_settings
from gan_lightning.config.names import flatten
from gan_lightning.config.settings import Config, TrainSettings
from gan_lightning.errors import UserError
from gan_lightning.paths import METRICS
from gan_lightning.runs.checkpoints import read_last
from gan_lightning.runs.folders import finished_metrics, last_checkpoints

log = logging.getLogger(__name__)

MAX_SHOWN = 40  # characters of a value in a message


@dataclass
class Start:
    """Start of a resumed run.

    Attributes:
        checkpoint: the path of the checkpoint to start from.
        logs: the position of each logger at the checkpoint, by the logger's name.
        metrics: the final metrics, if the run has finished and has nothing left to train; None otherwise.
    """

    checkpoint: Path
    logs: dict[str, dict[str, Any]]
    metrics: dict[str, float] | None = None


def find_start(settings: TrainSettings, batches_per_epoch: int, data: dict[str, Any]) -> Start | None:
    """Return the start of a resumed run; None for a run that starts from the beginning.

    Args:
        settings: the current settings.
        batches_per_epoch: the number of batches in an epoch of the current data.
        data: the description of the current data, by :meth:`Data.describe`.

    Raises:
        UserError: if the run cannot be resumed, or not with these settings or data.
    """
    folder = Path(settings.run_dir)
    if settings.resume is None:
        return None
    if not last_checkpoints(folder):
        if (folder / METRICS).exists():
            raise UserError(
                f"resume={settings.resume}: the run has finished, but has no checkpoints/last.ckpt: start a new run"
            )
        log.info("resume=%s: no checkpoint to resume from: starting from the beginning", settings.resume)
        return None
    checkpoint, content = read_last(folder)
    if "logs" not in content or not content["trained_on"]:
        raise UserError(
            f"resume={settings.resume}: started with an earlier version: resume it with that, or only sample from it"
        )
    _check_settings(settings, content["config"])
    _check_data(settings, content["trained_on"][-1], data)
    _check_limits(settings, content["iteration"], batches_per_epoch)
    is_done = _has_reached_limit(settings, content["iteration"], batches_per_epoch)
    return Start(checkpoint, _log_positions(content), finished_metrics(folder) if is_done else None)


def _log_positions(checkpoint: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the position of each logger, by its name.

    In checkpoints of earlier versions, ``logger`` is the node of a single logger, TensorBoard.
    """
    nodes = checkpoint["config"]["logger"]
    names = ["tensorboard"] if "_target_" in nodes else [name for name, node in nodes.items() if node is not None]
    return dict(zip(names, checkpoint["logs"], strict=True))


def _check_settings(settings: TrainSettings, recorded: Config) -> None:
    """Raise UserError if a setting that decides the result of an iteration differs from the recorded one."""
    config = settings.model_dump()
    old, new = (dict(flatten(_iteration_settings(one, config))) for one in (recorded, config))
    for key in old | new:
        if old.get(key) != new.get(key):
            raise UserError(
                f"resume={settings.resume}: {key.replace('/', '.')}={new.get(key)}, but the run was started with "
                f"{old.get(key)}, which a resumed run keeps"
            )


def _check_data(settings: TrainSettings, recorded: dict[str, Any], data: dict[str, Any]) -> None:
    """Raise UserError if the data have changed, unless ``allow_changed_data`` is set.

    The classes of a conditional model may never change, because it has learned what each label means.
    """
    changed = {key: (data[key], recorded.get(key)) for key in data if data[key] != recorded.get(key)}
    if not changed or (settings.allow_changed_data and not (settings.conditional and "classes" in changed)):
        return
    key = "classes" if "classes" in changed else next(iter(changed))
    new, old = (_shorten(value) for value in changed[key])
    remedy = "" if settings.conditional and key == "classes" else ", or set allow_changed_data=true"
    raise UserError(
        f"resume={settings.resume}: the data have changed since: {key} is {new}, was {old}: restore the data{remedy}"
    )


def _shorten(value: Any) -> str:
    text = str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _iteration_settings(config: Config, schema: Config) -> dict[str, Any]:
    """Return the settings that decide the result of an iteration.

    Args:
        config: the config to select from.
        schema: the current config, whose targets may be imported.
    """
    chosen = {key: config[key] for key in ("seed", "data", "model")}
    return result_settings(chosen, schema)


def _has_reached_limit(settings: TrainSettings, iteration: int, batches_per_epoch: int) -> bool:
    """Return True if a run has reached its limit after ``iteration`` iterations."""
    if settings.max_iterations:
        return iteration >= settings.max_iterations
    return 0 <= settings.trainer["max_epochs"] * batches_per_epoch <= iteration


def _check_limits(settings: TrainSettings, iteration: int, batches_per_epoch: int) -> None:
    """Raise UserError if the limit is lower than what the run has already done."""
    epochs, max_epochs = iteration / batches_per_epoch, settings.trainer["max_epochs"]
    if not settings.max_iterations and 0 <= max_epochs < epochs:
        raise UserError(f"trainer.max_epochs={max_epochs}: the run has done {epochs:.4g} epochs already")
    if settings.max_iterations and settings.max_iterations < iteration:
        raise UserError(f"max_iterations={settings.max_iterations}: the run has done {iteration:,} iterations already")
