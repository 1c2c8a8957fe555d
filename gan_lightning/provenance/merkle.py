"""The Merkle tree of RFC 6962 (Certificate Transparency, https://www.rfc-editor.org/rfc/rfc6962), SHA-256.

Leaves and inner nodes are hashed with prefixes of their own, so that none can pass for the other. Proofs are checked as
RFC 9162, sections 2.1.3.2 and 2.1.4.2, says.
"""

import functools
import hashlib
from collections.abc import Iterable, Sequence


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\0" + leaf).digest()


def _inner(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """Knows the root of all leaves so far, and keeps one hash for each bit of their number.

    Args:
        hashes: of leaves that are there already.
    """

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._whole: list[bytes] = []  # roots of whole subtrees, the largest first
        for one in hashes:
            self.add(one)

    def add(self, node: bytes) -> None:
        """A leaf's hash."""
        size = self.size
        while size & 1:
            node = _inner(self._whole.pop(), node)
            size >>= 1
        self._whole.append(node)
        self.size += 1

    @property
    def root(self) -> bytes:
        """Of no leaves at all: the hash of nothing."""
        if not self._whole:
            return hashlib.sha256().digest()
        return functools.reduce(lambda right, left: _inner(left, right), reversed(self._whole))


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """What leads from a leaf to the root: the proof that the tree has it there."""
    if len(hashes) == 1:
        return []
    middle = _split(len(hashes))
    if index < middle:
        return [*inclusion_proof(hashes[:middle], index), Tree(hashes[middle:]).root]
    return [*inclusion_proof(hashes[middle:], index - middle), Tree(hashes[:middle]).root]


def consistency_proof(hashes: Sequence[bytes], size: int, whole: bool = True) -> list[bytes]:
    """The proof that a tree has grown from that of its first leaves.

    Args:
        hashes: of all leaves.
        size: how many leaves the earlier tree had, at least 1.
        whole: whether the earlier tree is known to who checks, and not a part of it.
    """
    if size == len(hashes):
        return [] if whole else [Tree(hashes).root]
    middle = _split(len(hashes))
    if size <= middle:
        return [*consistency_proof(hashes[:middle], size, whole), Tree(hashes[middle:]).root]
    return [*consistency_proof(hashes[middle:], size - middle, False), Tree(hashes[:middle]).root]


def verify_inclusion(root: bytes, size: int, leaf: bytes, index: int, proof: Sequence[bytes]) -> bool:
    """Whether a tree of that root and size has the leaf with that hash at that index."""
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
    """Whether the new tree's first leaves are those of the old one; both as root and size, at least 1."""
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
    """The largest power of two below."""
    return int(1 << (size - 1).bit_length() - 1)
