"""The base class of data sets of text."""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import NonNegativeInt, PositiveInt
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not take typing's

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.modalities.text import RESERVED, Text
from gan_lightning.modalities.tokenizers import Tokenizer
from gan_lightning.system.distributed import first_process

log = logging.getLogger(__name__)


class TextSettings(TypedDict):
    """Settings that every data set of text takes; see :class:`TextData`."""

    length: PositiveInt
    vocabulary: PositiveInt
    blocks: Sequence[PositiveInt]
    sample_shape: Sequence[PositiveInt]
    batch_size: PositiveInt
    seed: NonNegativeInt
    evaluator: Any


class Lines(NamedTuple):
    """Training lines and test lines; None if there are no test lines."""

    training: Sequence[str]
    test: Sequence[str] | None


class TextData(Data):
    """Lines of text: content (N, length) int64. The vocabulary is chosen by the training lines.

    Args:
        tokenizer: splits lines into tokens, which a subclass chooses.
        length: largest number of tokens of a line; longer lines are left out, which the log says.
        vocabulary: size of the vocabulary, including the end of a line and the unknown token.
        blocks: [vocabulary].
        sample_shape: [length, vocabulary].
        batch_size: number of lines in a batch, as for :class:`Data`.
        seed: seed of the order of lines.
        evaluator: evaluator that measures samples, as for :class:`Data`.
    """

    modality: Text

    def __init__(
        self,
        tokenizer: Tokenizer,
        length: PositiveInt,
        vocabulary: PositiveInt,
        blocks: Sequence[PositiveInt],
        sample_shape: Sequence[PositiveInt],
        batch_size: PositiveInt,
        seed: NonNegativeInt,
        evaluator: Any = None,
    ) -> None:
        if vocabulary <= RESERVED:
            raise UserError(f"data.vocabulary={vocabulary}: at least {RESERVED + 1}, as {RESERVED} are reserved")
        super().__init__(Text(tokenizer, length, vocabulary), batch_size, seed, evaluator=evaluator)
        for key, found, expected in (
            ("blocks", list(blocks), [vocabulary]),
            ("sample_shape", list(sample_shape), [length, vocabulary]),
        ):
            if found != expected:
                raise UserError(f"data.{key}={found}: must be {expected}: leave it as it was, and set data.length and "
                                "data.vocabulary")  # fmt: skip

    @abstractmethod
    def read(self) -> Lines:
        """Return the lines; raise UserError if they are missing or damaged."""

    @cached_property
    def _lines(self) -> Lines:
        return self.read()

    def load(self) -> Examples:
        lines = self._leave_out_long(self._lines.training, "training")
        try:
            self.modality.fit(lines)
        except ValueError as error:
            raise UserError(f"data.vocabulary={self.modality.blocks[0]}: {error}") from error
        return Examples(self.modality.from_lines(lines, "data: training lines", logging.INFO))

    def load_test(self) -> Examples | None:
        if self._lines.test is None:
            return None
        lines = self._leave_out_long(self._lines.test, "test")
        return Examples(self.modality.from_lines(lines, "data: test lines", logging.INFO)) if lines else None

    def _leave_out_long(self, lines: Sequence[str], part: str) -> list[str]:
        length, split = self.modality.length, self.modality.tokenizer.split
        kept = [line for line in lines if len(split(line)) <= length]
        if not kept and part == "training":
            raise UserError(f"data.length={length}: all {len(lines):,} training lines have more tokens: a larger one")
        if len(kept) < len(lines) and first_process():
            log.warning("data: %s of %s %s lines have more than %d tokens, and are left out",
                        f"{len(lines) - len(kept):,}", f"{len(lines):,}", part, length)  # fmt: skip
        return kept
