"""Paths of the package, of the user's folders, and of the files in the folder of a run."""

import os
import shlex
from pathlib import Path

from gan_lightning.errors import UserError

PACKAGE = Path(__file__).resolve().parent
# conf/ is beside the package in a checkout, and inside it in a wheel.
CONF_DIR = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"

# Names in the folder of a run, outputs/<name>/<date>_<time>/, and in folders of results.
MANIFEST = "manifest.json"
LOCK = ".lock"  # held by the process that trains
METRICS = "metrics.json"
REPORT = "report.html"  # of an evaluation
CARD = "README.md"  # the model card
GENERATED = ".gan-lightning"  # marks a folder of generated samples, which data sets of images leave out
MULTIRUN = "multirun.yaml"  # written by Hydra into the folder of a sweep
OVERRIDES = Path(".hydra", "overrides.yaml")
LAST_CHECKPOINT = Path("checkpoints", "last.ckpt")
DIRECTIONS = "directions"  # folder of the files that gan-directions writes
EARLIER_CHECKPOINT = LAST_CHECKPOINT.with_suffix(".ckpt.earlier")  # used if the last one is damaged
STATEMENT_SUFFIX = ".intoto.json"  # of a signed statement beside the file it is about


def cache_dir() -> Path:
    """Return the folder for files that can be recomputed."""
    return xdg_dir("XDG_CACHE_HOME", "~/.cache") / "gan-lightning"


def data_dir() -> str:
    """Return the folder of data sets: GAN_DATA_DIR, which projects may share, or ``data``."""
    return os.environ.get("GAN_DATA_DIR") or "data"


def xdg_dir(variable: str, default: str) -> Path:
    """Return the folder that an XDG variable names, or the default; relative paths are ignored, as XDG requires."""
    path = Path(expand_home(os.environ.get(variable) or default, variable))
    return path if path.is_absolute() else Path(expand_home(default, variable))


def expand_home(path: str | Path, key: str) -> str:
    """Return the path with ``~`` replaced by the home folder, and otherwise as it is spelled.

    Args:
        path: the path to expand.
        key: setting or variable that the error recommends if the user has no home folder.

    Raises:
        UserError: if the user has no home folder.
    """
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise UserError(f"{path}: this user has no home folder: set {key}, or HOME")
    return expanded


def relative_to_cwd(path: Path) -> Path:
    """Return the path relative to the working directory if it is inside; otherwise unchanged."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def path_argument(path: Path) -> str:
    """Return the path as a command-line argument.

    It starts with ``./`` if a command would read it as something else: ``~`` as home, ``-`` as an option, ``auto`` as
    a keyword.
    """
    text = str(relative_to_cwd(path))
    return f"./{text}" if text.startswith(("~", "-")) or text == "auto" else text


def path_override(key: str, path: Path) -> str:
    """Return the override ``key=path``, quoted for a shell."""
    return shlex.quote(f"{key}={path_argument(path)}")
