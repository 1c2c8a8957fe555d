"""Class labels, the simplest condition."""

import hashlib
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.files import check_regular
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content, Sample

CELL = 56  # pixels: width and height of a label in a sheet


class Labels(Modality):
    """Class labels 0 to ``num_classes`` − 1: content and samples (n,) int64. In files, a number a line.

    Args:
        num_classes: how many classes there are.
    """

    suffix = ".labels"
    media_type = "text/plain"
    content_dtype = torch.int64

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.sample_shape = ()

    def encode(self, content: Content) -> Sample:
        return content

    def decode(self, sample: Sample) -> Content:
        assert isinstance(sample, Tensor)
        return sample.cpu()

    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        assert isinstance(content, Tensor)
        columns = columns or math.ceil(math.sqrt(len(content)))
        sheet = Image.new("RGB", (columns * CELL, math.ceil(len(content) / columns) * CELL), "white")
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(CELL // 3)
        for i, label in enumerate(content.tolist()):
            center = (CELL * (i % columns + 0.5), CELL * (i // columns + 0.5))
            draw.text(center, str(label), "black", font, anchor="mm")
        return np.asarray(sheet)

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        assert isinstance(content, Tensor)
        path = folder / f"samples{self.suffix}"
        with path.open("a" if start else "w", encoding="utf-8") as file:
            file.writelines(f"{label}\n" for label in content.tolist())
        return [path]

    def read(self, path: Path) -> Content:
        """Return the labels in a file, or the one label that the path itself is, as in ``condition=7``."""
        text = str(path)
        if not path.exists() and text.isdecimal():
            return self.check(torch.tensor([int(text)]), text)
        if not path.exists():
            raise UserError(f"{path}: no class and no file: a number, 0 to {self.num_classes - 1}")
        return super().read(path)

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
