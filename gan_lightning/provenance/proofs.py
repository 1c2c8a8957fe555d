"""Proofs about a ledger that can be verified without it; hashes in them are hexadecimal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gan_lightning.provenance import merkle
from gan_lightning.provenance.derivations import Derivation, parse_line
from gan_lightning.provenance.envelope import InvalidDocument
from gan_lightning.provenance.ledger import Ledger, LedgerChanged, SignedRoot, open_root
from gan_lightning.provenance.merkle import leaf_hash
from gan_lightning.provenance.records import Record


@dataclass(frozen=True)
class Inclusion:
    """Proof that a ledger holds a record.

    Args:
        record: line of the record.
        index: index of the record.
        path: hashes that lead from its leaf to the root.
        root: envelope of the root with which it was added.
    """

    record: str
    index: int
    path: list[str]
    root: dict[str, Any]

    def verify(self, trusted_roots: bytes) -> tuple[SignedRoot, Record | Derivation]:
        """Return the root and the record; raise LedgerChanged if the proof does not hold."""
        root = _open_root(self.root, trusted_roots)
        line = self.record.encode()
        held, record = (
            merkle.verify_inclusion(*root.head, leaf_hash(line), self.index, _hashes(self.path)),
            parse_line(line),
        )
        if not held or self.index < root.claim.first or record is None:
            raise LedgerChanged("the proof does not hold: its root does not cover this record")
        return root, record


@dataclass(frozen=True)
class Consistency:
    """Proof that a ledger has only grown between two roots.

    Args:
        old: envelope of the earlier root.
        new: envelope of the later root.
        path: hashes that lead from the old root to the new one.
    """

    old: dict[str, Any]
    new: dict[str, Any]
    path: list[str]

    def verify(self, trusted_roots: bytes) -> tuple[SignedRoot, SignedRoot]:
        """Return both roots; raise LedgerChanged if the proof does not hold."""
        old, new = _open_root(self.old, trusted_roots), _open_root(self.new, trusted_roots)
        if not merkle.verify_consistency(old.head, new.head, _hashes(self.path)):
            raise LedgerChanged(
                "the proof does not hold: the ledger of the second root does not continue that of the first"
            )
        return old, new


def prove_inclusion(ledger: Ledger, index: int) -> Inclusion:
    root = ledger.root_for(index)
    path = merkle.inclusion_proof(ledger.hashes[: root.claim.size], index)
    return Inclusion(ledger.lines[index].decode(), index, [one.hex() for one in path], root.envelope)


def prove_consistency(ledger: Ledger, earlier: SignedRoot) -> Consistency:
    """Return the proof that the ledger continues an earlier root, already accepted by :meth:`Ledger.check_extends`."""
    path = merkle.consistency_proof(ledger.hashes, earlier.claim.size)
    return Consistency(earlier.envelope, ledger.roots[-1].envelope, [one.hex() for one in path])


def _open_root(envelope: dict[str, Any], trusted_roots: bytes) -> SignedRoot:
    try:
        return open_root(envelope, trusted_roots)
    except InvalidDocument as error:
        raise LedgerChanged(f"the proof does not hold: its root {error}") from error


def _hashes(path: Sequence[str]) -> list[bytes]:
    try:
        hashes = [bytes.fromhex(text) for text in path]
        if any(len(digest) != 32 for digest in hashes):
            raise ValueError("not a SHA-256 digest")
        return hashes
    except ValueError as error:
        raise LedgerChanged("the proof does not hold: its path is not a list of SHA-256 digests") from error
