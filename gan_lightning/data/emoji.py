"""Emoji in two styles, flat and 3D: domains without pairs in training, whose truth is known for the test."""

import csv
from functools import cached_property
from pathlib import Path
from typing import Literal, Unpack

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor

from gan_lightning.data.unpaired import Domain, Unpaired, UnpairedSettings
from gan_lightning.errors import UserError
from gan_lightning.marks import Location
from gan_lightning.modalities.image import blend_on_white, open_image

FLAT, THREE_D, NAMES = "flat.webp", "3d.webp", "names.csv"
ORIGIN = "Fluent emoji, https://github.com/microsoft/fluentui-emoji"
CELL = 64  # pixels
TEST_CELLS = 200
SPLIT_SEED = 0  # independent of the seed of a run: all runs have the same split


class Emoji(Unpaired):
    """Microsoft's Fluent emoji, flat (domain A) and 3D (domain B), of which 200 of 1,172 are for the test.

    Both domains have the same emoji; training draws them in different orders. ``flat.webp`` and ``3d.webp`` are grids
    of cells of 64×64 pixels, with the same emoji in the same cell; ``names.csv`` has a row for each cell, in order.

    Args:
        root: folder of the three files.
        image_size: height and width of the images in pixels, at most 64; smaller ones are scaled with antialiasing.
        direction: the translation to learn.
        settings: as for :class:`Unpaired`.
    """

    source, licence = ORIGIN, "MIT"
    truth = True

    def __init__(
        self,
        root: Location[str],
        image_size: PositiveInt,
        direction: Literal["flat_to_3d", "3d_to_flat"],
        **settings: Unpack[UnpairedSettings],
    ) -> None:
        if image_size > CELL:
            raise UserError(f"data.image_size={image_size}: the emoji have {CELL} pixels: at most {CELL}")
        super().__init__(reverse=direction == "3d_to_flat", **settings)
        self.root = Path(root).expanduser()
        self.image_size = image_size

    def prepare_data(self) -> None:
        for name in (FLAT, THREE_D, NAMES):
            if not (self.root / name).exists():
                raise UserError(
                    f"data.root={self.root}: {name} is not there: draw {FLAT} and {THREE_D}, grids of {CELL}×{CELL} "
                    f"cells, from {ORIGIN}, and set GAN_DATA_DIR to the folder that holds emoji/{name}, "
                    "or use data=digit_outlines"
                )

    def load_domains(self) -> tuple[Domain, Domain]:
        return self._read(slice(TEST_CELLS, None))

    def load_test_domains(self) -> tuple[Domain, Domain]:
        return self._read(slice(TEST_CELLS))

    def load_pairs(self) -> tuple[Tensor, Tensor]:
        flat, three_d = self.load_domains()
        return flat.images, three_d.images

    def _read(self, part: slice) -> tuple[Domain, Domain]:
        """Return both domains of a part of the cells in the order of the split, of which the test comes first."""
        flat, three_d = self._cells
        chosen = torch.from_numpy(np.random.default_rng(SPLIT_SEED).permutation(len(flat))[part])
        return Domain(flat[chosen]), Domain(three_d[chosen])

    @cached_property
    def _cells(self) -> tuple[Tensor, Tensor]:
        with (self.root / NAMES).open(encoding="utf-8", newline="") as file:
            n = len(list(csv.DictReader(file)))
        if n <= TEST_CELLS:
            raise UserError(f"{self.root / NAMES}: has {n} emoji, of which {TEST_CELLS} are for the test: replace it")
        flat, three_d = (scale(read_cells(self.root / name, n), self.image_size) for name in (FLAT, THREE_D))
        return flat, three_d


def read_cells(path: Path, n: int) -> Tensor:
    """Return the first n cells (n, 3, CELL, CELL) uint8 of a grid, row by row; raise UserError if it has fewer."""
    with open_image(path) as image:
        grid = torch.from_numpy(np.array(image.convert("RGBA"))).permute(2, 0, 1)
    rows, columns = (side // CELL for side in grid.shape[1:])
    if rows * columns < n:
        raise UserError(f"{path}: has {rows * columns} cells of {CELL}×{CELL}, {NAMES} has {n} rows: replace it")
    cells = grid[:, : rows * CELL, : columns * CELL].reshape(4, rows, CELL, columns, CELL)
    return blend_on_white(cells.permute(1, 3, 0, 2, 4).flatten(0, 1)[:n])


def scale(images: Tensor, size: int) -> Tensor:
    """Return images (n, C, H, W) uint8 at height and width ``size``, scaled bicubically with antialiasing."""
    if images.shape[2:] == (size, size):
        return images
    scaled = F.interpolate(images.double(), (size, size), mode="bicubic", antialias=True)
    return scaled.round().clamp(0, 255).to(torch.uint8)
