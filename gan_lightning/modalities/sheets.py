"""Sheets in files: images (H, W, 3) uint8 that show content of any modality."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from gan_lightning.files import write_atomically

SUFFIX, WALK_SUFFIX = ".png", ".gif"
WALK_MILLISECONDS = 60  # duration of each sheet of a walk


def write_sheet(path: Path, sheet: np.ndarray) -> None:
    """Write a sheet to a PNG file."""
    with write_atomically(path) as unfinished:
        Image.fromarray(sheet).save(unfinished, "PNG")


def read_sheet(path: Path) -> np.ndarray:
    """Return the sheet that ``write_sheet`` wrote, (H, W, 3) uint8."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def write_walk(path: Path, sheets: Iterable[np.ndarray]) -> None:
    """Write sheets of one size as the frames of a GIF file that loops."""
    frames = (Image.fromarray(sheet) for sheet in sheets)
    with write_atomically(path) as unfinished:
        next(frames).save(unfinished, "GIF", save_all=True, append_images=frames, duration=WALK_MILLISECONDS, loop=0)
