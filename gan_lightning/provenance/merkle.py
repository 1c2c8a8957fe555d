"""Merkle trees of RFC 6962 (Certificate Transparency, https://www.rfc-editor.org/rfc/rfc6962) with SHA-256.

Leaves and inner nodes are hashed with different prefixes, so that neither can pass for the other. Proofs are verified
by the algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

import functools
import hashlib
from collections.abc import Iterable, Sequence


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\0" + leaf).digest()


def _inner(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """Merkle tree that grows leaf by leaf; stores one hash for each set bit of its size.

    Args:
        hashes: hashes of the first leaves.
    """

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._complete: list[bytes] = []  # roots of complete subtrees, the largest first
        for leaf in hashes:
            self.add(leaf)

    def add(self, node: bytes) -> None:
        """Append a leaf by its hash."""
        size = self.size
        while size & 1:
            node = _inner(self._complete.pop(), node)
            size >>= 1
        self._complete.append(node)
        self.size += 1

    @property
    def root(self) -> bytes:
        """Root of the tree; the hash of the empty string if it has no leaves."""
        if not self._complete:
            return hashlib.sha256().digest()
        return functools.reduce(lambda right, left: _inner(left, right), reversed(self._complete))


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the proof that a tree has a leaf at an index: the hashes needed to compute the root from it.

    Args:
        hashes: hashes of all leaves.
        index: index of the leaf.
    """
    if len(hashes) == 1:
        return []
    middle = _split(len(hashes))
    if index < middle:
        return [*inclusion_proof(hashes[:middle], index), Tree(hashes[middle:]).root]
    return [*inclusion_proof(hashes[middle:], index - middle), Tree(hashes[:middle]).root]


def consistency_proof(hashes: Sequence[bytes], size: int, is_earlier_root: bool = True) -> list[bytes]:
    """Return the proof that a tree extends the tree of its first leaves.

    Args:
        hashes: hashes of all leaves.
        size: number of leaves of the earlier tree, at least 1.
        is_earlier_root: whether the subtree of the first ``size`` leaves is the earlier tree itself, whose root the
            verifier knows; False in the recursion into a part of it.
    """
    if size == len(hashes):
        return [] if is_earlier_root else [Tree(hashes).root]
    middle = _split(len(hashes))
    if size <= middle:
        return [*consistency_proof(hashes[:middle], size, is_earlier_root), Tree(hashes[middle:]).root]
    return [*consistency_proof(hashes[middle:], size - middle, False), Tree(hashes[:middle]).root]


def verify_inclusion(root: bytes, size: int, leaf: bytes, index: int, proof: Sequence[bytes]) -> bool:
    """Return True if the proof shows that the tree of this root and size has the leaf hash at the index."""
    if not 0 <= index < size:
        return False
    node, last = leaf, size - 1
    for one in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            node = _inner(one, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = _inner(node, one)
        index, last = index >> 1, last >> 1
    return last == 0 and node == root


def verify_consistency(old: tuple[bytes, int], new: tuple[bytes, int], proof: Sequence[bytes]) -> bool:
    """Return True if the proof shows that the new tree starts with the leaves of the old one.

    Args:
        old: root and size of the old tree, at least 1.
        new: root and size of the new tree.
        proof: result of :func:`consistency_proof`.
    """
    (old_root, old_size), (new_root, new_size) = old, new
    if old_size == new_size:
        return old_root == new_root and not proof
    if not 0 < old_size < new_size:
        return False
    index, last = old_size - 1, new_size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    hashes = list(proof) if index else [old_root, *proof]
    if not hashes:
        return False
    before = after = hashes[0]
    for one in hashes[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            before, after = _inner(one, before), _inner(one, after)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            after = _inner(after, one)
        index, last = index >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _split(size: int) -> int:
    """Return the largest power of two smaller than ``size``."""
    return int(1 << (size - 1).bit_length() - 1)
