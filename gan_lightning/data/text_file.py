"""The data set of a user's own text: a file with one sample a line."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Unpack

from pydantic import PositiveInt

from gan_lightning.data.texts import Lines, TextData, TextSettings
from gan_lightning.errors import UserError
from gan_lightning.marks import Location, WithoutEffect
from gan_lightning.modalities.text import RESERVED, read_lines
from gan_lightning.modalities.tokenizers import UNKNOWN, Characters, Tokenizer, Words
from gan_lightning.system.distributed import first_process

HELD_OUT = 10  # every tenth distinct line is a test line
MAX_TOKEN = 100  # characters; lines with more for each of their tokens count as too long, and are not split

Unit = Literal["words", "characters"]

log = logging.getLogger(__name__)


class Found(NamedTuple):
    """The lines of a file and the numbers of those that are left out or repeated.

    Attributes:
        lines: the lines without blanks at their ends, in the order of the file.
        empty: number of empty lines, which are left out.
        long: number of lines with too many tokens, which are left out.
        repeated: number of lines that repeat an earlier one; they are kept.
    """

    lines: Sequence[str]
    empty: int
    long: int
    repeated: int


class TextFile(TextData):
    """Lines of a text file in UTF-8, one sample a line.

    Every tenth distinct line is a test line, with all its repetitions, so that no test line is a training line too.

    Args:
        file: the file.
        unit: tokens are ``words`` or ``characters``.
        lower: if True, the letters of words become lower case.
        max_length: lines with more tokens are left out.
        min_count: rarer tokens are not in the vocabulary; ``vocabulary`` is chosen by it.
        max_vocabulary: largest number of tokens in the vocabulary; ``vocabulary`` is chosen by it.
        licence: licence of the text, for statements about samples; an SPDX identifier such as ``CC-BY-4.0``.
        settings: see :class:`TextData`.
    """

    def __init__(
        self,
        file: Location[str],
        unit: Unit = "words",
        lower: bool = True,
        max_length: PositiveInt = 64,
        min_count: WithoutEffect[PositiveInt] = 1,
        max_vocabulary: WithoutEffect[PositiveInt] = 10_000,
        licence: str | None = None,
        **settings: Unpack[TextSettings],
    ) -> None:
        super().__init__(tokenizer_of(unit, lower), **settings)
        self.path = Path(file).expanduser()
        self.max_length = max_length
        self.source, self.licence = self.path.name, licence

    def read(self) -> Lines:
        found = find_lines(self.path, self.modality.tokenizer, self.max_length)
        reasons = ((found.empty, "are empty"), (found.long, f"have more than {self.max_length} tokens"))
        left_out = [f"{n:,} {reason}" for n, reason in reasons if n]
        if first_process():
            summary = f"data.file={self.path}: {len(found.lines):,} lines"
            summary += f", of which {found.repeated:,} repeat another one" if found.repeated else ""
            summary += f"; left out: {', '.join(left_out)}" if left_out else ""
            log.log(logging.WARNING if left_out else logging.INFO, "%s", summary)
        return split_lines_of(found.lines)


def tokenizer_of(unit: Unit, lower: bool) -> Tokenizer:
    """Return the tokenizer of a unit."""
    return Words(lower) if unit == "words" else Characters()


def find_lines(path: Path, tokenizer: Tokenizer, max_length: int) -> Found:
    """Return the lines of a text file.

    Raises:
        UserError: if the file cannot be read, or has fewer than two different lines with at most ``max_length`` tokens.
    """
    if not path.exists():
        raise UserError(f"data.file={path}: no such file: name a text file with one sample a line")
    if path.is_dir():
        raise UserError(f"data.file={path}: is a folder: name a text file with one sample a line")
    try:
        stripped = [line.strip() for line in read_lines(path)]
    except UserError as error:
        raise UserError(f"data.file={error}") from error
    given = [line for line in stripped if line]
    lines = [line for line in given if len(line) <= MAX_TOKEN * max_length and len(tokenizer.split(line)) <= max_length]
    distinct = len(set(lines))
    if distinct < 2:
        raise UserError(
            f"data.file={path}: has {'one line' if distinct else 'no line'} of at most {max_length} tokens, among "
            f"{len(given):,}: at least two different ones are needed: write one sample a line, or raise data.max_length"
        )
    return Found(lines, len(stripped) - len(given), len(given) - len(lines), len(lines) - distinct)


def split_lines_of(lines: Sequence[str]) -> Lines:
    """Return training lines and test lines: every tenth distinct line, or the last of fewer, with its repetitions."""
    distinct = list(dict.fromkeys(lines))
    held_out = set(distinct[HELD_OUT - 1 :: HELD_OUT] or distinct[-1:])
    return Lines([line for line in lines if line not in held_out], [line for line in lines if line in held_out])


def find_shape(
    path: Path, unit: Unit, lower: bool, max_length: int, min_count: int, max_vocabulary: int
) -> tuple[int, int]:
    """Return the largest number of tokens of the lines of a file, and the size of the vocabulary.

    Args:
        path: the file.
        unit, lower, max_length, min_count, max_vocabulary: see :class:`TextFile`.

    Raises:
        UserError: if the file does not suit.
    """
    tokenizer = tokenizer_of(unit, lower)
    lines = find_lines(path, tokenizer, max_length).lines
    counts = Counter(token for line in split_lines_of(lines).training for token in tokenizer.split(line))
    known = sum(count >= min_count and token != UNKNOWN for token, count in counts.items())
    if not known:
        raise UserError(f"data.min_count={min_count}: no token of {path} is so frequent: a smaller one")
    return max(len(tokenizer.split(line)) for line in lines), min(known, max_vocabulary) + RESERVED
