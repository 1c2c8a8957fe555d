"""Folders of runs and sweeps: creates them, finds runs to resume, and reads the recorded overrides.

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


def newest_equal_run(parent: Path, config: Config) -> Path | None:
    """Return the run below ``parent`` with the newest checkpoint among those whose config gives the same results."""
    return _newest_with_equal_config(
        {run: files[0].stat().st_mtime for run in parent.glob("*") if (files := last_checkpoints(run))}, config
    )


def newest_unfinished_run(runs: Iterable[Path], config: Config, torchrun: str | None) -> Path | None:
    """Return the newest unfinished run whose config gives the same results, with or without a checkpoint.

    Args:
        runs: the folders to search; they need not be folders of runs.
        config: the config to compare with, interpolations not resolved.
        torchrun: the id of the torchrun that started the run; None for any run.
    """
    unfinished = {
        run: path.stat().st_mtime
        for run in runs
        if (path := run / MANIFEST).is_file()
        and not finished_metrics(run)
        and (torchrun is None or read_json(path).get("torchrun") == torchrun)
    }
    return _newest_with_equal_config(unfinished, config)


def _newest_with_equal_config(runs: dict[Path, float], config: Config) -> Path | None:
    """Return the run with the latest time among those whose config gives the same results.

    Args:
        runs: the time of each run.
        config: the config to compare with, interpolations not resolved.
    """
    wanted = result_settings(config)
    for run in sorted(runs, key=lambda run: runs[run], reverse=True):
        stored = run / ".hydra" / "config.yaml"
        if stored.is_file() and result_settings(_read_config(stored), schema=config) == wanted:
            return run
    return None


def _read_config(path: Path) -> Config:
    return cast(Config, OmegaConf.to_container(OmegaConf.load(path), resolve=False))


def last_checkpoints(run: Path) -> list[Path]:
    """Return the existing files among the last checkpoint and the one before it, the last first."""
    return [path for name in (LAST_CHECKPOINT, EARLIER_CHECKPOINT) if (path := run / name).is_file()]


def finished_metrics(run: Path) -> dict[str, float] | None:
    """Return the final metrics of a run that has finished; None for another run."""
    manifest, metrics = (read_json(run / name) for name in (MANIFEST, METRICS))
    return metrics if manifest.get("status") == "finished" and metrics else None


def recorded_overrides(key: str, folder: str, overrides: Sequence[str]) -> list[str]:
    """Return the recorded overrides of a run that also hold when it is resumed or reproduced.

    Overrides that the new ones replace are left out, and so are those that affect neither the results nor the loggers.

    Args:
        key: ``resume`` or ``reproduce``.
        folder: the folder of the run.
        overrides: the new overrides of the command line.

    Raises:
        UserError: if the folder is not one of a run.
    """
    run = Path(folder)
    with os_errors_as_user_errors(f"{key}={folder}"):
        is_run = (run / OVERRIDES).is_file()
    if not is_run:
        raise UserError(f"{key}={folder}: not the folder of a run: give the one that holds checkpoints/ and .hydra/")
    given = {_key_of(override) for override in overrides}
    left_out = {"hydra", *keys_without_effect()}
    if key == "resume":
        left_out.remove("provenance")  # a signed run is signed again
    if "logger" not in given:
        left_out.remove("logger")
    recorded = [
        override
        for override in stored_overrides(run)
        if _key_of(override) not in given and re.split("[./]", _key_of(override))[0] not in left_out
    ]
    if key == "resume" and "trainer.max_epochs" in given and "max_iterations" not in given:
        recorded.append("max_iterations=null")  # it would replace the new limit
    return recorded


def stored_overrides(run: Path) -> list[str]:
    """Return the overrides of a run as Hydra recorded them.

    Raises:
        UserError: if the file cannot be read.
    """
    try:
        stored = OmegaConf.to_container(OmegaConf.load(run / OVERRIDES))
    except Exception as error:  # the file may contain anything
        raise UserError(f"{run / OVERRIDES}: cannot be read ({type(error).__name__})") from error
    if not isinstance(stored, list) or not all(isinstance(override, str) for override in stored):
        raise UserError(f"{run / OVERRIDES}: no list of key=value")
    return cast(list[str], stored)


def recorded_sweep(folder: str, overrides: Sequence[str]) -> list[str]:
    """Return the recorded overrides of a sweep to continue.

    Args:
        folder: the folder of the sweep.
        overrides: the new overrides of the command line.

    Raises:
        UserError: if the folder is not one of a sweep, or if the new overrides would change the sweep.
    """
    path = Path(folder, MULTIRUN)
    try:
        recorded: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        task, hydra = ([str(one) for one in recorded["hydra"]["overrides"][part]] for part in ("task", "hydra"))
    except Exception as error:  # the file may contain anything
        raise UserError(f"sweep.resume={folder}: no {MULTIRUN} of a sweep there: give a sweep's folder") from error
    for override in overrides:
        if "=" in override and re.split("[./=]", override)[0] not in ("hydra", "sweep", "trust_code", "debug"):
            raise UserError(f"{override}: a resumed sweep keeps its overrides: leave it out")
    for override in hydra:
        if _key_of(override) == "hydra.sweep.subdir" and override not in overrides:
            raise UserError(f"sweep.resume={folder}: started with {override}: add it to the command line")
    return [override for override in task if _key_of(override) not in RENAMED]


def _key_of(override: str) -> str:
    return override.lstrip("+~").split("=")[0]


class FolderRestorer:
    """Restores a folder in which Hydra has written its files for a run or a sweep that did not start.

    Create it before the folder is created; a call restores the folder, unless a job has written to it.

    Args:
        folder: the folder of the run or the sweep.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).absolute()
        self._missing = [path for path in (self._folder, *self._folder.parents) if not path.exists()]
        self._hydra_contents = {path: path.read_bytes() for path in self._hydra_files() if path.is_file()}
        self._times = self._times_of_other_files()

    def __call__(self) -> None:
        if os.path.isdir(self._folder) and self._times_of_other_files() != self._times:
            return  # a job has written to it
        for path in self._hydra_files():
            if path in self._hydra_contents:
                if path.read_bytes() != self._hydra_contents[path]:
                    path.write_bytes(self._hydra_contents[path])
            elif path.is_file():
                path.unlink()
        for path in (self._folder / ".hydra", *self._missing):
            if os.path.isdir(path) and not os.listdir(path):
                path.rmdir()

    def _hydra_files(self) -> list[Path]:
        if not os.path.isdir(self._folder):  # unlike pathlib, does not raise for a name that is too long
            return []
        return [path for pattern in (".hydra/*", "*.log", MULTIRUN) for path in self._folder.glob(pattern)]

    def _times_of_other_files(self) -> dict[Path, int]:
        """Return the modification times of all entries of the folder that Hydra does not write."""
        of_hydra = {self._folder / ".hydra", *self._hydra_files()}
        paths = self._folder.iterdir() if os.path.isdir(self._folder) else ()
        return {path: path.stat().st_mtime_ns for path in paths if path not in of_hydra}


def check_folder(key: str, folder: str) -> None:
    """Raise UserError for a folder whose name Lightning would read as a URL or as a variable."""
    if "://" in folder:
        raise UserError(f"{key}={folder}: must be a folder of this machine")
    if os.path.expandvars(folder) != folder:  # Lightning's logger expands variables
        raise UserError(f"{key}={folder}: the log would lie in {os.path.expandvars(folder)}: choose another name")


def prepare_folder(folder: str) -> FolderRestorer:
    """Create the folder unless it exists, and check that files can be written to it.

    Returns:
        A function that restores the folder.

    Raises:
        OSError: if the folder cannot be created or written to.
    """
    undo = FolderRestorer(folder)
    try:
        make_folder(Path(folder))
        with tempfile.TemporaryFile(dir=folder):
            return undo
    except OSError as error:
        undo()
        error.filename = folder  # in place of the temporary file
        raise


def create_new_folder(folder: str) -> tuple[str, FolderRestorer]:
    """Create a folder; add a number to its name if another process has created it, in the same second.

    Returns:
        The name of the folder, and a function that removes it.
    """
    candidate, number = folder, 1
    while True:
        undo = FolderRestorer(candidate)
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
