"""Checks that a run can repeat an old one, and compares their results."""

import json
from pathlib import Path
from typing import Any

import torch

from gan_lightning.config.effects import result_settings
from gan_lightning.config.names import flatten
from gan_lightning.errors import UserError
from gan_lightning.paths import MANIFEST, METRICS
from gan_lightning.runs.checkpoints import read_last
from gan_lightning.runs.folders import last_checkpoints

ENVIRONMENT = ("device", "data", "python", "packages", "git", "hardware")  # keys of a manifest
SHOWN = 3  # number of differences in a message


def check_config(old: Path, config: dict[str, Any]) -> None:
    """Check that the old run has finished, and that the settings are those of the old run.

    Args:
        old: the folder of the old run.
        config: the config of the new run, as plain values.

    Raises:
        UserError: with the key, both values and the remedy.
    """
    manifest = _manifest(old)
    if manifest["status"] != "finished" or not (old / METRICS).is_file():
        raise UserError(f"reproduce={old}: the run is {manifest['status']}: only a finished run can be reproduced")
    if "privacy" in manifest:
        raise UserError(
            f"reproduce={old}: the noise of differential privacy comes from the operating system, so that no run "
            "repeats it: train with the settings in its README.md instead"
        )
    now = dict(flatten(config))
    for path, value in flatten(result_settings(manifest["config"], schema=config)):
        if now.get(path) != value:
            key = path.replace("/", ".")
            raise UserError(
                f"reproduce={old}: {key}={now.get(path)} now, but {value} then: set {key}={value}, or use the old code"
            )


def check_data(old: Path, data: dict[str, Any]) -> None:
    """Raise UserError unless the examples are those of the old run.

    Args:
        old: the folder of the old run.
        data: the description of the current data, by :meth:`Data.describe`.
    """
    then = _manifest(old).get("data")
    if not isinstance(then, dict) or then.get("sha256") != data["sha256"]:
        raise UserError(f"reproduce={old}: the data have changed since (sha256 in {MANIFEST}): restore them")


def compare(old: Path, new: Path) -> tuple[bool, str]:
    """Compare the metrics and the weights of two runs bit for bit.

    Returns:
        True if all are equal, and a line that says so or names the first differences.
    """
    then, now = (json.loads((run / METRICS).read_text(encoding="utf-8")) for run in (old, new))
    different = [f"{key} {now.get(key)} (was {then.get(key)})" for key in then | now if now.get(key) != then.get(key)]
    compared = f"{len(then)} metrics"
    if last_checkpoints(old):
        before, after = (read_last(run)[1]["state_dict"] for run in (old, new))
        compared += f" and {len(before)} tensors"
        if before.keys() != after.keys() or not all(torch.equal(before[name], after[name]) for name in before):
            different.append("weights")
    if not different:
        return True, f"reproduced {old}: {compared} are equal, bit for bit"
    more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
    manifests = _manifest(old), _manifest(new)
    other = [part for part in ENVIRONMENT if manifests[0].get(part) != manifests[1].get(part)]
    environment = f"; these differ too: {', '.join(other)} (see both manifest.json)" if other else ""
    return False, f"not reproduced {old}: {', '.join(different[:SHOWN])}{more}{environment}"


def _manifest(run: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
        return {"status": manifest["status"], "config": manifest["config"]} | manifest
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"reproduce={run}: no {MANIFEST} of a run there") from error
