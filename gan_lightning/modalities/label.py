"""The modality of class labels, the most common condition."""

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

CELL_SIZE = 56  # pixels: height of a label in a sheet, and its minimum width
MAX_SHEET_NAME = 16  # characters of a name in a sheet
MAX_DIGITS = 18  # longest number that is parsed as a label


class Labels(Modality):
    """Class labels 0 to ``num_classes`` − 1: content and samples (n,) int64. A file has one label per line.

    A class with a name can be given by it: ``condition=cat``. A number is a label, as in ``condition=7``, unless names
    are numbers themselves. With classes 1, 2 and 10, ``condition=10`` is the class named 10, and ``condition=0`` is
    an error.

    Args:
        num_classes: number of classes.
        names: names of the classes in the order of their labels; None if they have no names.
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
        texts, font = [self._sheet_text(label) for label in content.tolist()], sheet_font()
        width = max(CELL_SIZE, *(math.ceil(font.getlength(text)) + CELL_SIZE // 4 for text in texts))
        sheet = Image.new("RGB", (columns * width, math.ceil(len(texts) / columns) * CELL_SIZE), "white")
        draw = ImageDraw.Draw(sheet)
        for i, text in enumerate(texts):
            draw.text((width * (i % columns + 0.5), CELL_SIZE * (i // columns + 0.5)), text, "black", font, anchor="mm")
        return np.asarray(sheet)

    def _sheet_text(self, label: int) -> str:
        """Return the name of a class, shortened if long; its number if it has no name that the font can draw."""
        name = printable(self.names[label]) if self.names else str(label)
        if not all(map(_font_has, name)):
            return str(label)
        return name if len(name) <= MAX_SHEET_NAME else f"{name[: MAX_SHEET_NAME - 3]}..."

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        assert isinstance(content, Tensor)
        path = folder / f"samples{self.suffix}"
        with path.open("a" if start else "w", encoding="utf-8") as file:
            file.writelines(f"{label}\n" for label in content.tolist())
        return [path]

    def read(self, path: Path, without: Collection[Path] = ()) -> Content:
        """Return the labels in a file; or one label if the path is itself the name or number of a class."""
        label = self._parse(str(path))
        if label is not None:
            return torch.tensor([label])
        if not path.exists():
            known = list_classes(self.names) if self.names else f"0 to {self.num_classes - 1}"
            raise UserError(f"{path}: no class and no file: the classes are {known}")
        return super().read(path, without)

    def says(self, text: str) -> bool:
        return self._parse(text) is not None

    def _parse(self, text: str) -> int | None:
        """Return the label of the class with this name or number; None if there is no such class."""
        names = [normalize_name(name) for name in self.names or ()]
        if normalize_name(text) in names:
            return names.index(normalize_name(text))
        if not text.isdecimal() or len(text) > MAX_DIGITS or any(name.isdecimal() for name in names):
            return None
        return int(text) if int(text) < self.num_classes else None

    def read_file(self, path: Path) -> Tensor:
        return torch.tensor([int(line) for line in _read_lines(path)])

    def check(self, content: Content, where: object = "content") -> Content:
        super().check(content, where)
        assert isinstance(content, Tensor)
        if len(content) and not (content.min() >= 0 and content.max() < self.num_classes):
            last = self.num_classes - 1
            raise UserError(f"{where}: the data have {self.num_classes} classes: labels must be 0 to {last}")
        return content

    @classmethod
    def digest(cls, path: Path) -> str:
        return hashlib.sha256("\n".join(_read_lines(path)).encode()).hexdigest()

    def input_form(self) -> dict[str, Any]:
        return {"kind": "labels", "values": self.names or [str(label) for label in range(self.num_classes)]}

    def values(self) -> Content:
        return torch.arange(self.num_classes)

    def state(self) -> dict[str, Any]:
        return {} if self.names is None else {"names": self.names}

    def load_state(self, state: Mapping[str, Any]) -> None:
        names = state.get("names")
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise ValueError("names of classes must be a list of strings")
        if state.keys() - {"names"} or len(names or range(self.num_classes)) != self.num_classes:
            raise ValueError(f"{', '.join(state)} do not fit {self.num_classes} classes")
        self.names = names


def normalize_name(name: str) -> str:
    """Return a name in Unicode's composed form (NFC), as keyboards type it; some file systems store another form."""
    return unicodedata.normalize("NFC", name)


def list_classes(names: Sequence[str]) -> str:
    """Return the first few names of classes for a message, with quotes around ``null`` and around names with commas.

    Without quotes, ``condition=null`` means no condition.
    """
    return listed([f"'{name}'" if "," in name or name.lower() == "null" else name for name in names])


@functools.cache
def sheet_font(size: int = CELL_SIZE // 3) -> ImageFont.FreeTypeFont:
    """Return a font with Latin, Greek, Cyrillic and other scripts; Pillow's default font has only English letters."""
    import matplotlib  # slow to import

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)


def _font_has(character: str) -> bool:
    """Return True if the font has the character; others look like U+10FFFF, which is not a character."""
    return bytes(sheet_font().getmask(character)) != bytes(sheet_font().getmask("\U0010ffff"))


def _read_lines(path: Path) -> list[str]:
    """Return the lines of a file of labels; raise UserError unless each is a whole number."""
    try:
        check_regular(path)
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable file of labels ({error}): write one whole number per line") from error
    if wrong := next((line for line in lines if not line.isdecimal()), None):
        raise UserError(f"{path}: {wrong[:20]!r} is not a label: write one whole number per line")
    return lines
