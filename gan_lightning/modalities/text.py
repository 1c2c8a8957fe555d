"""The modality of text: lines of words or of characters."""

import hashlib
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gan_lightning.errors import UserError, explain_os_error, listed, printable
from gan_lightning.files import check_regular
from gan_lightning.modalities.arrays import ARRAYS
from gan_lightning.modalities.samples import Content
from gan_lightning.modalities.sequence import TokenSequence
from gan_lightning.modalities.text_sheet import draw_lines
from gan_lightning.modalities.tokenizers import UNKNOWN, Tokenizer, is_token, split_lines

if TYPE_CHECKING:  # slow to import
    from torch.utils.tensorboard import SummaryWriter

END_ID, UNKNOWN_ID = 0, 1
RESERVED = 2  # indices that are no tokens of the vocabulary
MAX_LOGGED = 64  # lines that are logged as text

log = logging.getLogger(__name__)


class Text(TokenSequence):
    """Lines of text: content (n, length) int64, the indices of tokens; samples (n, length, size) float, one-hot.

    Index 0 ends a line and fills the steps after its end. Index 1 is the unknown token, which is written as U+FFFD. The
    others are the tokens of the vocabulary, the most frequent first. ``fit`` chooses them; they are the state of the
    modality. A file has one line for each sample, in UTF-8.

    Args:
        tokenizer: splits lines into tokens and joins these.
        length: largest number of tokens of a line.
        size: number of tokens of the vocabulary, including the two that are reserved.

    Attributes:
        tokens: the tokens of the vocabulary, without the two that are reserved; none before ``fit``.
    """

    suffix = ".txt"
    media_type = "text/plain"
    content_dtype = torch.int64

    def __init__(self, tokenizer: Tokenizer, length: int, size: int) -> None:
        if length < 1 or size <= RESERVED:
            raise ValueError(f"length={length}, size={size}: must be at least 1 and {RESERVED + 1}")
        self.tokenizer, self.length, self.blocks = tokenizer, length, [size]
        self._set_tokens([])

    @property
    def content_shape(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def vocabulary(self) -> list[str]:
        """Text of each index; the token that ends a line has none."""
        return ["", UNKNOWN, *self.tokens]

    def _set_tokens(self, tokens: Sequence[str]) -> None:
        self.tokens = list(tokens)
        self._index = {token: i for i, token in enumerate(self.tokens, RESERVED)}

    def fit(self, lines: Iterable[str]) -> None:
        """Choose the most frequent tokens of lines, of equally frequent ones the first by code point, as vocabulary.

        Raises:
            ValueError: if the lines have fewer tokens than the vocabulary.
        """
        counts = Counter(token for line in lines for token in self.tokenizer.split(line) if token != UNKNOWN)
        tokens = sorted(counts, key=lambda token: (-counts[token], token))
        if len(tokens) < self.blocks[0] - RESERVED:
            raise ValueError(f"the lines have {len(tokens):,} different tokens: at most {len(tokens) + RESERVED:,}")
        self._set_tokens(tokens[: self.blocks[0] - RESERVED])

    def from_lines(self, lines: Sequence[str], where: object = "text", level: int = logging.WARNING) -> Tensor:
        """Return the content (n, length) of lines; the log says how many of their tokens are unknown.

        Args:
            lines: the lines.
            where: source of the lines, for messages.
            level: level of what is logged about unknown tokens.

        Raises:
            UserError: if a line has more than ``length`` tokens.
        """
        self._check_fitted()
        content, unknown, known = torch.zeros(len(lines), self.length, dtype=torch.int64), Counter[str](), self._index
        for row, line in enumerate(lines):
            tokens = self.tokenizer.split(line)
            if len(tokens) > self.length:
                shown = printable(line[:40])
                raise UserError(
                    f"{where}: line {row + 1:,} ({shown}…) has {len(tokens):,} tokens: at most {self.length}"
                )
            content[row, : len(tokens)] = torch.tensor([known.get(token, UNKNOWN_ID) for token in tokens])
            unknown.update(token for token in tokens if token not in known and token != UNKNOWN)
        if unknown:
            names = listed([printable(token) for token, _ in unknown.most_common()], 5)
            tokens_are = "token is" if unknown.total() == 1 else "tokens are"
            log.log(level, "%s: %s %s unknown: %s", where, f"{unknown.total():,}", tokens_are, names)
        return content

    def lines(self, content: Content) -> list[str]:
        """Return the lines of content."""
        return [self.tokenizer.join(tokens) for tokens in self.token_lists(content)]

    def token_lists(self, content: Content) -> list[list[str]]:
        """Return the tokens of each line of content."""
        self._check_fitted()
        assert isinstance(content, Tensor)
        vocabulary = self.vocabulary
        return [[vocabulary[i] for i in row if i != END_ID] for row in content.tolist()]

    def _check_fitted(self) -> None:
        if not self.tokens:
            raise ValueError("the text has no vocabulary: call fit, or load a state")

    def codes(self, content: Content) -> Tensor:
        assert isinstance(content, Tensor)
        return content[..., None]

    def from_codes(self, codes: Tensor) -> Tensor:
        ids = codes[..., 0]
        return ids * ((ids == END_ID).cumsum(-1) == 0)

    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        return draw_lines(self.lines(content))

    def log(self, writer: "SummaryWriter", tag: str, content: Content, step: int, columns: int | None = None) -> None:
        """Write the sheet, and the lines as text."""
        super().log(writer, tag, content, step, columns)
        assert isinstance(content, Tensor)
        lines = self.lines(content[:MAX_LOGGED])
        writer.add_text(tag, "\n".join(f"    {line}" for line in lines), step)  # Markdown of text as it is

    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        path = folder / f"samples{self.suffix}"
        with path.open("a" if start else "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in self.lines(content))
        return [path]

    def read(self, path: Path, without: Collection[Path] = ()) -> Content:
        """Return the lines of a file or of a folder; or one line if the path is itself text."""
        return self.from_lines([str(path)]) if self.says(str(path)) else super().read(path, without)

    def says(self, text: str) -> bool:
        is_file = Path(text).suffix.lower() in (self.suffix, *ARRAYS) or "\0" in text or Path(text).exists()
        return not is_file and len(split_lines(text)) == 1 and bool(self.tokenizer.split(text))

    def read_file(self, path: Path) -> Tensor:
        return self.from_lines(read_lines(path), path)

    def check(self, content: Content, where: object = "content") -> Content:
        super().check(content, where)
        assert isinstance(content, Tensor)
        if content.min() < 0 or content.max() >= self.blocks[0]:
            raise UserError(f"{where}: the vocabulary has {self.blocks[0]:,} tokens: 0 to {self.blocks[0] - 1}")
        if not torch.equal(self.from_codes(content[..., None]), content):
            raise UserError(f"{where}: a line has tokens after its end: fill the rest of it with {END_ID}")
        return content

    @classmethod
    def digest(cls, path: Path) -> str:
        """Return the SHA-256 of the lines of a file, whatever ends them, and without a byte-order mark."""
        return hashlib.sha256("\n".join(read_lines(path)).encode()).hexdigest()

    def input_form(self) -> dict[str, Any]:
        return {"kind": "text", "length": self.length}

    def state(self) -> dict[str, Any]:
        return {"tokens": self.tokens} if self.tokens else {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        tokens = state.get("tokens")
        if state.keys() - {"tokens"} or not isinstance(tokens, list) or len(tokens) != self.blocks[0] - RESERVED:
            raise ValueError(f"a vocabulary of {self.blocks[0]:,} needs {self.blocks[0] - RESERVED:,} tokens")
        if not all(isinstance(token, str) and is_token(self.tokenizer, token) for token in tokens):
            raise ValueError(f"the vocabulary has a text that is no token of {type(self.tokenizer).__name__}")
        if len({*tokens, UNKNOWN}) != len(tokens) + 1:
            raise ValueError("the vocabulary has a token twice")
        self._set_tokens(tokens)


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file in UTF-8.

    Raises:
        UserError: if the file cannot be read, is empty, or is no text in UTF-8.
    """
    try:
        check_regular(path)
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {explain_os_error(error)}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        place = f"line {before.count(10) + 1:,}, byte {error.start - before.rfind(10):,} of it"
        raise UserError(
            f"{path}: is not UTF-8 text ({place}, is {data[error.start]:#04x}): save it as UTF-8"
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UserError(f"{path}: line {line:,} has a NUL character, so it is no text: save it as UTF-8 text")
    lines = split_lines(text)
    if not lines:
        raise UserError(f"{path}: is empty: write one sample a line")
    return lines
