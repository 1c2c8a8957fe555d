"""An append-only ledger of signed samples, in the manner of Certificate Transparency (RFC 6962).

records.jsonl    a line for each sample, a leaf of one Merkle tree
roots.jsonl      a signed root for each time that samples were added

Whoever signs a root vouches for the records that were added with it, and says that all before are as they were. A line
that is changed, removed or put in between no longer fits the roots; that roots were removed shows who has kept one.
"""

import bisect
import errno
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import TypeAdapter
from pydantic_core import from_json

from gan_lightning.errors import UserError
from gan_lightning.files import synchronize
from gan_lightning.provenance.envelope import InvalidDocument, SignedPayload, seal, unseal
from gan_lightning.provenance.identity import Identity
from gan_lightning.provenance.merkle import Tree, leaf_hash
from gan_lightning.provenance.records import Record, canonical_json, parse_record

RECORDS, ROOTS, LOCK = "records.jsonl", "roots.jsonl", "lock"
UNFINISHED = ".unfinished"  # what a crash has left, in place of .jsonl
MODES = {os.O_RDWR: "r+b", os.O_WRONLY: "wb", os.O_WRONLY | os.O_APPEND: "ab"}
ROOT_TYPE = "application/vnd.gan-lightning.root+json"


class LedgerChanged(UserError):
    """A ledger is not what was signed, or not what it was."""


@dataclass(frozen=True)
class Root:
    """A signed root.

    Args:
        first: index of the first record that was added with it.
        size: how many records there were then.
        root: of their tree, hexadecimal.
        when: by the signer's clock.
    """

    first: int
    size: int
    root: str
    when: str


_ROOT = TypeAdapter(Root)


@dataclass(frozen=True)
class SignedRoot:
    """A root with its envelope."""

    claim: Root
    signature: SignedPayload
    envelope: dict[str, Any]

    @property
    def head(self) -> tuple[bytes, int]:
        """The tree's root and its size."""
        return bytes.fromhex(self.claim.root), self.claim.size

    def __str__(self) -> str:
        """One line about it."""
        claim, signer = self.claim, self.signature.signer
        return f"{claim.size:,} records, root {claim.root}, signed by {signer}, {claim.when} by their clock"


@dataclass(frozen=True)
class Ledger:
    """What the signed roots cover, and how many lines follow that none does; see :func:`read`."""

    lines: Sequence[bytes]
    roots: Sequence[SignedRoot]
    uncovered: int

    @cached_property
    def hashes(self) -> list[bytes]:
        return [leaf_hash(line) for line in self.lines]

    @cached_property
    def _indices(self) -> dict[str, list[int]]:
        """Return the indices of records by their content digest."""
        found: dict[str, list[int]] = {}
        for index, line in enumerate(self.lines):
            if record := parse_record(line):
                found.setdefault(record.content, []).append(index)
        return found

    def root_for(self, index: int) -> SignedRoot:
        """The root with which a record was added."""
        return self.roots[bisect.bisect_right(self.roots, index, key=lambda root: root.claim.first) - 1]

    def find(self, content: str) -> tuple[int, SignedRoot] | None:
        """Return a record of content with that digest and its voucher, a trusted one if there is any."""
        found = [(index, self.root_for(index)) for index in self._indices.get(content, [])]
        return min(found, key=lambda one: not one[1].signature.trusted, default=None)

    def check_extends(self, earlier: SignedRoot, name: str) -> None:
        """Raise Changed where it has not grown from what an earlier root was of."""
        size = earlier.claim.size
        if size > len(self.lines):
            raise LedgerChanged(f"{size - len(self.lines):,} records are missing that {name} is of: they were removed")
        if Tree(self.hashes[:size]).root != earlier.head[0]:
            raise LedgerChanged(f"the first {size:,} records are not those that {name} is of: they were changed")


def read_ledger(folder: Path, trusted_roots: bytes) -> Ledger:
    """A ledger whose records are what its roots say; what no root covers is left out, as it was never finished.

    Args:
        folder: of the ledger.
        trusted_roots: certificates of the roots to trust, PEM; empty for none.

    Raises:
        Changed: where records or roots are not as they were signed.
        UserError: where there is no ledger.
    """
    if not (folder / RECORDS).is_file() or not (folder / ROOTS).is_file():
        raise UserError(f"{folder}: no ledger: give the folder that holds {RECORDS} and {ROOTS}")
    # Roots first: who adds to it meanwhile writes records before their root.
    signed, lines = _lines(folder / ROOTS), _lines(folder / RECORDS)
    roots: list[SignedRoot] = []
    tree = Tree()
    for number, line in enumerate(signed, start=1):
        where = f"{folder / ROOTS}: line {number}"
        try:
            root = open_root(from_json(line), trusted_roots)
        except (ValueError, InvalidDocument) as error:
            raise LedgerChanged(f"{where}: {error}: it was changed") from error
        if root.claim.first != tree.size or root.claim.size <= tree.size:
            raise LedgerChanged(f"{where}: does not follow the one before: roots were removed or changed")
        if root.claim.size > len(lines):
            raise LedgerChanged(
                f"{folder / RECORDS}: {root.claim.size - len(lines):,} records are missing: they were removed"
            )
        for leaf in lines[tree.size : root.claim.size]:
            tree.add(leaf_hash(leaf))
        if (tree.root, tree.size) != root.head:
            raise LedgerChanged(
                f"{folder / RECORDS}: lines {root.claim.first + 1:,} to {root.claim.size:,} are not what was signed: "
                "they were changed"
            )
        roots.append(root)
    return Ledger(lines[: tree.size], roots, len(lines) - tree.size)


def append_records(folder: Path, identity: Identity, records: Sequence[Record]) -> None:
    """Add records and a root over all, flushed to the disk; others who do so meanwhile wait.

    What an earlier one has left unfinished, as no root covers it, is set aside in records.unfinished.

    Raises:
        Changed: where records or roots are not as they were signed: nothing is added then.
        OSError: where it cannot be written: what was there stays.
    """
    if not records:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        for name in (RECORDS, ROOTS):
            _open(folder / name, os.O_RDWR).close()
        ledger = read_ledger(folder, identity.root)
        if ledger.uncovered:
            what = f"{ledger.uncovered:,} lines that no root covers are set aside"
            print(f"warning: {folder}: {what}: a crash has left them, or roots were removed", file=sys.stderr)
        tree = Tree(ledger.hashes)
        lines = [canonical_json(asdict(record)).encode() for record in records]
        for line in lines:
            tree.add(leaf_hash(line))
        root = Root(len(ledger.lines), tree.size, tree.root.hex(), datetime.now(UTC).isoformat(timespec="seconds"))
        envelope = canonical_json(seal(identity, ROOT_TYPE, canonical_json(asdict(root)).encode())).encode()
        _extend(folder / RECORDS, len(ledger.lines), lines)
        _extend(folder / ROOTS, len(ledger.roots), [envelope])


def open_root(envelope: Any, trusted_roots: bytes) -> SignedRoot:
    """A root from its envelope; Broken where it is none."""
    opened = unseal(envelope, ROOT_TYPE, trusted_roots)
    try:
        root = _ROOT.validate_json(opened.payload, strict=True)
        if len(bytes.fromhex(root.root)) != 32 or not 0 <= root.first < root.size:
            raise ValueError("no root of records")
    except ValueError as error:
        raise InvalidDocument(f"holds no root ({type(error).__name__})") from error
    return SignedRoot(root, opened, envelope)


def _lines(path: Path) -> list[bytes]:
    """Whole ones, without their ends: a last one without an end was torn by a crash."""
    return path.read_bytes().split(b"\n")[:-1]


def _extend(path: Path, keep: int, lines: Sequence[bytes]) -> None:
    """Write lines behind the first ``keep`` ones; what a crash has left there is set aside."""
    with _open(path, os.O_RDWR) as file:
        for _ in range(keep):
            file.readline()
        end = file.tell()
        if unfinished := file.read():
            with _open(path.with_suffix(UNFINISHED), os.O_WRONLY | os.O_APPEND) as aside:
                aside.write(unfinished)
                synchronize(aside)
        file.truncate(end)
        file.seek(end)
        file.write(b"".join(line + b"\n" for line in lines))
        synchronize(file)


def _open(path: Path, flags: int) -> BinaryIO:
    """A file of the ledger, made where there is none; never what a link leads to, so that nobody has us write there."""
    try:
        return cast(BinaryIO, os.fdopen(os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o644), MODES[flags]))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UserError(f"{path}: is a link, where a ledger has files: remove it") from error
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with _open(folder / LOCK, os.O_WRONLY) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
