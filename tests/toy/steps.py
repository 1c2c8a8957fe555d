"""Sequences of a first-order chain with one or two blocks, and their data set."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content
from gan_lightning.modalities.sequence import TokenSequence, one_hot


class Steps(TokenSequence):
    """Sequences of numbers: content (n, length, blocks) int64, in .steps files."""

    suffix = ".steps"
    media_type = "application/x-steps"
    content_dtype = torch.int64

    def __init__(self, length: int, blocks: list[int]) -> None:
        self.length, self.blocks = length, blocks

    @property
    def content_shape(self) -> tuple[int, ...]:
        return self.length, len(self.blocks)

    def codes(self, content: Content) -> Tensor:
        assert isinstance(content, Tensor)
        return content

    def from_codes(self, codes: Tensor) -> Content:
        return codes

    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        assert isinstance(content, Tensor)
        return np.repeat(content.flatten(1).numpy().astype(np.uint8)[..., None] * 20, 3, 2)

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        assert isinstance(content, Tensor)
        paths = [folder / f"{i:06d}.steps" for i in range(start, start + len(content))]
        for path, one in zip(paths, content, strict=True):
            path.write_bytes(one.numpy().tobytes())
        return paths

    def read_file(self, path: Path) -> Content:
        return torch.from_numpy(np.frombuffer(path.read_bytes(), np.int64).copy()).view(1, *self.content_shape)

    @classmethod
    def digest(cls, path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()


class FirstBlock(Steps):
    """The first of the blocks, as a condition."""

    suffix = ".first"


class Chain(Data):
    """Sequences whose first block repeats, or rises by 1; the other blocks are the first one plus 0 or 1."""

    def __init__(
        self,
        batch_size: int,
        seed: int,
        length: int,
        blocks: list[int],
        sample_shape: list[int],
        conditional: bool,
        harmonize: bool,
        size: int,
    ) -> None:
        condition: Modality | None = FirstBlock(length, blocks[:1]) if conditional else None
        super().__init__(Steps(length, blocks), batch_size, seed, condition)
        self.size = size

    def load(self) -> Examples:
        content = chain(self.size, self.modality.length, self.modality.blocks)  # type: ignore[attr-defined]
        return Examples(content, content[..., :1] if self.condition is not None else None)


def chain(n: int, length: int, blocks: list[int], seed: int = 0) -> Tensor:
    """Return the content (n, length, blocks) of ``Chain``."""
    random = torch.Generator().manual_seed(seed)
    rises = torch.rand(n, length, generator=random) < 0.7
    first = (torch.randint(blocks[0], (n, 1), generator=random) + rises.cumsum(1)) % blocks[0]
    others = [(first + (torch.rand(n, length, generator=random) < 0.4)) % size for size in blocks[1:]]
    return torch.stack([first, *others], -1)


def samples(n: int, length: int, blocks: list[int], seed: int = 0) -> Tensor:
    """Return the samples (n, length, sum of blocks) of ``Chain``."""
    return one_hot(chain(n, length, blocks, seed), blocks)
