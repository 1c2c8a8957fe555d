"""Lines of simple generators of text, to compare with."""

from collections import defaultdict
from typing import Self

import numpy as np


class NgramLines:
    """Lines whose next token is drawn as it followed the last tokens in training lines, without smoothing.

    With ``order=1``, each token is independent of the others; with 3, it depends on the two before it. No line is
    shorter than the shortest training line: before that length, a context that only an end followed is shortened.
    Lines are rows of token ids (n, length), 0 after the end of a line.

    Args:
        order: number of tokens in an n-gram.
    """

    def __init__(self, order: int) -> None:
        self.order = order
        self._next: dict[tuple[int, ...], list[int]] = {}  # what followed each context
        self._inside: dict[tuple[int, ...], list[int]] = {}  # the same without ends
        self._shortest, self._longest = 0, 0

    def fit(self, lines: np.ndarray) -> Self:
        """Keep what follows each context in the lines (n, length); return the generator."""
        found: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        self._shortest, self._longest = int((lines != 0).sum(1).min()), lines.shape[1]
        for line in lines.tolist():
            context = self._start
            for token in [*line, 0]:
                for i in range(self.order):
                    found[context[i:]].append(token)
                if not token:
                    break
                context = self._following(context, token)
        self._next = dict(found)
        self._inside = {context: [token for token in tokens if token] for context, tokens in found.items()}
        return self

    def draw(self, n: int, seed: int = 0) -> np.ndarray:
        """Return n lines (n, length); those that would be longer are cut."""
        random = np.random.default_rng(seed)
        lines = np.zeros((n, self._longest), np.int64)
        for line in lines:
            context = self._start
            for i, number in enumerate(random.random(self._longest)):
                following = self._followers(context, self._next if i >= self._shortest else self._inside)
                line[i] = token = following[int(number * len(following))]
                if not token:
                    break
                context = self._following(context, token)
        return lines

    def _followers(self, context: tuple[int, ...], known: dict[tuple[int, ...], list[int]]) -> list[int]:
        """Return what followed the longest part of a context that anything followed."""
        while not known.get(context):
            context = context[1:]
        return known[context]

    @property
    def _start(self) -> tuple[int, ...]:
        return (0,) * (self.order - 1)

    def _following(self, context: tuple[int, ...], token: int) -> tuple[int, ...]:
        return (*context, token)[1:] if context else context
