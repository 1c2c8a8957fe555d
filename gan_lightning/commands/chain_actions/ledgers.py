"""``gan-chain claim``, ``anchor`` and ``check``: ledgers of signed samples, and their roots on a chain."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_lightning.chain.units import format_time
from gan_lightning.commands.chain_actions.action import (
    READS,
    SENDS,
    Action,
    Outcome,
    add_account,
    add_dry_run,
    add_place,
)
from gan_lightning.commands.options import Parser, add_trust_code, add_trust_root
from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from gan_lightning.chain.receipts import Receipt
    from gan_lightning.commands.chain_actions.session import Session
    from gan_lightning.provenance.ledger import Ledger


class Claim(Action):
    name = "claim"
    summary = "add claims to a ledger: these files are mine"
    description = """Add claims to a ledger, with a root that your identity signs: an account made these files.

    gan-chain claim samples/*.png --ledger outputs/ledger --account alice
    gan-chain claim samples --ledger outputs/ledger --account alice       a folder as one set

Files are named by their content, checkpoints and files of unknown types by their bytes, folders by the Merkle root
over their files. Anchor the ledger before you publish it: what others read earlier, they can claim too.
"""
    options = (add_place, add_account, add_dry_run)

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("file", nargs="+", type=Path, help="file or folder to claim")
        parser.add_argument(
            "--ledger", metavar="DIR", type=Path, required=True, help="ledger to add to; created if it does not exist"
        )
        add_trust_code(parser, "package of your own that defines the modality of a file")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        from gan_lightning.chain.claims import find_claims, new_claim
        from gan_lightning.provenance import load_signer
        from gan_lightning.provenance.ledger import append, find_ledger, read_ledger

        folder, account = arguments.ledger, session.account.lower()
        identity = load_signer("gan-chain claim")
        ledger = find_ledger(folder, identity.root)
        artifacts = {path: session.artifact(path) for path in arguments.file}
        lines, result, added = [], [], {}
        for path, artifact in artifacts.items():
            there = find_claims(ledger, artifact.digest, account) if ledger else []
            where = (
                f"is in {folder} already, line {there[0] + 1:,}"
                if there
                else f"claimed for {session.describe(session.account)}"
            )
            if not there:
                added[artifact.digest] = new_claim(ledger, account, artifact.digest, artifact.kind).line
            others = len(find_claims(ledger, artifact.digest)) - len(there) if ledger else 0
            remark = f"; {others} other accounts claim it too" if others else ""
            lines.append(f"{path}: {where} as {artifact.kind} {artifact.digest}{remark}")
            result.append({"file": str(path), "artifact": artifact.digest, "kind": artifact.kind, "added": not there})
        if session.dry_run:
            return Outcome([*lines, f"dry run: {len(added)} claims would be added to {folder}"], {"claims": result})
        append(folder, identity, list(added.values()))
        newest = read_ledger(folder, identity.root).roots[-1].claim
        last = f"{folder}: {len(added)} claims added, {newest.size:,} lines, root {newest.root}"
        values = {"claims": result, "ledger": str(folder), "size": newest.size, "root": newest.root}
        return Outcome([*lines, last], values)


class Anchor(Action):
    name = "anchor"
    summary = "put the newest root of a ledger on the chain"
    description = """Put the newest root of a ledger on the chain: it covers all lines, however many.

    gan-chain anchor outputs/ledger --account alice
    gan-chain anchor last.ckpt.intoto.json --account alice        any other file, such as a statement
    gan-chain anchor release.json --account alice                 the root that a signed release leads to
"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("path", type=Path, help="folder of the ledger, or a file")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        root, size = _root_of(arguments.path)
        values = {"root": root.hex(), "size": size}
        if when := session.client.read("anchoredAt", root):
            line = f"{arguments.path}: root {root.hex()} is on the chain already, since {format_time(when)}"
            return Outcome([line], values | {"since": when})

        def report(receipt: Receipt) -> Outcome:
            since = session.client.read("anchoredAt", root)
            line = f"{arguments.path}: root {root.hex()} is on the chain since {format_time(since)}"
            return Outcome([line], values | {"since": since})

        of = f"the root of {size:,} lines in {arguments.path}" if size > 1 else str(arguments.path)
        return session.send(f"anchor {of}", report, "anchor", root, size)


class Check(Action):
    name = "check"
    summary = "compare the roots of a ledger with the chain"
    description = """Compare the roots of a ledger with the chain: the clock of their signer beside the time of a block.

    gan-chain check outputs/ledger
    gan-chain check last.ckpt.intoto.json                         a file that was anchored

A root on the chain existed by the time of its block. Exit code 1: a claim is not on the chain, a root was signed after
it was anchored, by a signer who is not trusted, or the ledger was changed.
"""
    options = READS

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("path", type=Path, help="folder of the ledger, or a file")
        add_trust_root(parser)

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        from gan_lightning.provenance import identity
        from gan_lightning.provenance.ledger import LedgerChanged, read_ledger

        path = arguments.path
        if path.is_file():
            return _check_file(path, session)
        trusted_roots = identity.load_trusted_roots(arguments.trust_root)
        try:
            return _check_ledger(read_ledger(path, trusted_roots), path, session)
        except LedgerChanged as error:
            return Outcome([str(error)], {"changed": str(error)}, holds=False)


def _check_file(path: Path, session: Session) -> Outcome:
    root, _ = _root_of(path)
    since = session.client.read("anchoredAt", root)
    line = f"on the chain since {format_time(since)}" if since else "not on the chain: gan-chain anchor"
    return Outcome([f"{path}: {line}"], {"root": root.hex(), "since": since or None}, holds=bool(since))


def _check_ledger(ledger: Ledger, path: Path, session: Session) -> Outcome:
    """Return a line for each root and for each claim that no anchored root covers."""
    from gan_lightning.chain.anchors import read_anchors
    from gan_lightning.chain.claims import parse_claim

    anchors = read_anchors(session.client, ledger)
    lines = [f"{one}: {one.root.signature.distrust}" if one.root.signature.distrust else str(one) for one in anchors]
    roots = [
        {
            "size": one.root.claim.size,
            "root": one.root.claim.root,
            "signed": one.root.claim.when,
            "since": one.anchored or None,
        }
        for one in anchors
    ]
    holds = all(one.root.signature.trusted and not one.is_contradiction for one in anchors)
    covered = max((one.root.claim.size for one in anchors if one.anchored), default=0)
    claims = [(index, claim) for index, line in enumerate(ledger.lines) if (claim := parse_claim(line))]
    missing = [(index, claim) for index, claim in claims if index >= covered]
    for index, claim in missing:
        lines.append(f"line {index + 1:,}: claim of {claim.account} to {claim.artifact}: not on the chain")
    summary = f"{len(claims):,} claims, {len(missing):,} not on the chain" + (": gan-chain anchor" if missing else "")
    values: dict[str, Any] = {"roots": roots, "claims": len(claims), "missing": [index for index, _ in missing]}
    return Outcome([*lines, f"{path}: {summary}; contract {session.client.address}"], values, holds and not missing)


def _root_of(path: Path) -> tuple[bytes, int]:
    """Return the root to anchor and the number of lines it covers: of a ledger, a release, or one file."""
    from gan_lightning.chain.releases import read_release
    from gan_lightning.provenance.ledger import read_ledger
    from gan_lightning.provenance.merkle import leaf_hash

    if path.is_dir():
        ledger = read_ledger(path, b"")
        if not ledger.roots:
            raise UserError(f"{path}: has no root yet: gan-chain claim adds claims and a root")
        return bytes.fromhex(ledger.roots[-1].claim.root), ledger.roots[-1].claim.size
    if not path.is_file():
        raise UserError(f"{path}: no such ledger or file: choose another path")
    if release := read_release(path):
        return release.evidence.root, release.evidence.size
    return leaf_hash(path.read_bytes()), 1
