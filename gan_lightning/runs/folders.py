"""Run folders: where a run goes, which earlier one it continues, and what is written down about it.

outputs/<name>/<date>_<time>/    .hydra/ checkpoints/ samples/ tensorboard/ metrics.json manifest.json
"""

import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from gan_lightning.config.effects import keys_without_effect, result_settings
from gan_lightning.config.names import RENAMED
from gan_lightning.config.settings import Config
from gan_lightning.errors import UserError, os_errors_as_user_errors
from gan_lightning.files import make_folder, read_json
from gan_lightning.paths import (
    EARLIER_CHECKPOINT,
    LAST_CHECKPOINT,
    MANIFEST,
    METRICS,
    MULTIRUN,
    OVERRIDES,
)


def newest_equal(parent: Path, config: Config) -> Path | None:
    """Return the run below ``parent`` with the newest checkpoint among those whose config has the same results."""
    return _newest(
        {run: files[0].stat().st_mtime for run in parent.glob("*") if (files := last_checkpoints(run))}, config
    )


def newest_begun(runs: Iterable[Path], config: Config, torchrun: str | None) -> Path | None:
    """Return the same among runs that have not finished, whether they have a checkpoint or not.

    Args:
        runs: folders, some of which may be none of a run.
        config: the one that is to be the same, interpolations not resolved.
        torchrun: what has begun it; None for anything.
    """
    begun = {
        run: path.stat().st_mtime
        for run in runs
        if (path := run / MANIFEST).is_file()
        and not finished(run)
        and (torchrun is None or read_json(path).get("torchrun") == torchrun)
    }
    return _newest(begun, config)


def _newest(runs: dict[Path, float], config: Config) -> Path | None:
    """Return the one with the latest time among those whose config has the same results."""
    wanted = result_settings(config)
    for run in sorted(runs, key=lambda run: runs[run], reverse=True):
        stored = run / ".hydra" / "config.yaml"
        if stored.is_file() and result_settings(_read_config(stored), schema=config) == wanted:
            return run
    return None


def _read_config(path: Path) -> Config:
    return cast(Config, OmegaConf.to_container(OmegaConf.load(path), resolve=False))


def last_checkpoints(run: Path) -> list[Path]:
    """Those to go on from, the best first."""
    return [path for name in (LAST_CHECKPOINT, EARLIER_CHECKPOINT) if (path := run / name).is_file()]


def finished(run: Path) -> dict[str, float] | None:
    """The metrics of a run that has ended; None for one that has not."""
    manifest, metrics = (read_json(run / name) for name in (MANIFEST, METRICS))
    return metrics if manifest.get("status") == "finished" and metrics else None


def recorded_overrides(key: str, folder: str, overrides: Sequence[str]) -> list[str]:
    """What the run in ``folder`` was started with and is to hold again, for ``key=folder`` among new overrides.

    Left out are those that the new ones replace, and those that do not say what it computes or where it is logged.
    """
    run = Path(folder)
    with os_errors_as_user_errors(f"{key}={folder}"):
        known = (run / OVERRIDES).is_file()
    if not known:
        raise UserError(f"{key}={folder}: not the folder of a run: give the one that holds checkpoints/ and .hydra/")
    given = {_key(override) for override in overrides}
    left_out = {"hydra", *keys_without_effect()}
    if key == "resume":
        left_out.remove("provenance")  # a run that was to be signed still is
    if "logger" not in given:
        left_out.remove("logger")
    recorded = [
        override
        for override in stored_overrides(run)
        if _key(override) not in given and re.split("[./]", _key(override))[0] not in left_out
    ]
    if key == "resume" and "trainer.max_epochs" in given and "max_iterations" not in given:
        recorded.append("max_iterations=null")  # which would replace the limit that is asked for now
    return recorded


def stored_overrides(run: Path) -> list[str]:
    """The command line of a run, as Hydra wrote it down."""
    try:
        stored = OmegaConf.to_container(OmegaConf.load(run / OVERRIDES))
    except Exception as error:  # it may be anything
        raise UserError(f"{run / OVERRIDES}: cannot be read ({type(error).__name__})") from error
    if not isinstance(stored, list) or not all(isinstance(override, str) for override in stored):
        raise UserError(f"{run / OVERRIDES}: no list of key=value")
    return cast(list[str], stored)


def recorded_sweep(folder: str, overrides: Sequence[str]) -> list[str]:
    """What the sweep in ``folder`` was begun with, and where, for ``sweep.resume=folder`` among new overrides."""
    path = Path(folder, MULTIRUN)
    try:
        begun_with: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        task, own = ([str(one) for one in begun_with["hydra"]["overrides"][part]] for part in ("task", "hydra"))
    except Exception as error:  # it may be anything
        raise UserError(f"sweep.resume={folder}: no {MULTIRUN} of a sweep there: give a sweep's folder") from error
    for override in overrides:
        if "=" in override and re.split("[./=]", override)[0] not in ("hydra", "sweep", "trust_code", "debug"):
            raise UserError(f"{override}: a sweep goes on as it was begun: leave it out")
    for override in own:
        if _key(override) == "hydra.sweep.subdir" and override not in overrides:
            raise UserError(f"sweep.resume={folder}: begun with {override}: give that again")
    return [override for override in task if _key(override) not in RENAMED]


def _key(override: str) -> str:
    return override.lstrip("+~").split("=")[0]


class Undo:
    """Takes back what Hydra writes before a job, if the job turns out not to be able to begin.

    Made before the folder of the run or the sweep is.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder).absolute()
        self.missing = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        self.before = {path: path.read_bytes() for path in self._written_by_hydra() if path.is_file()}
        self.others = self._others()

    def __call__(self) -> None:
        if os.path.isdir(self.folder) and self._others() != self.others:
            return  # the job has begun
        for path in self._written_by_hydra():
            if path in self.before:
                if path.read_bytes() != self.before[path]:
                    path.write_bytes(self.before[path])
            elif path.is_file():
                path.unlink()
        for path in (self.folder / ".hydra", *self.missing):
            if os.path.isdir(path) and not os.listdir(path):
                path.rmdir()

    def _written_by_hydra(self) -> list[Path]:
        if not os.path.isdir(self.folder):  # pathlib's functions raise for names that are too long
            return []
        return [path for pattern in (".hydra/*", "*.log", "multirun.yaml") for path in self.folder.glob(pattern)]

    def _others(self) -> dict[Path, int]:
        """What else lies in the folder, with the time of its last change."""
        own = {self.folder / ".hydra", *self._written_by_hydra()}
        paths = self.folder.iterdir() if os.path.isdir(self.folder) else ()
        return {path: path.stat().st_mtime_ns for path in paths if path not in own}


def check_folder(key: str, folder: str) -> None:
    """Refuse a folder for runs that would be another one: the address of a store, the name of a variable."""
    if "://" in folder:
        raise UserError(f"{key}={folder}: must be a folder of this machine")
    if os.path.expandvars(folder) != folder:  # as Lightning's logger does
        raise UserError(f"{key}={folder}: the log would lie in {os.path.expandvars(folder)}: give another name")


def take(folder: str) -> Undo:
    """Make the folder if it is not there, and see that something can be written to it."""
    undo = Undo(folder)
    try:
        make_folder(Path(folder))
        with tempfile.TemporaryFile(dir=folder):
            return undo
    except OSError as error:
        undo()
        error.filename = folder  # and not that of the trial
        raise


def claim(folder: str) -> tuple[str, Undo]:
    """Make a folder that nobody else has, with a number in its name where two begin in the same second."""
    candidate, number = folder, 1
    while True:
        undo = Undo(candidate)
        try:
            make_folder(Path(candidate).parent)
            Path(candidate).mkdir()
            return candidate, undo
        except FileExistsError:
            number += 1
            candidate = f"{folder}_{number}"
        except OSError:
            undo()
            raise
