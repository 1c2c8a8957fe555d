"""``gan-ledger``: checks a ledger of signed samples, and proves to others what it holds."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser, add_chain, add_trust_code, add_trust_root, check_renamed, contract_of
from gan_lightning.errors import UserError, missing_extra, printable
from gan_lightning.system import interrupts

if TYPE_CHECKING:  # of an extra
    from gan_lightning.provenance.ledger import Ledger, SignedRoot
    from gan_lightning.provenance.proofs import Consistency, Inclusion

ROOT = """Print the newest signed root of a ledger; --output writes it to a file, to keep or to publish.

    gan-ledger root outputs/ledger --output root.json
"""
PROVE = """Prove that a ledger has a record of a file, or that it has only grown since an earlier root.

    gan-ledger prove outputs/ledger --file 7.png --output proof.json
    gan-ledger prove outputs/ledger --since root.json --output proof.json
"""
CHECK = """Check that a ledger is as it was signed, or that a proof holds; a proof needs no ledger.

    gan-ledger check outputs/ledger --since root.json
    gan-ledger check proof.json --file 7.png
    gan-ledger check outputs/ledger --chain outputs/chain

With --chain, each root that is anchored there existed by the time of its block, with all records that it covers. If
its signer states a later time, that is a contradiction.
"""
HELP = """Check the ledger of signed samples, and prove to others what it holds.

    gan-ledger root outputs/ledger --output root.json
    gan-ledger prove outputs/ledger --file 7.png --output proof.json
    gan-ledger check outputs/ledger --since root.json
    gan-ledger check proof.json --file 7.png

A changed record is always noticed; records removed from the end, with their roots, only by comparison with an
earlier root (--since).

Without --trust-root your own root certificate is trusted, if you have one.
Exit code 0: it holds, and its signer is trusted; 1: it does not; 2: an error, such as a missing file.
"""


@command
def main() -> None:
    parser = Parser(prog="gan-ledger", description=HELP)
    actions = parser.add_subparsers(dest="action", required=True, metavar="root|prove|check")
    root = actions.add_parser("root", help="print the newest signed root", description=ROOT)
    prove = actions.add_parser("prove", help="write a proof about a file or an earlier root", description=PROVE)
    check = actions.add_parser("check", help="check a ledger or a proof", description=CHECK)
    for action in (root, prove, check):
        proof = ", or a proof" if action is check else ""
        action.add_argument("path", type=Path, help=f"folder of the ledger{proof}")
        add_trust_root(action)
    for action in (prove, check):
        about = action.add_mutually_exclusive_group(required=action is prove)
        about.add_argument("--file", type=Path, help="file that a record is about")
        about.add_argument("--since", metavar="ROOT", type=Path, help="file that `gan-ledger root` wrote earlier")
        add_trust_code(action, "package of your own that defines the modality of --file")
    add_chain(check, "chain on which roots may be anchored: a folder, or the URL of a node")
    for action in (root, prove):
        action.add_argument("--output", type=Path, help="new file to write")
    check_renamed(sys.argv[1:], {"--trust": "--trust-root", "--package": "--trust-code"})
    line, holds = _answer(parser.parse_args())
    print(printable(line))
    raise SystemExit(not holds)


def _answer(arguments: argparse.Namespace) -> tuple[str, bool]:
    """Return a line, and True if what it states holds and its signer is trusted."""
    try:
        from gan_lightning.provenance import identity
        from gan_lightning.provenance.ledger import LedgerChanged, read_ledger
    except ImportError as error:
        raise missing_extra("gan-ledger", "provenance") from error

    interrupts.raise_on_signals()
    trusted_roots = identity.load_trusted_roots(arguments.trust_root)
    if arguments.action == "check" and arguments.contract and not arguments.chain:
        raise UserError("--contract: also needs --chain")
    try:
        if arguments.action == "check" and arguments.path.is_file():
            return _check_proof(arguments, trusted_roots)
        held = read_ledger(arguments.path, trusted_roots)
        if arguments.action == "root":
            return _root(arguments, held)
        if arguments.action == "prove":
            return _prove(arguments, held, trusted_roots)
        return _check(arguments, held, trusted_roots)
    except LedgerChanged as error:
        return str(error), False


def _root(arguments: argparse.Namespace, held: Ledger) -> tuple[str, bool]:
    if not held.roots:
        raise UserError(f"{arguments.path}: has no root yet: generate with sign=true adds records")
    _write(arguments.output, held.roots[-1].envelope)
    return _describe(held.roots[-1])


def _prove(arguments: argparse.Namespace, held: Ledger, trusted_roots: bytes) -> tuple[str, bool]:
    from gan_lightning.provenance.proofs import prove_consistency, prove_inclusion

    proof: Inclusion | Consistency
    if arguments.file:
        found = held.find(_digest(arguments))
        if found is None:
            return f"{arguments.file}: {arguments.path} has no record of what it shows", False
        index, root = found
        proof = prove_inclusion(held, index)
        line, holds = _describe(root)
        line = f"record {index:,}, added with: {line}"
    else:
        earlier = _read_root(arguments.since, trusted_roots)
        held.check_extends(earlier, str(arguments.since))
        proof = prove_consistency(held, earlier)
        line, holds = _describe(held.roots[-1])
        line = f"extends a root of {earlier.claim.size:,} records: {line}"
    _write(arguments.output, asdict(proof))
    return line, holds


def _check(arguments: argparse.Namespace, held: Ledger, trusted_roots: bytes) -> tuple[str, bool]:
    if arguments.since:
        held.check_extends(_read_root(arguments.since, trusted_roots), str(arguments.since))
    if arguments.file and held.find(_digest(arguments)) is None:
        return f"{arguments.file}: {arguments.path} has no record of what it shows", False
    strangers = [root for root in held.roots if not root.signature.trusted]
    if strangers:
        return f"unchanged, but {len(strangers)} of {len(held.roots)} roots by unknown signers: {strangers[0]}", False
    if not (held.uncovered or held.roots):
        return "nothing in it: nothing was added, or all was removed", False
    if held.uncovered:
        return f"{held.uncovered:,} lines that no root covers: a crash has left them, or roots were removed", False
    line = f"unchanged: {len(held.lines):,} records, {len(held.roots):,} roots; newest: {held.roots[-1]}"
    if not arguments.chain:
        return line, True
    anchors, holds = _check_anchors(arguments, held)
    return f"{line if holds else 'unchanged'}; {anchors}", holds


def _check_anchors(arguments: argparse.Namespace, held: Ledger) -> tuple[str, bool]:
    """Print a line about each root. Return a summary, and True if no time of a signer contradicts that of the chain."""
    from gan_lightning.chain import connect

    client = connect(arguments.chain, contract=contract_of(arguments))
    from gan_lightning.chain.anchors import read_anchors  # needs the extra that connect asks for

    roots = read_anchors(client, held)
    for root in roots:
        print(printable(str(root)))
    if contradictions := sum(root.is_contradiction for root in roots):
        return f"but {contradictions:,} of {len(roots):,} roots contradict the chain", False
    return f"{sum(root.anchored > 0 for root in roots):,} of {len(roots):,} roots are anchored", True


def _check_proof(arguments: argparse.Namespace, trusted_roots: bytes) -> tuple[str, bool]:
    from pydantic import TypeAdapter

    from gan_lightning.provenance.proofs import Consistency, Inclusion

    try:
        adapter = TypeAdapter[Inclusion | Consistency](Inclusion | Consistency)
        proof = adapter.validate_json(arguments.path.read_bytes(), strict=True)
    except (OSError, ValueError) as error:
        raise UserError(f"{arguments.path}: neither a ledger nor a proof ({type(error).__name__})") from error
    if arguments.chain:
        raise UserError(f"--chain {arguments.chain}: checks a ledger, and {arguments.path} is a proof: leave it out")
    if isinstance(proof, Inclusion):
        if arguments.since:
            raise UserError(f"--since {arguments.since}: {arguments.path} is about a file: leave it out")
        root, record = proof.verify(trusted_roots)
        if arguments.file and record.content != _digest(arguments, record.modality):
            return f"{arguments.path}: is about something else than {arguments.file} shows", False
        line, holds = _describe(root)
        return f"record {proof.index:,} was added with: {line}", holds
    if arguments.file:
        raise UserError(f"--file {arguments.file}: {arguments.path} is about two roots: leave it out")
    old, new = proof.verify(trusted_roots)
    if arguments.since and old.claim != _read_root(arguments.since, trusted_roots).claim:
        return f"{arguments.path}: is about another root than {arguments.since}", False
    line, holds = _describe(new)
    return f"extends a root of {old.claim.size:,} records: {line}", holds and old.signature.trusted


def _digest(arguments: argparse.Namespace, modality: str | None = None) -> str:
    """Return the digest of the content of ``--file``."""
    from gan_lightning.provenance.contents import Contents

    return Contents(arguments.trust_code).digest(arguments.file, modality)


def _describe(root: SignedRoot) -> tuple[str, bool]:
    """Return a line about a root, and True if its signer is trusted."""
    distrust = root.signature.distrust
    return f"{root}: {distrust}" if distrust else str(root), root.signature.trusted


def _read_root(path: Path, trusted_roots: bytes) -> SignedRoot:
    from pydantic_core import from_json

    from gan_lightning.provenance.envelope import InvalidDocument
    from gan_lightning.provenance.ledger import open_root

    try:
        root = open_root(from_json(path.read_bytes()), trusted_roots)
    except (OSError, ValueError, InvalidDocument) as error:
        raise UserError(f"--since {path}: no signed root ({error}): give what gan-ledger root wrote") from error
    if not root.signature.trusted:
        raise UserError(f"--since {path}: by {root.signature.signer}, who is not trusted: {root.signature.distrust}")
    return root


def _write(path: Path | None, content: dict[str, Any]) -> None:
    if path is None:
        return
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"--output {path}: {error.strerror}: choose another name") from error


if __name__ == "__main__":
    main()
