"""Class labels, the simplest condition."""

import functools
import hashlib
import math
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gan_lightning.errors import UserError, listed, printable
from gan_lightning.files import check_regular
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content, Sample

CELL = 56  # pixels: height of a label in a sheet, and its width where there are no longer ones
MAX_NAME = 16  # characters of a name in a sheet
MAX_DIGITS = 18  # of a number that is read


class Labels(Modality):
    """Class labels 0 to ``num_classes`` − 1: content and samples (n,) int64. In files, a number a line.

    Classes may have names, which are read as well: ``condition=cat``. A number is a label, as ``condition=7``, unless
    the names are numbers themselves: among classes 1, 2 and 10, ``condition=10`` is the class with that name, the
    third, and there is no ``condition=0``.

    Args:
        num_classes: how many classes there are.
        names: of the classes, in the order of their labels; None where they have none.
    """

    suffix = ".labels"
    media_type = "text/plain"
    content_dtype = torch.int64

    def __init__(self, num_classes: int, names: Sequence[str] | None = None) -> None:
        self.num_classes = num_classes
        self.names = None if names is None else list(names)
        self.sample_shape = ()

    def encode(self, content: Content) -> Sample:
        return content

    def decode(self, sample: Sample) -> Content:
        assert isinstance(sample, Tensor)
        return sample.cpu()

    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        assert isinstance(content, Tensor)
        columns = columns or math.ceil(math.sqrt(len(content)))
        texts, font = [self._shown(label) for label in content.tolist()], _font()
        width = max(CELL, *(math.ceil(font.getlength(text)) + CELL // 4 for text in texts))
        sheet = Image.new("RGB", (columns * width, math.ceil(len(texts) / columns) * CELL), "white")
        draw = ImageDraw.Draw(sheet)
        for i, text in enumerate(texts):
            draw.text((width * (i % columns + 0.5), CELL * (i // columns + 0.5)), text, "black", font, anchor="mm")
        return np.asarray(sheet)

    def _shown(self, label: int) -> str:
        """Return the name of a class, or the beginning of a long one; its number where there is none to be drawn."""
        name = printable(self.names[label]) if self.names else str(label)
        if not all(map(_is_drawn, name)):
            return str(label)
        return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 3]}..."

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        assert isinstance(content, Tensor)
        path = folder / f"samples{self.suffix}"
        with path.open("a" if start else "w", encoding="utf-8") as file:
            file.writelines(f"{label}\n" for label in content.tolist())
        return [path]

    def read(self, path: Path, without: Collection[Path] = ()) -> Content:
        """Return the labels in a file, or the one label that the path itself says, by its name or number."""
        label = self._label(str(path))
        if label is not None:
            return torch.tensor([label])
        if not path.exists():
            known = listed(self.names) if self.names else f"0 to {self.num_classes - 1}"
            raise UserError(f"{path}: no class and no file: the classes are {known}")
        return super().read(path, without)

    def says(self, text: str) -> bool:
        return self._label(text) is not None

    def _label(self, text: str) -> int | None:
        """Return the label that a text says; None if it says none."""
        names = [composed(name) for name in self.names or ()]
        if composed(text) in names:
            return names.index(composed(text))
        if not text.isdecimal() or len(text) > MAX_DIGITS or any(name.isdecimal() for name in names):
            return None
        return int(text) if int(text) < self.num_classes else None

    def read_file(self, path: Path) -> Tensor:
        return torch.tensor([int(line) for line in _lines(path)])

    def check(self, content: Content, where: object = "content") -> Content:
        super().check(content, where)
        assert isinstance(content, Tensor)
        if len(content) and not (content.min() >= 0 and content.max() < self.num_classes):
            raise UserError(f"{where}: the data have {self.num_classes} classes: 0 to {self.num_classes - 1}")
        return content

    @classmethod
    def digest(cls, path: Path) -> str:
        return hashlib.sha256("\n".join(_lines(path)).encode()).hexdigest()

    def values(self) -> Content:
        return torch.arange(self.num_classes)

    def state(self) -> dict[str, Any]:
        return {} if self.names is None else {"names": self.names}

    def load_state(self, state: Mapping[str, Any]) -> None:
        names = state.get("names")
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise ValueError("names of classes must be a list of texts")
        if state.keys() - {"names"} or len(names or range(self.num_classes)) != self.num_classes:
            raise ValueError(f"{', '.join(state)} do not fit {self.num_classes} classes")
        self.names = names


def composed(name: str) -> str:
    """Return a name in the one of its spellings that keyboards make; some systems write others into names of files."""
    return unicodedata.normalize("NFC", name)


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
    """Return a font that has the letters of Latin, Greek, Cyrillic and other scripts; Pillow's own has English ones."""
    import matplotlib  # which takes long to import

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), CELL // 3)


def _is_drawn(character: str) -> bool:
    """Return whether the font has a character; in the place of others it draws that of U+10FFFF, which is none."""
    return bytes(_font().getmask(character)) != bytes(_font().getmask("\U0010ffff"))


def _lines(path: Path) -> list[str]:
    """Return the lines of a file of labels."""
    try:
        check_regular(path)
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable file of labels ({error})") from error
    if wrong := next((line for line in lines if not line.isdecimal()), None):
        raise UserError(f"{path}: {wrong[:20]!r} is no label: a whole number a line")
    return lines
