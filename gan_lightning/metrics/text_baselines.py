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
        self._next: dict[tuple[int, ...], list[int]] = {}
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
        return self

    def draw(self, n: int, seed: int = 0) -> np.ndarray:
        """Return n lines (n, length); those that would be longer are cut."""
        random = np.random.default_rng(seed)
        lines = np.zeros((n, self._longest), np.int64)
        for line in lines:
            context = self._start
            for i, number in enumerate(random.random(self._longest)):
                line[i] = token = self._draw_token(context, number, may_end=i >= self._shortest)
                if not token:
                    break
                context = self._following(context, token)
        return lines

    def _draw_token(self, context: tuple[int, ...], number: float, may_end: bool) -> int:
        """Return the token that a number in [0, 1) chooses among those that followed a context."""
        following = self._next[context]
        if not may_end and 0 in following:
            following = [token for token in following if token]
        if not following:
            return self._draw_token(context[1:], number, may_end)
        return following[int(number * len(following))]

    @property
    def _start(self) -> tuple[int, ...]:
        return (0,) * (self.order - 1)

    def _following(self, context: tuple[int, ...], token: int) -> tuple[int, ...]:
        return (*context, token)[1:] if context else context
