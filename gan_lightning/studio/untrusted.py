"""Reads files and values that may come from anybody.

Their texts are data. A file counts as missing if it is damaged or too large, or a link that leads out of its folder. A
value counts as missing if it has another type than expected.
"""

import math
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from gan_lightning.errors import printable

MAX_BYTES = 2**23  # size of a text that is read
MAX_TEXT = 1000  # characters of a text that is shown


def is_inside(path: Path, folder: Path) -> bool:
    """Return True if the path is a file that lies in the folder after all links are followed."""
    try:
        return path.is_file() and path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # RuntimeError: links that form a circle, before Python 3.13
        return False


def read_small_text(folder: Path, name: str | Path) -> str | None:
    """Return the text of a file in a folder; None if it is missing, too large, no UTF-8, or outside the folder."""
    path = folder / name
    try:
        if not is_inside(path, folder) or path.stat().st_size > MAX_BYTES:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def read_object(folder: Path, name: str | Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if it cannot be read, or holds something else."""
    try:
        content = from_json(read_small_text(folder, name) or "")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def object_in(content: Any, *keys: str) -> dict[str, Any]:
    """Return the object at these keys, one inside the other; an empty one if there is none."""
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}


def clip(value: object, most: int = MAX_TEXT) -> str:
    """Return a text from a run on one line, without control characters, cut to a length."""
    return printable(str(value)[:most])


def number(value: Any) -> float | None:
    """Return a finite number; None for anything else, since JSON has no NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # an integer that no float can hold
        return None


def seconds_since_1970(text: Any) -> float | None:
    """Return the time of an ISO text; None for anything else."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
