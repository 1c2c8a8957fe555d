"""Captions of pictures that do not exist, by a small grammar; no download is needed."""

import hashlib
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import NamedTuple, Unpack

from gan_lightning.data.texts import Lines, TextData, TextSettings
from gan_lightning.modalities.tokenizers import Words

NUMBERS = ("a", "two")
SIZES = ("small", "large")
COLORS = ("red", "green", "blue")
SHAPES = ("circle", "square", "triangle")
RELATIONS = ("left of", "right of", "above", "below")
HELD_OUT = 5  # one of so many sentences is a test sentence


class Things(NamedTuple):
    """One or two things of a kind, which a sentence names."""

    number: str
    size: str
    color: str
    shape: str

    @property
    def is_plural(self) -> bool:
        return self.number != NUMBERS[0]

    @property
    def kind(self) -> tuple[str, str, str]:
        return self.size, self.color, self.shape

    def __str__(self) -> str:
        return " ".join([self.number, *self.kind]) + "s" * self.is_plural


class Grammar(TextData):
    """Sentences such as “two small red circles are left of a large blue square.”, each as likely as any other.

    There are 4,896 of them. A noun agrees with its number, the verb agrees with the first noun, and the second things
    are of another kind than the first. A fifth of the sentences, chosen by a hash, is the test set: a model that finds
    them has found the rules.

    Takes the arguments of :class:`TextData` but ``tokenizer``.
    """

    licence = "CC0-1.0"

    def __init__(self, **settings: Unpack[TextSettings]) -> None:
        super().__init__(Words(), **settings)

    def read(self) -> Lines:
        return Lines(
            [one for one in sentences() if not is_held_out(one)], [one for one in sentences() if is_held_out(one)]
        )


@cache
def sentences() -> tuple[str, ...]:
    """Return all sentences of the grammar in order."""
    return tuple(_sentences())


def _sentences() -> Iterator[str]:
    things = [Things(*one) for one in product(NUMBERS, SIZES, COLORS, SHAPES)]
    for first, relation, second in product(things, RELATIONS, things):
        if first.kind != second.kind:
            yield f"{first} {'are' if first.is_plural else 'is'} {relation} {second}."


def is_held_out(sentence: str) -> bool:
    """Return True if a sentence is a test sentence."""
    return hashlib.sha256(sentence.encode()).digest()[0] % HELD_OUT == 0
