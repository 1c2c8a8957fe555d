"""The base class of data sets of music."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple, NotRequired

from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not take typing's

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.modalities.music import Music
from gan_lightning.modalities.music_codes import cut


class MusicSettings(TypedDict):
    """Settings that every data set of music takes; see :class:`MusicData`."""

    voices: Literal[1, 4]
    bars: PositiveInt
    metre: PositiveInt
    steps_per_quarter: PositiveInt
    lowest: NonNegativeInt
    highest: NonNegativeInt
    harmonize: bool
    batch_size: PositiveInt
    blocks: Sequence[PositiveInt]
    sample_shape: Sequence[PositiveInt]
    condition_shape: Sequence[PositiveInt]
    num_classes: None
    seed: NonNegativeInt
    evaluator: NotRequired[Any]


class Split(NamedTuple):
    """Content (n, length, voices) uint8 of the training set and of the test set; None if there is no test set."""

    training: Tensor
    test: Tensor | None


class MusicData(Data):
    """Music of a few bars: content (N, length, voices) uint8, see :class:`gan_lightning.modalities.music.Music`.

    Args:
        voices, metre, steps_per_quarter, lowest, highest: as for :class:`~gan_lightning.modalities.music.Music`.
        bars: number of bars of an example.
        harmonize: if True, the first voice is the condition too, so that a model learns to add the others.
        batch_size: number of examples in a batch, as for :class:`Data`.
        blocks: number of values of each voice, which the other settings determine.
        sample_shape: [number of steps, number of values of all voices].
        condition_shape: [number of steps, number of values of the first voice].
        num_classes: None, since music has no classes.
        seed: seed of the order of examples.
        evaluator: evaluator that measures samples, as for :class:`Data`.
    """

    modality: Music
    condition: Music | None

    def __init__(
        self,
        voices: Literal[1, 4],
        bars: PositiveInt,
        metre: PositiveInt,
        steps_per_quarter: PositiveInt,
        lowest: NonNegativeInt,
        highest: NonNegativeInt,
        harmonize: bool,
        batch_size: PositiveInt,
        blocks: Sequence[PositiveInt],
        sample_shape: Sequence[PositiveInt],
        condition_shape: Sequence[PositiveInt],
        num_classes: None,
        seed: NonNegativeInt,
        evaluator: Any = None,
    ) -> None:
        length = bars * metre * steps_per_quarter
        if harmonize and voices == 1:
            raise UserError("data.harmonize=true: adds voices to the first one, and data.voices=1: set data.voices=4")
        try:
            modality = Music(voices, length, steps_per_quarter, metre, lowest, highest)
            soprano = Music(1, length, steps_per_quarter, metre, lowest, highest)
        except UserError as error:
            raise UserError(f"data.{error}") from error
        super().__init__(modality, batch_size, seed, soprano if harmonize else None, evaluator)
        shapes = {
            "blocks": (blocks, modality.blocks),
            "sample_shape": (sample_shape, modality.sample_shape),
            "condition_shape": (condition_shape, soprano.sample_shape),
        }
        for key, (found, expected) in shapes.items():
            if list(found) != list(expected):
                raise UserError(f"data.{key}={list(found)}: must be {list(expected)}: leave it as it was")

    @abstractmethod
    def read(self) -> Split:
        """Return the music; raise UserError if it is missing or damaged."""

    def training_windows(self, piece: Tensor) -> Tensor:
        """Return the windows (n, length, voices) of a piece (T, voices) that start with each bar."""
        return cut(piece, self.modality.length, self.modality.steps_per_bar)

    def test_windows(self, piece: Tensor) -> Tensor:
        """Return windows of a piece that do not overlap: equal bars on both sides of a test would make it too easy."""
        return cut(piece, self.modality.length, self.modality.length)

    @cached_property
    def _split(self) -> Split:
        return self.read()

    def load(self) -> Examples:
        return self._examples(self._split.training)

    def load_test(self) -> Examples | None:
        return None if self._split.test is None else self._examples(self._split.test)

    def _examples(self, content: Tensor) -> Examples:
        return Examples(content, content[:, :, :1].contiguous() if self.condition is not None else None)
