"""Shapes and colors that pixel portraits of 32×32 RGB are drawn with."""

from collections.abc import Callable

import numpy as np

SIZE = 32  # pixels
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE].astype(float)
MIDDLE = (SIZE - 1) / 2  # column of the axis of symmetry
BLACK, WHITE, GREY, GOLD = "22202f", "ffffff", "8b93a8", "f9c43d"
LIPS = "a8243a"

Area = np.ndarray  # (SIZE, SIZE) bool
Part = list[tuple[Area, str]]  # areas with their colors, hexadecimal RGB, the lowest first
DrawPart = Callable[..., Part]

# fmt: off
BACKGROUNDS = {
    "sky": "a9d6f5", "mint": "b5ead0", "peach": "ffd3b0", "lilac": "d4c1f4",
    "sand": "efe3c2", "rose": "f9c0cb", "night": "33365e", "teal": "4fa3a5",
}
SKINS = {
    "porcelain": "fbdcc8", "beige": "efbf96", "tan": "d1935f", "brown": "9c6238", "umber": "63391f",
    "green": "8cc152", "blue": "6c9bd9",
}
HAIR_COLORS = {
    "black": "2b2536", "chestnut": "6d3f25", "ginger": "c9602a", "blond": "edc765",
    "silver": "c9ced9", "pink": "ee6fa8", "turquoise": "2fb8ad",
}
CLOTHES_COLORS = {
    "red": "d8434a", "orange": "ef8a35", "yellow": "f2c83f", "green": "4da35a",
    "blue": "3f6fd0", "purple": "7d50b8", "white": "f2f3f7", "charcoal": "3a3c4d",
}
# fmt: on


def box(left: float, top: float, right: float, bottom: float) -> Area:
    """Return the area of a rectangle; its borders belong to it."""
    return (left <= COLUMNS) & (right >= COLUMNS) & (top <= ROWS) & (bottom >= ROWS)


def disc(column: float, row: float, width: float, height: float) -> Area:
    """Return the area of an ellipse with the given centre and half axes."""
    return ((COLUMNS - column) / width) ** 2 + ((ROWS - row) / height) ** 2 <= 1


def both(area: Area) -> Area:
    """Return an area together with its mirror image."""
    return area | area[:, ::-1]


def union(*areas: Area) -> Area:
    return np.any(areas, axis=0)


def shade(color: str, factor: float) -> str:
    """Return a color made darker by a factor below 1, or lighter by one above."""
    values = [int(color[i : i + 2], 16) for i in (0, 2, 4)]
    scaled = [v * factor if factor < 1 else 255 - (255 - v) / factor for v in values]
    return "".join(f"{round(v):02x}" for v in scaled)


def no_part(*colors: str) -> Part:
    return []
