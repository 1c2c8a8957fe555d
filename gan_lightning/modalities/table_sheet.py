"""Draws the rows of a table as an image."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from gan_lightning.errors import printable
from gan_lightning.modalities.columns import Column
from gan_lightning.modalities.label import sheet_font

MAX_ROWS = 64
MAX_WIDTH = 1800  # pixels; columns beyond it are counted in the last one
FONT_SIZE, ROW_HEIGHT, PADDING = 13, 22, 10
MAX_TEXT = 22  # characters of a cell
INK, PALE, LINE, HEADER, STRIPE = "#1f2328", "#8a9199", "#d0d7de", "#eaeef2", "#f6f8fa"
MISSING = "–"


def draw_table(columns: Sequence[Column], bins: Mapping[str, Tensor], content: Tensor) -> np.ndarray:
    """Return an image (H, W, 3) uint8 of a table with its header.

    Its size depends on the schema, the bins and the number of rows alone, so that images of equally many rows can be
    the frames of one animation.

    Args:
        columns: the columns of the table.
        bins: edges of the bins of each column that has them, by its name.
        content: rows (n, columns); if they are more than ``MAX_ROWS``, that many evenly spaced ones are drawn.
    """
    font = sheet_font(FONT_SIZE)
    numbers = content.numpy()[np.linspace(0, len(content) - 1, min(len(content), MAX_ROWS)).astype(int)]
    widths = [int(max(map(font.getlength, _longest(column, bins)))) + 2 * PADDING for column in columns]
    shown = len(columns)
    if sum(widths) > MAX_WIDTH:
        shown = max(int(np.searchsorted(np.cumsum(widths), MAX_WIDTH - 100)), 1)
    texts = [[column.name, *column.write(one)] for column, one in zip(columns, numbers.T, strict=True)][:shown]
    if shown < len(columns):
        more = f"{len(columns) - shown} more columns"
        texts, widths = [*texts, [more, *["…"] * len(numbers)]], [*widths[:shown], int(font.getlength(more)) + 20]
    width, height = sum(widths) + 1, ROW_HEIGHT * (len(numbers) + 1) + 1
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((0, 0, width, ROW_HEIGHT), HEADER)
    for row in range(2, len(numbers) + 1, 2):
        draw.rectangle((0, ROW_HEIGHT * row, width, ROW_HEIGHT * (row + 1)), STRIPE)
    left = 0
    for i, (column_texts, column_width) in enumerate(zip(texts, widths, strict=True)):
        right = i < shown and not columns[i].is_category
        x = left + column_width - PADDING if right else left + PADDING
        for row, text in enumerate(column_texts):
            y = ROW_HEIGHT * row + ROW_HEIGHT // 2
            draw.text((x, y), _short(text) or MISSING, INK if text else PALE, font, anchor="rm" if right else "lm")
        left += column_width
        draw.line((left, 0, left, height), LINE)
    for y in (0, ROW_HEIGHT, height - 1):
        draw.line((0, y, width, y), LINE)
    draw.line((0, 0, 0, height), LINE)
    return np.asarray(sheet)


def _longest(column: Column, bins: Mapping[str, Tensor]) -> list[str]:
    """Return texts of a column of which one is as wide as any that it can have."""
    texts = column.values or (column.write(bins[column.name].numpy().ravel()) if column.name in bins else ["0" * 10])
    return [_short(text) for text in (column.name, *texts)]


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
