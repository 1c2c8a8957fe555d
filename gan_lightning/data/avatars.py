"""Avatars: pixel portraits that this package composes itself, so that no download is needed."""

import functools
import inspect
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_lightning.data import portraits
from gan_lightning.data.composed_images import ComposedImages
from gan_lightning.data.portrait_shapes import SIZE, Part
from gan_lightning.data.portraits import LAYERS, VALUES

COMPOSED_AT_ONCE = 2000  # portraits
PLAIN_SHARE = 0.3  # of the portraits without glasses, and of those without a hat


class Avatars(ComposedImages):
    """Portraits of 32×32 RGB with eleven attributes, of which there are 848 million.

    Attributes depend on each other, as in real data: glasses may cover the eyes, no tall hair fits under a hat that
    flattens it, and clothes have another color than the background. Takes the arguments of :class:`ComposedImages`.
    """

    source, licence = "avatars composed by GAN Lightning", "MIT"

    values = VALUES

    def draw_attributes(self, n: int, generator: torch.Generator) -> Tensor:
        return draw_attributes(n, generator)

    def compose(self, attributes: Tensor) -> Tensor:
        return torch.cat([_compose(part) for part in attributes.split(COMPOSED_AT_ONCE)])


def draw_attributes(n: int, generator: torch.Generator) -> Tensor:
    """Return random attributes (n, attributes) int64 of portraits, which depend on each other."""
    drawn = {name: torch.randint(len(values), (n,), generator=generator) for name, values in VALUES.items()}
    for name in ("glasses", "hat"):
        drawn[name][torch.rand(n, generator=generator) < PLAIN_SHARE] = VALUES[name].index("none")
    visible = torch.randint(VALUES["eyes"].index("covered"), (n,), generator=generator)
    covered = _is_one_of(drawn, "glasses", portraits.COVERED_BY)
    drawn["eyes"] = torch.where(covered, VALUES["eyes"].index("covered"), visible)
    does_not_fit = _is_one_of(drawn, "hair", portraits.TALL_HAIR) & _is_one_of(drawn, "hat", portraits.FLATTENED_BY)
    drawn["hat"][does_not_fit] = VALUES["hat"].index("none")
    hidden = torch.tensor([VALUES["clothes_color"].index(color) for color in portraits.UNLIKE_BACKGROUND.values()])
    next_color = (drawn["clothes_color"] + 1) % len(VALUES["clothes_color"])
    same = drawn["clothes_color"] == hidden[drawn["background"]]
    drawn["clothes_color"] = torch.where(same, next_color, drawn["clothes_color"])
    return torch.stack(list(drawn.values()), 1)


def _is_one_of(drawn: Mapping[str, Tensor], name: str, values: Sequence[str]) -> Tensor:
    """Return True (n,) for portraits whose attribute has one of the values."""
    return torch.isin(drawn[name], torch.tensor([VALUES[name].index(value) for value in values]))


class Layer(NamedTuple):
    """All images of one part of a portrait.

    Attributes:
        columns: the attributes that the part depends on, by their positions.
        sizes: the number of values of each of them.
        images: (values of all of them together, SIZE, SIZE) int32, the RGBA of each pixel; 0 outside the part.
    """

    columns: list[int]
    sizes: list[int]
    images: Tensor


@functools.cache
def _layers() -> list[Layer]:
    """Return the layers of portraits, the lowest first."""
    layers = []
    for part in LAYERS:
        names = list(inspect.signature(part).parameters)
        choices = itertools.product(*(VALUES[name] for name in names))
        images = torch.from_numpy(np.stack([_draw_part(part(*choice)) for choice in choices]))
        columns = [list(VALUES).index(name) for name in names]
        layers.append(Layer(columns, [len(VALUES[name]) for name in names], images))
    return layers


def _draw_part(part: Part) -> np.ndarray:
    """Return a part as an image (SIZE, SIZE) int32 of RGBA pixels, transparent around its areas."""
    image = np.zeros((SIZE, SIZE, 4), np.uint8)
    for area, color in part:
        image[area] = [*bytes.fromhex(color), 255]
    return image.view(np.int32)[..., 0]


def _compose(attributes: Tensor) -> Tensor:
    composed = torch.zeros(len(attributes), SIZE, SIZE, dtype=torch.int32)
    for layer in _layers():
        index = torch.zeros(len(attributes), dtype=torch.int64)
        for column, size in zip(layer.columns, layer.sizes, strict=True):
            index = index * size + attributes[:, column]
        images = layer.images[index]
        composed = torch.where(images != 0, images, composed)
    return composed.view(torch.uint8).unflatten(2, (SIZE, 4))[..., :3].permute(0, 3, 1, 2).contiguous()
