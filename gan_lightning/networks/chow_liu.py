"""Mutual information between the columns of a table, from counts, and the tree that keeps most of it."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def mutual_information(counts: NDArray[np.integer], starts: list[int]) -> Floats:
    """Return the mutual information of each pair of columns, in nats, (columns, columns).

    The diagonal has the entropies of the columns.

    Args:
        counts: how many rows have each pair of slots (D, D).
        starts: index of the first slot of each column.
    """
    rows = counts[: starts[1], : starts[1]].sum() if len(starts) > 1 else counts.sum()
    if rows == 0:
        return np.zeros((len(starts), len(starts)))
    shares = counts / rows
    terms = -shares * np.log(np.where(shares > 0, shares, 1.0))
    joint = np.add.reduceat(np.add.reduceat(terms, starts, 0), starts, 1)  # entropy of each pair
    entropy = np.diag(joint)
    return np.maximum(entropy[:, None] + entropy[None, :] - joint, 0.0)


def conditional_mutual_information(counts: NDArray[np.integer], starts: list[int]) -> Floats:
    """Return the mutual information of each pair of columns given the label, in nats, (columns, columns).

    Args:
        counts: how many rows of each class have each pair of slots (classes, D, D).
        starts: index of the first slot of each column.
    """
    end = starts[1] if len(starts) > 1 else counts.shape[-1]
    rows = counts[:, :end, :end].sum((1, 2))
    of_classes = np.stack([mutual_information(one, starts) for one in counts])
    return np.tensordot(rows / max(rows.sum(), 1), of_classes, 1)


def maximum_spanning_tree(weights: Floats, root: int) -> dict[int, int | None]:
    """Return the parent of each node in the spanning tree of the largest weight, parents before their children.

    Prim's algorithm. Of equal weights, the one of the lower nodes is taken.

    Args:
        weights: symmetric weights of the edges (nodes, nodes).
        root: the node without a parent.
    """
    parents: dict[int, int | None] = {root: None}
    nearest = np.full(len(weights), root)
    best = weights[root].copy()
    best[root] = -np.inf
    while len(parents) < len(weights):
        node = int(best.argmax())
        parents[node] = int(nearest[node])
        closer = weights[node] > best
        closer[list(parents)] = False
        best[closer], nearest[closer] = weights[node][closer], node
        best[node] = -np.inf
    return parents
