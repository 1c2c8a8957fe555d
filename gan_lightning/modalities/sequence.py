"""Sequences of tokens: what text and music have in common."""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content, Sample


class TokenSequence(Modality):
    """Sequences of steps of one length; each step has one or more *blocks*, variables with finitely many values.

    The blocks of text are its tokens, those of music the voices. A sample (B, length, sum of blocks) holds the one-hot
    vectors of the blocks, side by side.

    Attributes:
        length: number of steps.
        blocks: number of values of each block.
    """

    length: int
    blocks: Sequence[int]

    @property
    def sample_shape(self) -> tuple[int, int]:  # type: ignore[override]
        return self.length, sum(self.blocks)

    @abstractmethod
    def codes(self, content: Content) -> Tensor:
        """Return the index of the value of each block, (B, length, blocks) int64, on the device of the content."""

    @abstractmethod
    def from_codes(self, codes: Tensor) -> Content:
        """Return the content with these values of the blocks (B, length, blocks)."""

    def encode(self, content: Content) -> Sample:
        return one_hot(self.codes(content), self.blocks)

    def decode(self, sample: Sample) -> Content:
        assert isinstance(sample, Tensor)
        return self.from_codes(codes_of(sample, self.blocks).cpu())


def one_hot(codes: Tensor, blocks: Sequence[int]) -> Tensor:
    """Return the one-hot vectors (..., sum of blocks) float of indices (..., blocks)."""
    starts = torch.tensor([0, *accumulate(blocks[:-1])], device=codes.device)
    return torch.zeros(*codes.shape[:-1], sum(blocks), device=codes.device).scatter_(-1, codes + starts, 1.0)


def codes_of(sample: Tensor, blocks: Sequence[int]) -> Tensor:
    """Return the index (..., blocks) int64 of the largest value of each block of samples (..., sum of blocks)."""
    return torch.stack([block.argmax(-1) for block in sample.split(list(blocks), -1)], -1)


def held_values(codes: Tensor, hold: int) -> Tensor:
    """Return what codes (B, length, blocks) stand for: ``hold`` for the last other value of its block.

    There is nothing to hold at the start: ``hold`` stands for itself there.
    """
    steps = torch.arange(codes.shape[1], device=codes.device)[None, :, None]
    latest = torch.where(codes != hold, steps, 0).cummax(1).values
    return codes.gather(1, latest)
