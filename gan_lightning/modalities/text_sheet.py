"""Draws lines of text as an image, in any script."""

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_lightning.errors import printable
from gan_lightning.modalities.label import sheet_font

MAX_LINES = 64
WIDTH = 1200  # pixels
FONT_SIZE, ROW_HEIGHT, PADDING = 15, 26, 12
INK, PALE, STRIPE = "#1f2328", "#8a9199", "#f6f8fa"
EMPTY, CUT = "(empty)", "…"

# Parts of the names of files of fonts with Chinese characters, in lower case and without separators.
CHINESE_FONTS = (
    *("notosanscjk", "notosanssc", "sourcehansans", "notoserifcjk", "sourcehanserif", "wqy", "droidsansfallback"),
    *("pingfang", "hiraginosansgb", "stheiti", "msyh", "simhei", "simsun", "uming", "ukai"),
)

Font = ImageFont.FreeTypeFont


def draw_lines(lines: Sequence[str]) -> np.ndarray:
    """Return an image (H, W, 3) uint8 with a row for each line; all images of equally many lines have one size.

    A line that is too long is cut. A character that no font on this machine has is a box with its code point.

    Args:
        lines: the lines; if they are more than ``MAX_LINES``, that many evenly spaced ones are drawn.
    """
    shown = [lines[i] for i in np.linspace(0, len(lines) - 1, min(len(lines), MAX_LINES)).astype(int)]
    sheet = Image.new("RGB", (WIDTH, ROW_HEIGHT * len(shown)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, line in enumerate(shown):
        if row % 2:
            draw.rectangle((0, ROW_HEIGHT * row, WIDTH, ROW_HEIGHT * (row + 1) - 1), STRIPE)
        _draw_line(draw, ROW_HEIGHT * row + ROW_HEIGHT // 2, printable(line) or EMPTY, INK if line else PALE)
    return np.asarray(sheet)


def _draw_line(draw: ImageDraw.ImageDraw, middle: int, text: str, color: str) -> None:
    """Draw a text from the left, with its middle at a height in pixels."""
    x: float = PADDING
    for part, font in _runs(text):
        for character in part if font is None else _pieces(part):
            width = ROW_HEIGHT - 4 if font is None else font.getlength(character)
            if x + width > WIDTH - 3 * PADDING:
                draw.text((x, middle), CUT, PALE, sheet_font(FONT_SIZE), anchor="lm")
                return
            if font is None:
                _draw_code_point(draw, (x, middle), character, color)
            else:
                draw.text((x, middle), character, color, font, anchor="lm")
            x += width


def _pieces(text: str) -> list[str]:
    """Return the words of a text, each with the blank before it."""
    words = text.split(" ")
    return [word if i == 0 else f" {word}" for i, word in enumerate(words)]


def _runs(text: str) -> list[tuple[str, Font | None]]:
    """Return the parts of a text that one font has, each with its font; None if no font has it."""
    runs: list[tuple[str, Font | None]] = []
    for character in text:
        font = next((one for one in _fonts() if _has(one, character)), None)
        if runs and runs[-1][1] is font:
            runs[-1] = runs[-1][0] + character, font
        else:
            runs.append((character, font))
    return runs


def _draw_code_point(draw: ImageDraw.ImageDraw, at: tuple[float, int], character: str, color: str) -> None:
    """Draw a box with the hexadecimal digits of a character in two rows."""
    (x, middle), half = at, ROW_HEIGHT // 2 - 3
    digits = f"{ord(character):04X}"
    top, bottom = digits[: len(digits) // 2], digits[len(digits) // 2 :]
    draw.rectangle((x + 1, middle - half, x + ROW_HEIGHT - 7, middle + half), outline=PALE)
    for text, shift in ((top, -5), (bottom, 5)):
        draw.text((x + ROW_HEIGHT / 2 - 3, middle + shift), text, color, sheet_font(9), anchor="mm")


@cache
def _fonts() -> list[Font]:
    """Return the font of all sheets, and one with Chinese characters if this machine has one."""
    from matplotlib.font_manager import findSystemFonts  # slow to import

    names = {path: Path(path).stem.lower().replace("-", "").replace("_", "") for path in sorted(findSystemFonts())}
    chinese = [path for part in CHINESE_FONTS for path, name in names.items() if part in name]
    return [sheet_font(FONT_SIZE), *(ImageFont.truetype(path, FONT_SIZE) for path in chinese[:1])]


@lru_cache(maxsize=20_000)
def _has(font: Font, character: str) -> bool:
    """Return True if a font has the character; others look like U+10FFFF, which is not a character."""
    return bytes(font.getmask(character)) != bytes(font.getmask("\U0010ffff"))
