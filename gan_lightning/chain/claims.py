"""Claims: lines of a ledger by which an account says that an artifact is its own, and their proofs for the contract."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from gan_lightning.errors import UserError
from gan_lightning.provenance.ledger import Ledger, LedgerChanged, Root
from gan_lightning.provenance.merkle import Tree, inclusion_proof, leaf_hash, verify_inclusion
from gan_lightning.provenance.records import canonical_json, parse_record

# The contract rebuilds this start of the line from binary values. It takes the rest, which starts after the quotation
# mark that ends the artifact, as text.
_START = re.compile(rb'\{"account":"(0x[0-9a-f]{40})","artifact":"([0-9a-f]{64})"')
_ADDRESS, _DIGEST = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII), re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Claim:
    """Claim of an account to an artifact.

    Args:
        account: address of the account, lower case.
        artifact: digest of the artifact, hexadecimal.
        kind: kind of the artifact, such as ``Images``, ``checkpoint``, ``set`` or ``file``.
        record: leaf hash of the record of the same content in the ledger, hexadecimal; None without a record.
    """

    account: str
    artifact: str
    kind: str
    record: str | None = None

    @property
    def line(self) -> bytes:
        """Canonical JSON of the claim: the line of the ledger, without a line feed."""
        if not _ADDRESS.fullmatch(self.account):
            raise UserError(f"{self.account!r}: must be an address: 0x and 40 hexadecimal digits")
        if not _DIGEST.fullmatch(self.artifact):
            raise ValueError(f"{self.artifact!r}: must be a SHA-256 digest of 64 hexadecimal digits")
        fields = {"account": self.account.lower(), "artifact": self.artifact, "kind": self.kind, "record": self.record}
        return canonical_json(fields).encode()


@dataclass(frozen=True)
class Evidence:
    """Proof that a ledger holds a claim, as the contract verifies it.

    Args:
        claim: the claim.
        rest: the line of the claim after the digest of the artifact.
        path: hashes that lead from the leaf of the line to the root.
        lefts: number whose bit ``i`` is 1 if hash ``i`` of the path is on the left.
        root: root of the tree that the proof leads to.
        size: number of lines of that tree.
    """

    claim: Claim
    rest: str
    path: Sequence[bytes]
    lefts: int
    root: bytes
    size: int

    def as_tuple(self) -> tuple[Any, ...]:
        """Return the fields of the contract's struct in their order."""
        account = bytes.fromhex(self.claim.account[2:])
        return account, bytes.fromhex(self.claim.artifact), self.rest, list(self.path), self.lefts


def new_claim(ledger: Ledger | None, account: str, artifact: str, kind: str) -> Claim:
    """Return the claim of an account; it refers to the record of the artifact if the ledger has one.

    Args:
        ledger: the ledger to search; None for a new one.
        account: address of the account.
        artifact: digest of the artifact, hexadecimal.
        kind: kind of the artifact.
    """
    found = ledger.find(artifact) if ledger else None
    return Claim(account.lower(), artifact, kind, ledger.hashes[found[0]].hex() if ledger and found else None)


def parse_claim(line: bytes) -> Claim | None:
    """Return the claim in a line of a ledger; None for records and for claims that the contract could not verify."""
    match = _START.match(line)
    if match is None:
        return None
    try:
        fields = from_json(line)
    except ValueError:
        return None
    kind, record = fields.get("kind"), fields.get("record")
    well_formed = isinstance(kind, str) and (record is None or (isinstance(record, str) and _DIGEST.fullmatch(record)))
    claim = Claim(match[1].decode(), match[2].decode(), str(kind), record) if well_formed else None
    # A line that repeats a key, or has further ones, could say different things to different readers.
    return claim if claim and claim.line == line else None


def find_claims(ledger: Ledger, artifact: str, account: str | None = None) -> list[int]:
    """Return the indices of the claims to an artifact.

    Args:
        ledger: the ledger to search.
        artifact: digest of the artifact, hexadecimal.
        account: address whose claims are wanted; None for all accounts.
    """
    found = []
    for index, line in enumerate(ledger.lines):
        claim = parse_claim(line) if artifact.encode() in line else None
        if claim and claim.artifact == artifact and account in (None, claim.account):
            found.append(index)
    return found


def recipe_of_claim(ledger: Ledger, index: int) -> dict[str, str | int | float]:
    """Return how the claimed content was generated, if the claim names a record of the ledger; an empty dict otherwise.

    Args:
        ledger: the ledger.
        index: index of the claim.
    """
    claim = parse_claim(ledger.lines[index])
    if claim is None or claim.record is None:
        return {}
    hashes = [one.hex() for one in ledger.hashes]
    record = parse_record(ledger.lines[hashes.index(claim.record)]) if claim.record in hashes else None
    if record is None:
        return {}
    found: dict[str, str | int | None] = {
        "checkpoint": record.checkpoint,
        "seed": record.seed,
        "index": record.index,
        "label": record.condition,
    }
    return {key: value for key, value in found.items() if value is not None}


def evidence(ledger: Ledger, index: int, root: Root | None = None) -> Evidence:
    """Return the proof that a ledger holds the claim at an index.

    Args:
        ledger: the ledger.
        index: index of the claim.
        root: root of the ledger that the proof leads to; None for the newest one.

    Raises:
        UserError: if there is no claim at the index, or the root does not cover it.
        LedgerChanged: if the proof does not lead to the root.
    """
    root = root or ledger.roots[-1].claim
    claim = parse_claim(ledger.lines[index])
    if claim is None or index >= root.size:
        raise UserError(f"line {index + 1:,} of the ledger holds no claim that the root covers: gan-chain claim")
    hashes = ledger.hashes[: root.size]
    proof = evidence_of_lines(claim, hashes, index)
    if proof.root.hex() != root.root:
        raise LedgerChanged(f"the proof of line {index + 1:,} does not lead to the signed root {root.root}")
    return proof


def evidence_of_lines(claim: Claim, hashes: Sequence[bytes], index: int) -> Evidence:
    """Return the proof that the tree over leaf hashes has a claim at an index."""
    line = claim.line
    path, root = inclusion_proof(hashes, index), Tree(hashes).root
    if not verify_inclusion(root, len(hashes), leaf_hash(line), index, path):
        raise LedgerChanged(f"line {index + 1:,} is not the claim that was given")
    lefts, node, last = 0, index, len(hashes) - 1
    for bit in range(len(path)):  # as in RFC 9162, section 2.1.3.2
        if node & 1 or node == last:
            lefts |= 1 << bit
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    start = _START.match(line)
    assert start is not None
    return Evidence(claim, line[start.end() :].decode(), path, lefts, root, len(hashes))
