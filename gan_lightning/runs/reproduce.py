"""Repeats an old run, and says whether it came out the same."""

import json
from pathlib import Path
from typing import Any

import torch

from gan_lightning.config.effects import result_settings
from gan_lightning.config.names import flat
from gan_lightning.errors import UserError
from gan_lightning.paths import MANIFEST, METRICS
from gan_lightning.runs.checkpoints import read_last
from gan_lightning.runs.folders import last_checkpoints

ENVIRONMENT = ("device", "data", "python", "packages", "git", "hardware")  # parts of a manifest
SHOWN = 3  # differences


def check_config(old: Path, config: dict[str, Any]) -> None:
    """Refuse to begin with other settings than the old run had.

    Raises:
        UserError: with the key, both values and the remedy.
    """
    manifest = _manifest(old)
    if manifest["status"] != "finished" or not (old / METRICS).is_file():
        raise UserError(f"reproduce={old}: the run is {manifest['status']}: only a finished one can be compared")
    now = dict(flat(config))
    for path, value in flat(result_settings(manifest["config"], schema=config)):
        if now.get(path) != value:
            key = path.replace("/", ".")
            raise UserError(
                f"reproduce={old}: {key}={now.get(path)} now, but {value} then: {key}={value}, or the revision of then"
            )


def check_data(old: Path, data: dict[str, Any]) -> None:
    """Refuse to begin with other examples than the old run had.

    Args:
        old: its folder.
        data: what :meth:`Data.describe` returns now.
    """
    then = _manifest(old).get("data")
    if not isinstance(then, dict) or then.get("sha256") != data["sha256"]:
        raise UserError(f"reproduce={old}: the data have changed since (sha256 in {MANIFEST}): bring back those")


def compare(old: Path, new: Path) -> tuple[bool, str]:
    """Whether figures and weights of two runs are equal bit for bit, and a line about it."""
    then, now = (json.loads((run / METRICS).read_text(encoding="utf-8")) for run in (old, new))
    different = [f"{key} {now.get(key)} (was {then.get(key)})" for key in then | now if now.get(key) != then.get(key)]
    compared = f"{len(then)} figures"
    if last_checkpoints(old):
        before, after = (read_last(run)[1]["state_dict"] for run in (old, new))
        compared += f" and {len(before)} tensors"
        if before.keys() != after.keys() or not all(torch.equal(before[name], after[name]) for name in before):
            different.append("weights")
    if not different:
        return True, f"reproduced {old}: {compared} are the same, bit for bit"
    more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
    manifests = _manifest(old), _manifest(new)
    other = [part for part in ENVIRONMENT if manifests[0].get(part) != manifests[1].get(part)]
    why = f"; what else is not the same: {', '.join(other)} (see both manifest.json)" if other else ""
    return False, f"not reproduced {old}: {', '.join(different[:SHOWN])}{more}{why}"


def _manifest(run: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
        return {"status": manifest["status"], "config": manifest["config"]} | manifest
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"reproduce={run}: no {MANIFEST} of a run there") from error
