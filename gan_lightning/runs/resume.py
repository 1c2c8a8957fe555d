"""Finds where a resumed run goes on from, and checks that its settings are those that it was begun with."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_lightning.config.effects import result_settings
from gan_lightning.config.names import flat
from gan_lightning.config.settings import Config, TrainSettings
from gan_lightning.errors import UserError
from gan_lightning.paths import METRICS
from gan_lightning.runs.checkpoints import read_last
from gan_lightning.runs.folders import finished, last_checkpoints

log = logging.getLogger(__name__)

SHOWN = 40  # characters of a value in a message


@dataclass
class Start:
    """A checkpoint to go on from.

    Attributes:
        checkpoint: its path.
        logs: how much each logger had written when it was, by its name.
        metrics: of a run that has ended and has done all that is asked for; None where something is left to train.
    """

    checkpoint: Path
    logs: dict[str, dict[str, Any]]
    metrics: dict[str, float] | None = None


def find_start(settings: TrainSettings, batches_per_epoch: int, data: dict[str, Any]) -> Start | None:
    """Return where the run goes on from; None where it begins anew.

    Args:
        settings: of the run that goes on.
        batches_per_epoch: that its data have now.
        data: what :meth:`Data.describe` returns of them now.

    Raises:
        UserError: for a run that cannot go on, or not with these settings or data.
    """
    folder = Path(settings.run_dir)
    if settings.resume is None:
        return None
    if not last_checkpoints(folder):
        if (folder / METRICS).exists():
            raise UserError(
                f"resume={settings.resume}: no checkpoints/last.ckpt there, though the run ended: start it anew"
            )
        log.info("resume=%s: there is no checkpoint to go on from: beginning anew", settings.resume)
        return None
    checkpoint, content = read_last(folder)
    if "logs" not in content or not content["trained_on"]:
        raise UserError(
            f"resume={settings.resume}: begun with an earlier version: end it with that, or draw samples of it"
        )
    _check_settings(settings, content["config"])
    _check_data(settings, content["trained_on"][-1], data)
    _check_limits(settings, content["iteration"], batches_per_epoch)
    nothing_left = _reached(settings, content["iteration"], batches_per_epoch)
    return Start(checkpoint, _logs(content), finished(folder) if nothing_left else None)


def _logs(checkpoint: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return how much each logger had written, by its name; once, a run had a single logger, without a name."""
    nodes = checkpoint["config"]["logger"]
    names = ["tensorboard"] if "_target_" in nodes else [name for name, node in nodes.items() if node is not None]
    return dict(zip(names, checkpoint["logs"], strict=True))


def _check_settings(settings: TrainSettings, begun_with: Config) -> None:
    """A resumed run keeps the settings it was begun with, but for limits, what watches it and where things are."""
    config = settings.model_dump()
    begun, now = (dict(flat(_deciding(one, config))) for one in (begun_with, config))
    for key in begun | now:
        if begun.get(key) != now.get(key):
            raise UserError(
                f"resume={settings.resume}: {key.replace('/', '.')}={now.get(key)}, but the run was begun with "
                f"{begun.get(key)}, which a resumed run keeps"
            )


def _check_data(settings: TrainSettings, begun_with: dict[str, Any], data: dict[str, Any]) -> None:
    """A resumed run goes on with the very examples that it was trained on last, unless others are allowed.

    Labels mean what they meant in any case: a conditional model has learned them.
    """
    changed = {key: (data[key], begun_with.get(key)) for key in data if data[key] != begun_with.get(key)}
    if not changed or (settings.allow_changed_data and not (settings.conditional and "classes" in changed)):
        return
    key = "classes" if "classes" in changed else next(iter(changed))
    now, then = (_short(value) for value in changed[key])
    remedy = "" if settings.conditional and key == "classes" else ", or allow_changed_data=true goes on with these"
    raise UserError(
        f"resume={settings.resume}: the data have changed since: {key} is {now}, was {then}: bring back those{remedy}"
    )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _deciding(config: Config, schema: Config) -> dict[str, Any]:
    """Return the settings that decide the result of an iteration."""
    chosen = {key: config[key] for key in ("seed", "data", "model")}
    return result_settings(chosen, schema)


def _reached(settings: TrainSettings, iteration: int, batches_per_epoch: int) -> bool:
    """Return whether a run that has done so many iterations has reached its limit."""
    if settings.max_iterations:
        return iteration >= settings.max_iterations
    return 0 <= settings.trainer["max_epochs"] * batches_per_epoch <= iteration


def _check_limits(settings: TrainSettings, iteration: int, batches_per_epoch: int) -> None:
    epochs, max_epochs = iteration / batches_per_epoch, settings.trainer["max_epochs"]
    if not settings.max_iterations and 0 <= max_epochs < epochs:
        raise UserError(f"trainer.max_epochs={max_epochs}: the run has done {epochs:.4g} epochs already")
    if settings.max_iterations and settings.max_iterations < iteration:
        raise UserError(f"max_iterations={settings.max_iterations}: the run has done {iteration:,} iterations already")
