"""Small files in the place of data sets of two domains."""

import numpy as np
from PIL import Image

CELL = 64  # pixels


def write_images(folder, n, size=(20, 24), seed=0):
    """Write random RGB images, and return their folder."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for i in range(n):
        Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(folder / f"{i:03d}.png")
    return folder


def write_emoji(folder, cells):
    """Write grids of cells whose red and green are their number; cells of 3D emoji have more blue."""
    columns = 16
    rows = -(-cells // columns)
    numbers = np.arange(rows * columns)
    for name, blue in (("flat", 0), ("3d", 100)):
        colours = np.stack([numbers % 256, numbers // 256, np.full_like(numbers, blue)], 1).astype(np.uint8)
        grid = colours.reshape(rows, columns, 3).repeat(CELL, 0).repeat(CELL, 1)
        folder.mkdir(exist_ok=True)
        Image.fromarray(grid).save(folder / f"{name}.webp", lossless=True, method=0)
    lines = ["cell,name", *(f"{i},number {i}" for i in range(cells))]
    (folder / "names.csv").write_text("\n".join(lines), encoding="utf-8")


def write_usps(folder, digits, labels):
    """Write digits (n, 256) from -1 to 1 with their labels as both files of USPS."""
    folder.mkdir()
    for name in ("zip.train.gz", "zip.test.gz"):
        np.savetxt(folder / name, np.column_stack([labels, digits]), "%.3f")  # compressed because of its name
