"""Tokenizers: split lines of text into words or characters, and join these into lines that read well."""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache

UNKNOWN = "\ufffd"  # the sign of Unicode for a character that is not known
END_OF_LINE = re.compile(r"\r\n|\r|\n")
BYTE_ORDER_MARK = "\ufeff"

TO_THE_LEFT = frozenset(".,;:!?%)]}…’”") | {"...", ".."}  # tokens without a blank before them
TO_THE_RIGHT = frozenset("([{$#‘“")  # tokens without a blank after them


class Tokenizer(ABC):
    """Splits a line into tokens and joins tokens into a line.

    ``split(join(tokens)) == tokens`` must hold for all tokens that ``split`` can return, in any order, and for
    ``UNKNOWN``: a file of generated lines is read back as the tokens that were generated.
    """

    @abstractmethod
    def split(self, line: str) -> list[str]:
        """Return the tokens of a line, which has no line feed."""

    @abstractmethod
    def join(self, tokens: Sequence[str]) -> str:
        """Return the line of tokens."""


class Words(Tokenizer):
    """Words and punctuation marks, by rules like those of the Penn Treebank (Marcus et al., 1993).

    ``isn't`` is ``is`` and ``n't``, ``dog's`` is ``dog`` and ``'s``. A dot, a hyphen or a comma between letters or
    digits is a part of the word, as in ``T.V``, ``old-fashioned`` and ``1,000``.

    Args:
        lower: if True, letters become lower case.
    """

    def __init__(self, lower: bool = True) -> None:
        self.lower = lower

    def split(self, line: str) -> list[str]:
        line = line.lower() if self.lower else line
        return _word_pattern(_marks(line)).findall(line)

    def join(self, tokens: Sequence[str]) -> str:
        """Return the line with blanks where writers put them; between all tokens if it could not be split again."""
        parts, after_opening = [], True
        for token in tokens:
            attached = token in TO_THE_LEFT or _is_contraction(token)
            parts.append(token if after_opening or attached else f" {token}")
            after_opening = token in TO_THE_RIGHT
        line = "".join(parts)
        return line if self.split(line) == list(tokens) else " ".join(tokens)


class Characters(Tokenizer):
    """Single characters, blanks among them."""

    def split(self, line: str) -> list[str]:
        return list(line)

    def join(self, tokens: Sequence[str]) -> str:
        return "".join(tokens)


class Verses(Tokenizer):
    """Characters of poems whose verses have one length; punctuation is no token, and is written between the verses.

    Args:
        verses: number of verses of a poem, an even number.
        length: number of characters of a verse.
    """

    MARKS = "，。"  # after verses in turn

    def __init__(self, verses: int, length: int) -> None:
        self.verses, self.length = verses, length

    def split(self, line: str) -> list[str]:
        return [character for character in line if character not in self.MARKS and not character.isspace()]

    def join(self, tokens: Sequence[str]) -> str:
        """Return the poem with punctuation if it is in form; its characters alone if not."""
        text, length = "".join(tokens), self.length
        if len(text) != self.verses * length:
            return text
        verses = [text[i : i + length] for i in range(0, len(text), length)]
        return "".join(verse + self.MARKS[i % 2] for i, verse in enumerate(verses))


def split_lines(text: str) -> list[str]:
    """Return the lines of a text, whatever ends them; the end of the last line may be missing."""
    lines = END_OF_LINE.split(text.replace(BYTE_ORDER_MARK, ""))
    return lines[:-1] if not lines[-1] else lines


@lru_cache
def _word_pattern(marks: str) -> re.Pattern[str]:
    """Return the pattern of a token: a word before ``n't``, a contraction, a word, dots, or another character.

    Args:
        marks: characters that are parts of words although Python does not count them as such.
    """
    letter = rf"[\w{marks}]"
    words = [rf"{letter}+?(?=[nN]['’][tT]\b)", r"[nN]['’][tT]\b", r"['’](?:[sSmMdD]|ll|LL|re|RE|ve|VE)\b"]
    return re.compile("|".join([*words, rf"{letter}+(?:[-./,]+{letter}+)*", r"\.\.+", r"[^\w\s]"]))


def _marks(line: str) -> str:
    """Return the accents and vowels of a line that are characters of their own, as in the scripts of India, sorted."""
    if line.isascii():
        return ""
    return "".join(sorted(one for one in set(line) if unicodedata.category(one) in ("Mn", "Mc")))


def _is_contraction(token: str) -> bool:
    return len(token) > 1 and ("'" in token or "’" in token)


def is_token(tokenizer: Tokenizer, text: str) -> bool:
    """Return True if a text is one token, which a file can hold."""
    return tokenizer.split(text) == [text] and END_OF_LINE.search(text) is None and BYTE_ORDER_MARK not in text
