"""An n-gram language model that scores lines of tokens, smoothed by interpolated Kneser–Ney."""

from typing import NamedTuple, Self

import numpy as np

ORDER = 3


class _Table(NamedTuple):
    """Counts of the n-grams of one order.

    Attributes:
        ngrams: sorted codes of n-grams.
        counts: count of each.
        contexts: sorted codes of their contexts.
        totals: sum of the counts of each context.
        distinct: number of different tokens after each context.
        discount: what is taken from each count.
    """

    ngrams: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    distinct: np.ndarray
    discount: float


class LanguageModel:
    """N-gram model with interpolated Kneser–Ney smoothing (Kneser & Ney, 1995; Chen & Goodman, 1999).

    The highest order is counted, a lower one has the number of different tokens before each n-gram. The lowest is
    mixed with the uniform distribution, so every line has a probability above 0. Of each count a discount
    n₁ / (n₁ + 2 n₂) is taken, where n₁ and n₂ are the numbers of n-grams that were counted once and twice.

    Lines are rows of token ids (n, length), 0 after the end of a line. The end is a token that is predicted too.

    Args:
        size: size of the vocabulary.
        order: largest number of tokens in an n-gram.
    """

    def __init__(self, size: int, order: int = ORDER) -> None:
        self.size, self.order = size, order
        self._base = size + 1  # with a token for the start of a line
        if self._base**order > np.iinfo(np.int64).max:
            raise ValueError(f"a vocabulary of {size:,} tokens is too large for {order}-grams")
        self._tables: list[_Table] = []  # of order 1 first

    def fit(self, lines: np.ndarray) -> Self:
        """Count the n-grams of lines, and no others; return the model."""
        ngrams, counts = np.unique(self._codes(lines), return_counts=True)
        self._tables = [_tabulate(ngrams, counts, self._base)]
        for order in range(self.order - 1, 0, -1):
            ngrams, counts = np.unique(ngrams % self._base**order, return_counts=True)  # without the first token
            self._tables.insert(0, _tabulate(ngrams, counts, self._base))
        return self

    def negative_log_likelihood(self, lines: np.ndarray) -> float:
        """Return the mean negative log-probability of the tokens of lines and of their ends, in nats a token."""
        return float(-self.log_probability(lines).sum() / ((lines != 0).sum() + len(lines)))

    def log_probability(self, lines: np.ndarray) -> np.ndarray:
        """Return the log-probability of each line and its end (n,), in nats."""
        codes = self._codes(lines)
        probabilities = np.full(len(codes), 1 / self.size)
        for order, table in enumerate(self._tables, 1):
            of_order = codes % self._base**order
            counts = _look_up(table.ngrams, table.counts, of_order)
            contexts = of_order // self._base
            totals = _look_up(table.contexts, table.totals, contexts)
            distinct = _look_up(table.contexts, table.distinct, contexts)
            kept = np.maximum(counts - table.discount, 0) + table.discount * distinct * probabilities
            probabilities = np.where(totals > 0, kept / np.maximum(totals, 1), probabilities)
        rows = np.repeat(np.arange(len(lines)), (lines != 0).sum(1) + 1)
        return np.bincount(rows, np.log(probabilities), minlength=len(lines))

    def _codes(self, lines: np.ndarray) -> np.ndarray:
        """Return the codes of the n-grams of the highest order that end at a token or at the end of a line."""
        n, length = lines.shape
        starts = np.full((n, self.order - 1), self.size)
        padded = np.concatenate([starts, lines, np.zeros((n, 1))], 1).astype(np.int64)
        predicted = np.arange(length + 1) <= (lines != 0).sum(1, keepdims=True)
        codes = np.zeros((n, length + 1), np.int64)
        for i in range(self.order):
            codes = codes * self._base + padded[:, i : i + length + 1]
        return codes[predicted]


def _tabulate(ngrams: np.ndarray, counts: np.ndarray, base: int) -> _Table:
    contexts, first, distinct = np.unique(ngrams // base, return_index=True, return_counts=True)
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    discount = once / (once + 2 * twice) if once and twice else 0.5
    return _Table(ngrams, counts, contexts, np.add.reduceat(counts, first), distinct, float(discount))


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the value of each wanted key; 0 for those that are not among the sorted keys."""
    places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)
