"""Where the package's own files are, where it keeps others, and how those in the folder of a run are called."""

import os
from pathlib import Path

from gan_lightning.errors import UserError

PACKAGE = Path(__file__).resolve().parent
# Beside the package in a checkout, inside it in a wheel.
CONF_DIR = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"

# outputs/<name>/<date>_<time>/
MANIFEST = "manifest.json"
LOCK = ".lock"  # of the process that trains
METRICS = "metrics.json"
MULTIRUN = "multirun.yaml"  # of a sweep, by Hydra
OVERRIDES = Path(".hydra", "overrides.yaml")
LAST_CHECKPOINT = Path("checkpoints", "last.ckpt")
EARLIER_CHECKPOINT = LAST_CHECKPOINT.with_suffix(".ckpt.earlier")  # for when the last one is damaged


def cache_dir() -> Path:
    """Where the package keeps what can be made again."""
    return at_home(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "XDG_CACHE_HOME") / "gan-lightning"


def at_home(path: str | Path, key: str) -> Path:
    """Return the path with the user's home folder for ``~``; ``key`` is what else may say where."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(f"{path}: this user has no home folder: set {key}, or HOME") from error


def near(path: Path) -> Path:
    """Return the path as seen from the working directory, where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
