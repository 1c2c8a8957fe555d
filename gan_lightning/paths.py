"""Where the package's own files are."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
# Beside the package in a checkout, inside it in a wheel.
CONF_DIR = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"
