"""Sentence BLEU of many lines against all others, exactly and fast, by counting n-grams once.

Lines are rows of token ids (n, length), 0 after the end of a line.
"""

import numpy as np

EPSILON = 0.1  # count of an order without a match


def bleu(hypotheses: np.ndarray, references: np.ndarray, most: int = 5) -> np.ndarray:
    """Return the sentence BLEU of each hypothesis (n, most − 1): with n-grams of 2 words at most, of 3, … of ``most``.

    Each hypothesis is compared with all references (Papineni et al., 2002, https://doi.org/10.3115/1073083.1073135).
    An order without a match counts as a match of ``EPSILON`` (method 1 of Chen & Cherry, 2014,
    https://doi.org/10.3115/v1/W14-3346). The result is that of NLTK's ``sentence_bleu``.

    Args:
        hypotheses: (n, length), the lines to score.
        references: (m, length), m ≥ 1.
        most: largest order of the n-grams.
    """
    lines, n = np.concatenate([hypotheses, references]), len(hypotheses)
    return _scores(lines, np.arange(len(lines)) < n, np.arange(len(lines)) >= n, most)


def self_bleu(lines: np.ndarray, most: int = 5) -> np.ndarray:
    """Return the sentence BLEU of each line (n, most − 1), n ≥ 2, with all others as references (Zhu et al., 2018).

    Some implementations leave the line among its references, and find a BLEU of 1. See arXiv:1802.01886.
    """
    all_of_them = np.ones(len(lines), dtype=bool)
    return _scores(lines, all_of_them, all_of_them, most)


def _scores(lines: np.ndarray, scored: np.ndarray, references: np.ndarray, most: int) -> np.ndarray:
    """Return the BLEU (n, most − 1) of the n scored lines; a reference is no reference of itself.

    Args:
        lines: (N, length).
        scored, references: (N,), True for the lines to score and for their references.
        most: largest order.
    """
    lengths = (lines != 0).sum(1)
    logarithms, nothing = [], np.zeros(len(lines), dtype=bool)
    for order, (rows, ids) in enumerate(ngrams(lines, most), 1):
        matches = _clipped_matches(rows, ids, scored, references)
        total = np.maximum(lengths - order + 1, 1)
        logarithms.append(np.log(np.where(matches > 0, matches, EPSILON) / total))
        if order == 1:
            nothing = matches == 0
    means = np.cumsum(logarithms, 0)[1:] / np.arange(2, most + 1)[:, None]
    scores = np.exp(means) * _brevity_penalty(lengths, scored, references)
    return np.where(nothing, 0.0, scores).T[scored]


def ngrams(lines: np.ndarray, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each order from 1 to ``most``, the row of each n-gram of lines and an index of the n-gram."""
    n, size = len(lines), int(lines.max(initial=0)) + 1
    found, ids, rows = [], lines.astype(np.int64), np.broadcast_to(np.arange(n)[:, None], lines.shape)
    for order in range(1, most + 1):
        if order > 1:
            ids, rows = ids[:, :-1] * size + lines[:, order - 1 :], rows[:, 1:]
        within = lines[:, order - 1 :] != 0
        ids = ids.copy()
        ids[within] = np.unique(ids[within], return_inverse=True)[1]
        found.append((rows[within], ids[within]))
    return found


def _clipped_matches(rows: np.ndarray, ids: np.ndarray, scored: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return how many n-grams of each line (N,) are matched by a reference that has most of them.

    For each n-gram, the largest count over the references, the second largest, and the line that has the largest are
    enough: the references of that line have the second largest, those of others the largest.
    """
    n = len(scored)
    keys, counts = np.unique(ids * n + rows, return_counts=True)
    ids, rows = keys // n, keys % n
    of_references = references[rows]
    order = np.lexsort((-counts[of_references], ids[of_references]))
    by_id, by_count = ids[of_references][order], counts[of_references][order]
    by_row = rows[of_references][order]
    first = np.flatnonzero(np.diff(by_id, prepend=-1))
    size = int(ids.max(initial=-1)) + 1
    largest, second, owner = np.zeros(size, int), np.zeros(size, int), np.full(size, -1)
    largest[by_id[first]], owner[by_id[first]] = by_count[first], by_row[first]
    following = first + 1
    repeated = following < len(by_id)
    repeated[repeated] = by_id[following[repeated]] == by_id[first[repeated]]
    second[by_id[first[repeated]]] = by_count[following[repeated]]
    limit = np.where(owner[ids] == rows, second[ids], largest[ids])
    return np.bincount(rows, np.minimum(counts, limit) * scored[rows], minlength=n)


def _brevity_penalty(lengths: np.ndarray, scored: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the factor of each line (N,) by the length of the reference that is nearest to its own length.

    Of two equally near lengths, the smaller counts.
    """
    available = np.bincount(lengths[references], minlength=int(lengths.max(initial=0)) + 1)
    factors = np.zeros((2, len(available)))  # of lines that are no references, and of references
    for is_reference in (0, 1):
        for length in range(1, len(available)):
            others = available.copy()
            others[length] -= is_reference
            candidates = np.flatnonzero(others > 0)
            if len(candidates):
                nearest = candidates[np.argmin(np.abs(candidates - length))]
                factors[is_reference, length] = min(1.0, np.exp(1 - nearest / length))
    return factors[references.astype(int), lengths]
