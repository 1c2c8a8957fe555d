"""Where the package's own files are, where it keeps others, and how those in the folder of a run are called."""

import os
import shlex
from pathlib import Path

from gan_lightning.errors import UserError

PACKAGE = Path(__file__).resolve().parent
# Beside the package in a checkout, inside it in a wheel.
CONF_DIR = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"

# outputs/<name>/<date>_<time>/
MANIFEST = "manifest.json"
LOCK = ".lock"  # of the process that trains
METRICS = "metrics.json"
CARD = "README.md"  # the model card
GENERATED = ".gan-lightning"  # in a folder of samples, which image folders then leave out
MULTIRUN = "multirun.yaml"  # of a sweep, by Hydra
OVERRIDES = Path(".hydra", "overrides.yaml")
LAST_CHECKPOINT = Path("checkpoints", "last.ckpt")
STATEMENT_SUFFIX = ".intoto.json"  # of a signed statement, beside the file that it speaks of
EARLIER_CHECKPOINT = LAST_CHECKPOINT.with_suffix(".ckpt.earlier")  # for when the last one is damaged


def cache_dir() -> Path:
    """Where the package keeps what can be made again."""
    return xdg_dir("XDG_CACHE_HOME", "~/.cache") / "gan-lightning"


def data_dir() -> str:
    """Return the folder of data sets that several projects share."""
    return os.environ.get("GAN_DATA_DIR") or "data"


def xdg_dir(variable: str, default: str) -> Path:
    """Return a folder of the XDG specification, which has relative ones ignored."""
    path = at_home(os.environ.get(variable) or default, variable)
    return path if path.is_absolute() else at_home(default, variable)


def at_home(path: str | Path, key: str) -> Path:
    """Return the path with the user's home folder for ``~``; ``key`` is what else may say where."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(f"{path}: this user has no home folder: set {key}, or HOME") from error


def near(path: Path) -> Path:
    """Return the path as seen from the working directory, where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def spelled(path: Path) -> str:
    """Return a path as commands take it: one that begins like ``~``, like an option or as ``auto`` means no file."""
    text = str(near(path))
    return f"./{text}" if text.startswith(("~", "-")) or text == "auto" else text


def setting(key: str, path: Path) -> str:
    """Return ``key=path`` as it is pasted into a shell."""
    return shlex.quote(f"{key}={spelled(path)}")
