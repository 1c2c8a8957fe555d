"""Where the package's own files are, where it keeps others, and how those in the folder of a run are called."""

import os
from pathlib import Path

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
STATEMENT_SUFFIX = ".intoto.json"  # of a signed statement, beside the file that it speaks of
EARLIER_CHECKPOINT = LAST_CHECKPOINT.with_suffix(".ckpt.earlier")  # for when the last one is damaged


def cache_dir() -> Path:
    """Where the package keeps what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "gan-lightning"


def near(path: Path) -> Path:
    """Return the path as seen from the working directory, where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
