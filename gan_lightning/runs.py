"""Run folders: where a run goes, which earlier one it continues, and what is written down about it.

outputs/<name>/<date>_<time>/    .hydra/ checkpoints/ samples/ tensorboard/ metrics.json manifest.json
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from gan_lightning.errors import UserError

MANIFEST = "manifest.json"
METRICS = "metrics.json"
OVERRIDES = Path(".hydra", "overrides.yaml")
LAST_CHECKPOINT = Path("checkpoints", "last.ckpt")
HOW_NOT_WHAT = ("hydra", "resume", "debug")  # keys that do not change a run's result


def register_resolvers() -> None:
    OmegaConf.register_new_resolver("gan.run_dir", _run_dir, replace=True)


def _run_dir(resume: str | None, new: str, *, _root_: DictConfig) -> str:
    """The folder of a run: the one named by ``resume``, or the newest with an equal config, or a new one."""
    if resume == "auto":
        return str(_newest_equal(Path(new).parent, _root_) or _unused(new))
    return resume or _unused(new)


def _unused(folder: str) -> str:
    """The folder's name, with a number where two runs begin in the same second."""
    candidate, number = folder, 1
    while Path(candidate).exists():
        number += 1
        candidate = f"{folder}_{number}"
    return candidate


def _newest_equal(parent: Path, config: DictConfig) -> Path | None:
    wanted = _what(config)
    runs = sorted(parent.glob(f"*/{LAST_CHECKPOINT}"), key=lambda checkpoint: checkpoint.stat().st_mtime)
    for checkpoint in reversed(runs):
        run = checkpoint.parent.parent
        stored = run / ".hydra" / "config.yaml"
        if stored.is_file() and _what(OmegaConf.load(stored)) == wanted:
            return run
    return None


def _what(config: Any) -> dict[str, Any]:
    plain = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
    return {key: value for key, value in plain.items() if key not in HOW_NOT_WHAT}


def resumed_overrides(folder: str, overrides: Sequence[str]) -> list[str]:
    """The overrides that the run in ``folder`` was started with, but those whose keys the new ones have."""
    run = Path(folder)
    if not (run / OVERRIDES).is_file():
        raise UserError(f"resume={folder}: no run in that folder: give the one that holds checkpoints/ and .hydra/")
    if not (run / LAST_CHECKPOINT).is_file():
        raise UserError(f"resume={folder}: no checkpoint there yet (checkpoints/last.ckpt): start the run anew")
    keys = {_key(override) for override in overrides}
    return [override for override in stored_overrides(run) if _key(override) not in keys]


def stored_overrides(run: Path) -> list[str]:
    """The command line of a run, as Hydra wrote it down."""
    return cast(list[str], OmegaConf.to_container(OmegaConf.load(run / OVERRIDES)))


def _key(override: str) -> str:
    return override.lstrip("+~").split("=")[0]


def refuse_used_folder(run_dir: str, resume: str | None) -> None:
    """A new run must not write over an old one."""
    if resume is None and Path(run_dir, MANIFEST).exists():
        raise UserError(
            f"hydra.run.dir={run_dir}: holds a run already: resume={run_dir} goes on with it, or take another"
        )


class Undo:
    """Takes back what Hydra writes before a job, if the job turns out not to be able to begin.

    Made before Hydra makes the run's folder.
    """

    def __init__(self, run_dir: str) -> None:
        self.run_dir = Path(run_dir)
        self.existed = self.run_dir.exists()
        self.config = {path: path.read_bytes() for path in self.run_dir.glob(".hydra/*")}

    def __call__(self) -> None:
        if self.existed:
            for path, content in self.config.items():
                path.write_bytes(content)
            return
        shutil.rmtree(self.run_dir)
        for parent in self.run_dir.absolute().parents:
            if parent == Path.cwd() or any(parent.iterdir()):
                return
            parent.rmdir()


def write_json(path: Path, content: Any) -> None:
    """Written beside its place and renamed, so that a reader never sees half a file."""
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_text(json.dumps(content, indent=2) + "\n")
    unfinished.replace(path)
