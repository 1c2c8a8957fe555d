"""Files of sheets: images (H, W, 3) uint8 that show content of any modality to people."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from gan_lightning.files import write_atomically

SUFFIX, WALK_SUFFIX = ".png", ".gif"
WALK_MILLISECONDS = 60  # that each sheet of a walk is shown


def write_sheet(path: Path, sheet: np.ndarray) -> None:
    """Write a sheet to a PNG file."""
    with write_atomically(path) as unfinished:
        Image.fromarray(sheet).save(unfinished, "PNG")


def read_sheet(path: Path) -> np.ndarray:
    """Return what ``write_sheet`` wrote."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def write_walk(path: Path, sheets: Iterable[np.ndarray]) -> None:
    """Write sheets of one size, one after the other, to a GIF file that repeats."""
    frames = (Image.fromarray(sheet) for sheet in sheets)
    with write_atomically(path) as unfinished:
        next(frames).save(unfinished, "GIF", save_all=True, append_images=frames, duration=WALK_MILLISECONDS, loop=0)
