"""What ``gan-ledger`` does: each action gives a line, and whether what is asked for holds."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json

from gan_lightning.errors import UserError
from gan_lightning.provenance import identity
from gan_lightning.provenance.contents import Contents
from gan_lightning.provenance.envelope import InvalidDocument
from gan_lightning.provenance.ledger import LedgerChanged, SignedRoot, open_root, read_ledger
from gan_lightning.provenance.proofs import Consistency, Inclusion, prove_consistency, prove_inclusion


def root(arguments: argparse.Namespace) -> tuple[str, bool]:
    roots = read_ledger(arguments.path, identity.load_trusted_roots(arguments.trust)).roots
    if not roots:
        raise UserError(f"{arguments.path}: has no root yet: generate with sign=true adds records")
    _write(arguments.output, roots[-1].envelope)
    return _describe_root(roots[-1])


def prove(arguments: argparse.Namespace) -> tuple[str, bool]:
    anchors = identity.load_trusted_roots(arguments.trust)
    held = read_ledger(arguments.path, anchors)
    proof: Inclusion | Consistency
    if arguments.file:
        found = held.find(_digest(arguments))
        if found is None:
            raise LedgerChanged(f"{arguments.file}: {arguments.path} has no record of what it shows")
        index, root = found
        proof = prove_inclusion(held, index)
        line, good = f"record {index:,}, added with: {_describe_root(root)[0]}", root.signature.trusted
    else:
        earlier = _earlier(arguments.since, anchors)
        held.check_extends(earlier, str(arguments.since))
        proof = prove_consistency(held, earlier)
        line, good = _describe_root(held.roots[-1])
        line = f"goes on from {earlier.claim.size:,} records: {line}"
    _write(arguments.output, asdict(proof))
    return line, good


def check(arguments: argparse.Namespace) -> tuple[str, bool]:
    anchors = identity.load_trusted_roots(arguments.trust)
    if arguments.path.is_file():
        return _check_proof(arguments, anchors)
    held = read_ledger(arguments.path, anchors)
    if arguments.since:
        held.check_extends(_earlier(arguments.since, anchors), str(arguments.since))
    if arguments.file and held.find(_digest(arguments)) is None:
        raise LedgerChanged(f"{arguments.file}: {arguments.path} has no record of what it shows")
    strangers = [root for root in held.roots if not root.signature.trusted]
    if strangers:
        return f"unchanged, but {len(strangers)} of {len(held.roots)} roots by unknown signers: {strangers[0]}", False
    if not (held.uncovered or held.roots):
        return "nothing in it: nothing was added, or all was removed", False
    if held.uncovered:
        return f"{held.uncovered:,} lines that no root covers: a crash has left them, or roots were removed", False
    return f"unchanged: {len(held.lines):,} records, {len(held.roots):,} roots; newest: {held.roots[-1]}", True


def _check_proof(arguments: argparse.Namespace, anchors: bytes) -> tuple[str, bool]:
    try:
        adapter = TypeAdapter[Inclusion | Consistency](Inclusion | Consistency)
        proof = adapter.validate_json(arguments.path.read_bytes(), strict=True)
    except (OSError, ValueError) as error:
        raise UserError(f"{arguments.path}: neither a ledger nor a proof ({type(error).__name__})") from error
    if isinstance(proof, Inclusion):
        if arguments.since:
            raise UserError(f"--since {arguments.since}: {arguments.path} is about a file: leave it out")
        root, record = proof.verify(anchors)
        if arguments.file and record.content != _digest(arguments, record.modality):
            raise LedgerChanged(f"{arguments.path}: is about something else than {arguments.file} shows")
        line, good = _describe_root(root)
        return f"record {proof.index:,} was added with: {line}", good
    if arguments.file:
        raise UserError(f"--file {arguments.file}: {arguments.path} is about two roots: leave it out")
    old, new = proof.verify(anchors)
    if arguments.since and old.claim != _earlier(arguments.since, anchors).claim:
        raise LedgerChanged(f"{arguments.path}: is about another root than {arguments.since}")
    line, good = _describe_root(new)
    return f"goes on from {old.claim.size:,} records: {line}", good and old.signature.trusted


ACTIONS = {"root": root, "prove": prove, "check": check}


def _digest(arguments: argparse.Namespace, modality: str | None = None) -> str:
    """Return the digest of what the file shows that the command is about."""
    return Contents(arguments.package).digest(arguments.file, modality)


def _describe_root(root: SignedRoot) -> tuple[str, bool]:
    """A line about a root, and whether who has signed it is trusted."""
    return f"{root}{f': {root.signature.distrust}' if root.signature.distrust else ''}", root.signature.trusted


def _earlier(path: Path, anchors: bytes) -> SignedRoot:
    try:
        root = open_root(from_json(path.read_bytes()), anchors)
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
        raise UserError(f"--output {path}: {error.strerror}: take another name") from error
