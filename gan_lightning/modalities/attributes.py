"""The modality of attributes: several named properties of a sample, each with one of a few values."""

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gan_lightning.errors import UserError, listed
from gan_lightning.files import check_regular
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content, Sample

ANY = -1  # an attribute that a text leaves open
LINE_HEIGHT, CHARACTER_WIDTH = 12, 7  # pixels in a sheet


class Attributes(Modality):
    """Attributes: content (n, attributes) int64, samples (n, values) float, the one-hot vectors of all attributes.

    As text, attributes are ``glasses=round,hat=none``. Attributes that a text leaves out are open: -1 in the content,
    and zeros in the sample. A file has the attributes of one sample per line.

    Args:
        values: names of the values of each attribute, by the name of the attribute. Names are unique, and contain
            neither commas nor equals signs.

    Attributes:
        names: names of the values of each attribute, as lists.
    """

    suffix = ".attributes"
    media_type = "text/plain"
    content_dtype = torch.int64
    in_sheets = False  # their text takes more room than the samples

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self.names = _checked_names(values)
        self.sample_shape = (sum(map(len, self.names.values())),)

    @property
    def content_shape(self) -> tuple[int, ...]:
        return (len(self.names),)

    @property
    def sizes(self) -> list[int]:
        """Number of values of each attribute."""
        return [len(of_one) for of_one in self.names.values()]

    def encode(self, content: Content) -> Sample:
        assert isinstance(content, Tensor)
        # An open attribute becomes class 0 of one more class, which is cut off.
        vectors = [F.one_hot(column + 1, n + 1)[:, 1:] for column, n in zip(content.T, self.sizes, strict=True)]
        return torch.cat(vectors, 1).float()

    def decode(self, sample: Sample) -> Content:
        assert isinstance(sample, Tensor)
        parts = sample.cpu().split(self.sizes, 1)
        return torch.stack([torch.where(part.any(1), part.argmax(1), ANY) for part in parts], 1)

    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        assert isinstance(content, Tensor)
        columns = columns or math.ceil(math.sqrt(len(content)))
        lines = [self.text(row).split(",") for row in content]
        width = CHARACTER_WIDTH * max(len(line) + 1 for cell in lines for line in cell)
        height = LINE_HEIGHT * (max(map(len, lines)) + 1)
        sheet = Image.new("RGB", (columns * width, math.ceil(len(lines) / columns) * height), "white")
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(LINE_HEIGHT - 2)
        for i, cell in enumerate(lines):
            corner = (width * (i % columns) + CHARACTER_WIDTH // 2, height * (i // columns))
            draw.text(corner, "\n".join(cell), "black", font, spacing=1)
        return np.asarray(sheet)

    def text(self, attributes: Tensor) -> str:
        """Return the text of the attributes (attributes,) of one sample, without those that are open."""
        named = zip(self.names.items(), attributes.tolist(), strict=True)
        return ",".join(f"{name}={values[i]}" for (name, values), i in named if i != ANY)

    def parse(self, text: str) -> Tensor:
        """Return the attributes (attributes,) that a text names; raise UserError if it names others."""
        indices = dict.fromkeys(self.names, ANY)
        for part in filter(None, text.split(",")):
            name, _, value = (one.strip() for one in part.partition("="))
            if name not in self.names:
                raise UserError(f"{part}: there is no attribute {name}: the attributes are {listed(list(self.names))}")
            if value not in self.names[name]:
                raise UserError(f"{part}: {name} has no value {value}: its values are {listed(self.names[name])}")
            if indices[name] != ANY:
                raise UserError(f"{text}: {name} is given twice: give it once")
            indices[name] = self.names[name].index(value)
        return torch.tensor(list(indices.values()))

    def input_form(self) -> dict[str, Any]:
        return {"kind": "attributes", "attributes": self.names}

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        assert isinstance(content, Tensor)
        path = folder / f"samples{self.suffix}"
        with path.open("a" if start else "w", encoding="utf-8") as file:
            file.writelines(f"{self.text(row)}\n" for row in content)
        return [path]

    def read(self, path: Path, without: Collection[Path] = ()) -> Content:
        """Return the attributes in a file; or those of one sample if the path is itself a text of attributes."""
        text = str(path)
        if self.says(text) or ("=" in text and not path.exists()):
            return self.parse(text)[None]
        if not path.exists():
            raise UserError(f"{path}: no attributes and no file: write name=value,… of {listed(list(self.names))}")
        return super().read(path, without)

    def says(self, text: str) -> bool:
        return any("=" in part and part.partition("=")[0].strip() in self.names for part in text.split(","))

    def read_file(self, path: Path) -> Tensor:
        rows = [self.parse(line).tolist() for line in _read_lines(path)]
        return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), len(self.names))

    def check(self, content: Content, where: object = "content") -> Content:
        super().check(content, where)
        assert isinstance(content, Tensor)
        if (content < ANY).any() or (content >= torch.tensor(self.sizes)).any():
            raise UserError(f"{where}: attributes must be {ANY} (open), or from 0 to below {self.sizes}")
        return content

    @classmethod
    def digest(cls, path: Path) -> str:
        return hashlib.sha256("\n".join(_read_lines(path)).encode()).hexdigest()

    def state(self) -> dict[str, Any]:
        return {"values": self.names}

    def load_state(self, state: Mapping[str, Any]) -> None:
        if state.keys() != {"values"}:
            raise ValueError(f"the state of attributes is their values, found {listed(list(state)) or 'nothing'}")
        self.rename(state["values"])

    def rename(self, values: Mapping[str, Sequence[str]]) -> None:
        """Set the names of the values of each attribute; raise ValueError unless the attributes have these sizes."""
        if {name: len(of_one) for name, of_one in values.items()} != dict(zip(self.names, self.sizes, strict=True)):
            raise ValueError(f"names of {listed(list(values))} do not fit the attributes {listed(list(self.names))}")
        self.names = _checked_names(values)


def _checked_names(values: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the names as a dict of lists; raise ValueError unless they can be written as text and read back."""
    names = {name: list(of_one) for name, of_one in values.items()}
    for one in (list(names), *names.values()):
        wrong = [name for name in one if not isinstance(name, str) or name != name.strip() or set(name) & set(",=\n")]
        if wrong or not one or len(set(one)) < len(one):
            reason = f"{wrong[0]!r} cannot be part of a text" if wrong else "they must be different, and at least one"
            raise ValueError(f"names of attributes: {listed([str(name) for name in one])}: {reason}")
    return names


def _read_lines(path: Path) -> list[str]:
    """Return the lines of a file of attributes."""
    try:
        check_regular(path)
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable file of attributes ({error}): write name=value,… per line") from error
