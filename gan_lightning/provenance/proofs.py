"""Proofs of what a ledger holds, for those who do not have it; hashes in them are hexadecimal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gan_lightning.provenance import merkle
from gan_lightning.provenance.envelope import InvalidDocument
from gan_lightning.provenance.ledger import Ledger, LedgerChanged, SignedRoot, open_root
from gan_lightning.provenance.merkle import leaf_hash
from gan_lightning.provenance.records import Record, parse_record


@dataclass(frozen=True)
class Inclusion:
    """The proof that a ledger has a record, for who does not have the ledger; hashes are hexadecimal.

    Args:
        record: its line.
        index: of it.
        path: from its leaf to the root.
        root: envelope of the one that it was added with.
    """

    record: str
    index: int
    path: list[str]
    root: dict[str, Any]

    def check(self, trusted_roots: bytes) -> tuple[SignedRoot, Record]:
        """The root that vouches for the record, and that; Changed where the proof does not hold."""
        root = _opened(self.root, trusted_roots)
        line = self.record.encode()
        held, record = (
            merkle.verify_inclusion(*root.head, leaf_hash(line), self.index, _hashes(self.path)),
            parse_record(line),
        )
        if not held or self.index < root.claim.first or record is None:
            raise LedgerChanged("the proof does not hold: its root is not of this record")
        return root, record


@dataclass(frozen=True)
class Consistency:
    """The proof that a ledger has only grown from one root to another; see :class:`Inclusion`."""

    old: dict[str, Any]
    new: dict[str, Any]
    path: list[str]

    def check(self, trusted_roots: bytes) -> tuple[SignedRoot, SignedRoot]:
        """Both roots; Changed where the proof does not hold."""
        old, new = _opened(self.old, trusted_roots), _opened(self.new, trusted_roots)
        if not merkle.verify_consistency(old.head, new.head, _hashes(self.path)):
            raise LedgerChanged(
                "the proof does not hold: the second root is not of a ledger that goes on from the first"
            )
        return old, new


def prove_inclusion(ledger: Ledger, index: int) -> Inclusion:
    root = ledger.root_for(index)
    path = merkle.inclusion_proof(ledger.hashes[: root.claim.size], index)
    return Inclusion(ledger.lines[index].decode(), index, [one.hex() for one in path], root.envelope)


def prove_consistency(ledger: Ledger, earlier: SignedRoot) -> Consistency:
    """Of a root that :meth:`Ledger.check_extends` has nothing against."""
    path = merkle.consistency_proof(ledger.hashes, earlier.claim.size)
    return Consistency(earlier.envelope, ledger.roots[-1].envelope, [one.hex() for one in path])


def _opened(envelope: dict[str, Any], trusted_roots: bytes) -> SignedRoot:
    try:
        return open_root(envelope, trusted_roots)
    except InvalidDocument as error:
        raise LedgerChanged(f"the proof does not hold: its root {error}") from error


def _hashes(path: Sequence[str]) -> list[bytes]:
    try:
        hashes = [bytes.fromhex(one) for one in path]
        if any(len(one) != 32 for one in hashes):
            raise ValueError("no SHA-256")
        return hashes
    except ValueError as error:
        raise LedgerChanged("the proof does not hold: its path is none") from error
