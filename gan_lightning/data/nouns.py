"""Nouns: pixel portraits composed of the parts that the project Nouns has released into the public domain."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from gan_lightning.data.composed_images import ComposedImages
from gan_lightning.data.datamodule import Examples
from gan_lightning.data.downloads import fetch, reading_json
from gan_lightning.marks import Location, WithoutEffect

FILE = "image-data.json"
URL = (
    "https://raw.githubusercontent.com/nounsDAO/nouns-monorepo/86a781ecf199cd26825c047c94b9b4946b73ff04/"
    f"packages/nouns-assets/src/{FILE}"
)
SIZE = 32  # pixels
BACKGROUNDS = ["cool", "warm"]  # the file has only their colors
LAYERS = {"body": "bodies", "accessory": "accessories", "head": "heads", "glasses": "glasses"}  # the lowest first
NUMBERS = {"background": 2, "body": 30, "accessory": 143, "head": 254, "glasses": 23}  # of values of each attribute
HEADER_BYTES = 5  # of a part: its palette, and its top, right, bottom and left


class Parts(NamedTuple):
    """The content of the file.

    Attributes:
        values: names of the values of each attribute.
        layers: for each attribute, the part of each value (values, SIZE, SIZE) uint8, as indices of colors; 0 is
            transparent.
        colors: (colors, 3) uint8, RGB.
    """

    values: dict[str, list[str]]
    layers: list[Tensor]
    colors: Tensor


class Nouns(ComposedImages):
    """Nouns (https://nouns.wtf, CC0): portraits of 32×32 RGB with five attributes, of which there are 50 million.

    Attributes are independent and uniform, as in the contract that mints Nouns. Their values get their names when the
    file is read; until then they are numbers.

    Args:
        root: folder that holds ``image-data.json`` of the repository nounsDAO/nouns-monorepo.
        download: if True, the file is downloaded if it is missing.
        sha256: SHA-256 that the file must have; None for any.
        images, test_images: as for :class:`ComposedImages`.
        batch_size, sample_shape, num_classes, seed, conditional, evaluator: as for :class:`ComposedImages`.
    """

    source, licence = "Nouns, https://nouns.wtf", "CC0-1.0"
    values: ClassVar = {name: [str(i) for i in range(n)] for name, n in NUMBERS.items()}

    def __init__(
        self,
        root: Location[str],
        download: WithoutEffect[bool],
        sha256: WithoutEffect[str | None],
        images: PositiveInt,
        test_images: PositiveInt,
        batch_size: PositiveInt,
        sample_shape: Sequence[PositiveInt],
        num_classes: PositiveInt,
        seed: NonNegativeInt,
        conditional: bool = False,
        evaluator: Any = None,
    ) -> None:
        super().__init__(images, test_images, batch_size, sample_shape, num_classes, seed, conditional, evaluator)
        self.path = Path(root).expanduser() / FILE
        self.download = download
        self.sha256 = sha256

    def prepare_data(self) -> None:
        fetch(self.path, URL, self.sha256, self.download, f"nouns/{FILE}")

    def load(self) -> Examples:
        self.attributes.rename(self.parts.values)
        return super().load()

    @cached_property
    def parts(self) -> Parts:
        return read_parts(self.path, self.sha256)

    def draw_attributes(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.stack([torch.randint(number, (n,), generator=generator) for number in NUMBERS.values()], 1)

    def compose(self, attributes: Tensor) -> Tensor:
        composed = torch.zeros(len(attributes), SIZE, SIZE, dtype=torch.uint8)
        for layer, values in zip(self.parts.layers, attributes.T, strict=True):
            part = layer[values]
            composed = torch.where(part != 0, part, composed)
        return self.parts.colors[composed.int()].permute(0, 3, 1, 2).contiguous()


def read_parts(path: Path, sha256: str | None = None) -> Parts:
    """Return the parts in ``image-data.json``.

    The file has a palette of colors as hexadecimal RGB, of which the first is transparent, the colors of the
    backgrounds in ``bgcolors``, and in ``images`` a list of parts for each attribute.

    Args:
        path: the file to read.
        sha256: SHA-256 that the file must have; None for any.

    Raises:
        UserError: if the file is missing or damaged, or has another SHA-256.
    """
    with reading_json(path, sha256, "the parts of Nouns") as content:
        palette, backgrounds = content["palette"], content["bgcolors"]
        colors = np.array([list(bytes.fromhex(color)) for color in ["000000", *palette[1:], *backgrounds]], np.uint8)
        first = len(palette)  # index of the first background
        plain = [np.full((SIZE, SIZE), i, np.uint8) for i in range(first, first + len(backgrounds))]
        values, layers = {"background": BACKGROUNDS}, [torch.from_numpy(np.stack(plain))]
        for name, key in LAYERS.items():
            parts = content["images"][key]
            values[name] = [part["filename"].removeprefix(f"{name}-") for part in parts]
            layers.append(torch.from_numpy(np.stack([decode_part(part["data"]) for part in parts])))
        for (name, expected), layer in zip(NUMBERS.items(), layers, strict=True):
            if len(layer) != expected:
                raise ValueError(f"{name} has {len(layer)} values, not {expected}")
            if layer.max() >= len(colors):
                raise ValueError(f"{name} has color {layer.max()} of {len(colors)}")
    return Parts(values, layers, torch.from_numpy(colors))


def decode_part(data: str) -> np.ndarray:
    """Return a part (SIZE, SIZE) uint8 as indices of colors; 0 is transparent.

    The data are hexadecimal: one byte for the palette, four for the bounds of the part (top, right, bottom, left), and
    runs of two bytes each, a length and a color. Runs fill the rows within the bounds, from the top and from left to
    right, and continue in the next row. The bottom row belongs to the part, the right column does not.
    """
    content = bytes.fromhex(data.removeprefix("0x"))
    _, top, right, bottom, left = content[:HEADER_BYTES]
    lengths, colors = np.frombuffer(content, np.uint8, offset=HEADER_BYTES).reshape(-1, 2).T
    part = np.zeros((SIZE, SIZE), np.uint8)
    if len(lengths):  # one accessory is empty
        part[top : bottom + 1, left:right] = np.repeat(colors, lengths).reshape(bottom + 1 - top, right - left)
    return part
