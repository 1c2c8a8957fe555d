"""Where the package's own files are, and where it keeps others."""

import hashlib
import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
# Beside the package in a checkout, inside it in a wheel.
CONF_DIR = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"


def cache_dir() -> Path:
    """Where the package keeps what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "gan-lightning"


def file_digest(path: Path) -> str:
    """SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_regular(path: Path) -> None:
    """Raise OSError for pipes and devices, whose content may never come or never end."""
    if path.exists() and not path.is_file():
        raise OSError("no regular file")
