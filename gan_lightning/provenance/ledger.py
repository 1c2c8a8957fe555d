"""Append-only ledger of signed files, like the logs of Certificate Transparency (RFC 6962).

records.jsonl    one record, derivation or claim (:mod:`gan_lightning.chain.claims`) per line: the leaves of a Merkle
                 tree
roots.jsonl      one signed root per line, for each time that records were added

The signer of a root vouches for the records added with it, and confirms that all earlier ones are unchanged. If a line
is changed, removed or inserted, the roots no longer match. Whoever has kept a root notices if roots were removed.
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
from gan_lightning.provenance.derivations import Derivation, parse_line
from gan_lightning.provenance.envelope import InvalidDocument, SignedPayload, seal, unseal
from gan_lightning.provenance.identity import Identity
from gan_lightning.provenance.merkle import Tree, leaf_hash
from gan_lightning.provenance.records import Record, canonical_json

RECORDS, ROOTS, LOCK = "records.jsonl", "roots.jsonl", "lock"
UNFINISHED = ".unfinished"  # suffix of files with lines that a crash has left
MODES = {os.O_RDWR: "r+b", os.O_WRONLY: "wb", os.O_WRONLY | os.O_APPEND: "ab"}
ROOT_TYPE = "application/vnd.gan-lightning.root+json"


class LedgerChanged(UserError):
    """A ledger or a proof does not match its signed roots."""


@dataclass(frozen=True)
class Root:
    """Root of the Merkle tree over all records at one time.

    Args:
        first: index of the first record that was added with this root.
        size: number of records at that time.
        root: root of their tree, hexadecimal.
        when: time by the clock of the signer.
    """

    first: int
    size: int
    root: str
    when: str


_ROOT_ADAPTER = TypeAdapter(Root)


@dataclass(frozen=True)
class SignedRoot:
    """Root whose signature was verified, with its envelope.

    Args:
        claim: the signed content.
        signature: the signer, and whether the signer is trusted.
        envelope: the signed document, plain values.
    """

    claim: Root
    signature: SignedPayload
    envelope: dict[str, Any]

    @property
    def head(self) -> tuple[bytes, int]:
        """Return the root of the tree and its size."""
        return bytes.fromhex(self.claim.root), self.claim.size

    def __str__(self) -> str:
        """Return size, root, signer and time in one line."""
        claim, signer = self.claim, self.signature.signer
        return f"{claim.size:,} records, root {claim.root}, signed by {signer}, {claim.when} by their clock"


@dataclass(frozen=True)
class Ledger:
    """Records and roots of a ledger that :func:`read_ledger` has verified.

    Args:
        lines: records that the roots cover, as lines of JSON.
        roots: all roots, in their order.
        uncovered: number of lines after those that the roots cover.
    """

    lines: Sequence[bytes]
    roots: Sequence[SignedRoot]
    uncovered: int

    @cached_property
    def hashes(self) -> list[bytes]:
        return [leaf_hash(line) for line in self.lines]

    @cached_property
    def _indices(self) -> dict[str, list[int]]:
        """Return the indices of records by the digest of their content."""
        indices: dict[str, list[int]] = {}
        for index, line in enumerate(self.lines):
            if (record := parse_line(line)) and record.content is not None:
                indices.setdefault(record.content, []).append(index)
        return indices

    def root_for(self, index: int) -> SignedRoot:
        """Return the root with which a record was added."""
        return self.roots[bisect.bisect_right(self.roots, index, key=lambda root: root.claim.first) - 1]

    def find(self, content: str) -> tuple[int, SignedRoot] | None:
        """Return the index and the root of a record of the content, preferably a trusted root; None without a record.

        Args:
            content: digest of the content, hexadecimal.
        """
        found = [(index, self.root_for(index)) for index in self._indices.get(content, [])]
        return min(found, key=lambda pair: not pair[1].signature.trusted, default=None)

    def check_extends(self, earlier: SignedRoot, name: str) -> None:
        """Raise LedgerChanged unless the ledger starts with the records that an earlier root covers.

        Args:
            earlier: the earlier root.
            name: name of its file, for the message.
        """
        size = earlier.claim.size
        if size > len(self.lines):
            raise LedgerChanged(f"{size - len(self.lines):,} records that {name} covers are missing: they were removed")
        if Tree(self.hashes[:size]).root != earlier.head[0]:
            raise LedgerChanged(f"the first {size:,} records are not those that {name} covers: they were changed")


def read_ledger(folder: Path, trusted_roots: bytes) -> Ledger:
    """Read a ledger and verify its records against its roots. Lines that no root covers are unfinished and left out.

    Args:
        folder: folder of the ledger.
        trusted_roots: certificates of the roots to trust, PEM; empty for none.

    Raises:
        LedgerChanged: if records or roots are not as they were signed.
        UserError: if the folder holds no ledger.
    """
    if not (folder / RECORDS).is_file() or not (folder / ROOTS).is_file():
        raise UserError(f"{folder}: holds no ledger: give the folder that holds {RECORDS} and {ROOTS}")
    # Read roots first: a process that appends at the same time writes records before their root.
    root_lines, lines = _read_lines(folder / ROOTS), _read_lines(folder / RECORDS)
    roots: list[SignedRoot] = []
    tree = Tree()
    for number, line in enumerate(root_lines, start=1):
        where = f"{folder / ROOTS}: line {number}"
        try:
            root = open_root(from_json(line), trusted_roots)
        except (ValueError, InvalidDocument) as error:
            raise LedgerChanged(f"{where}: {error}: it was changed") from error
        if root.claim.first != tree.size or root.claim.size <= tree.size:
            raise LedgerChanged(f"{where}: does not continue the previous root: roots were removed or changed")
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


def find_ledger(folder: Path, trusted_roots: bytes) -> Ledger | None:
    """Return the ledger in a folder, as :func:`read_ledger` does; None if the folder is missing or empty."""
    return read_ledger(folder, trusted_roots) if folder.exists() and any(folder.iterdir()) else None


def append_records(folder: Path, identity: Identity, records: Sequence[Record | Derivation]) -> int | None:
    """Append records and a signed root over all lines, and return the index of the first, as :func:`append` does."""
    return append(folder, identity, [canonical_json(asdict(record)).encode() for record in records])


def append(folder: Path, identity: Identity, lines: Sequence[bytes]) -> int | None:
    """Append lines and a signed root over all lines, flushed to disk; a lock makes other writers wait.

    Return the index of the first line that was appended; None if there are no lines.

    Lines that a crashed writer has left without a root are moved to records.unfinished.

    Args:
        folder: folder of the ledger, which is created if it does not exist.
        identity: identity that signs the root.
        lines: records or claims as lines of JSON, without line feeds.

    Raises:
        LedgerChanged: if records or roots are not as they were signed; nothing is appended.
        OSError: if a file cannot be written; earlier lines and roots stay.
    """
    if not lines:
        return None
    if any(b"\n" in line for line in lines):
        raise ValueError("a line of a ledger must not hold a line feed")
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        for name in (RECORDS, ROOTS):
            _open(folder / name, os.O_RDWR).close()
        ledger = read_ledger(folder, identity.root)
        if ledger.uncovered:
            message = f"{ledger.uncovered:,} lines that no root covers are set aside"
            print(f"warning: {folder}: {message}: a crash has left them, or roots were removed", file=sys.stderr)
        tree = Tree(ledger.hashes)
        for line in lines:
            tree.add(leaf_hash(line))
        root = Root(len(ledger.lines), tree.size, tree.root.hex(), datetime.now(UTC).isoformat(timespec="seconds"))
        envelope = canonical_json(seal(identity, ROOT_TYPE, canonical_json(asdict(root)).encode())).encode()
        _extend(folder / RECORDS, len(ledger.lines), lines)
        _extend(folder / ROOTS, len(ledger.roots), [envelope])
        return len(ledger.lines)


def open_root(envelope: Any, trusted_roots: bytes) -> SignedRoot:
    """Verify the envelope of a root; raise InvalidDocument if it holds no root, or its signature does not match."""
    signature = unseal(envelope, ROOT_TYPE, trusted_roots)
    try:
        root = _ROOT_ADAPTER.validate_json(signature.payload, strict=True)
        if len(bytes.fromhex(root.root)) != 32 or not 0 <= root.first < root.size:
            raise ValueError("not a root of records")
    except ValueError as error:
        raise InvalidDocument(f"holds no root ({type(error).__name__})") from error
    return SignedRoot(root, signature, envelope)


def _read_lines(path: Path) -> list[bytes]:
    """Return the complete lines of a file, without line feeds; a last line without one is what a crash has left."""
    return path.read_bytes().split(b"\n")[:-1]


def _extend(path: Path, keep: int, lines: Sequence[bytes]) -> None:
    """Write lines after the first ``keep`` ones; move what a crash has left there to another file."""
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
    """Open or create a file of the ledger. Follow no link: it could lead to a file that must not be overwritten."""
    try:
        return cast(BinaryIO, os.fdopen(os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o644), MODES[flags]))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UserError(f"{path}: is a link, and a ledger must hold files: remove it") from error
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with _open(folder / LOCK, os.O_WRONLY) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
