"""``gan-chain deploy`` and ``register``."""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.chain.terms import describe_editions, describe_terms
from gan_lightning.chain.units import format_time, parse_percentage, parse_time
from gan_lightning.chain.views import read_work
from gan_lightning.chain.works import NO_DEADLINE, Draft, Offer, Payee
from gan_lightning.commands.chain_actions.action import SENDS, Action, Outcome, add_file_modality
from gan_lightning.commands.chain_actions.description import Description, add_description, describe_file
from gan_lightning.commands.chain_actions.offers import TERMS, add_terms, read_terms
from gan_lightning.commands.chain_actions.parts import check_parts, read_payees
from gan_lightning.commands.options import Parser, add_trust_root
from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from gan_lightning.chain.artifacts import Artifact
    from gan_lightning.chain.receipts import Receipt
    from gan_lightning.commands.chain_actions.session import Session
    from gan_lightning.provenance.ledger import Ledger


class Deploy(Action):
    name = "deploy"
    summary = "create the contract, and an embedded chain if --chain is a new folder"
    description = """Create the contract; --chain is a new folder for an embedded chain, or the URL of a node.

    gan-chain deploy
    gan-chain deploy --chain http://127.0.0.1:8545 --account jane

Its address is written to chain.json: in the folder of an embedded chain, or in chains/ID/ beside your identity.
"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        parser.set_defaults(default_account="alice")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        if session.dry_run and not session.has_chain:
            with tempfile.TemporaryDirectory() as folder:  # a chain of its own, so that nothing is left
                session.client = session.connect_to(folder, create=True)
                return self._deploy(session)
        session.client = session.connect_to(session.place, create=not session.dry_run)
        return self._deploy(session)

    def _deploy(self, session: Session) -> Outcome:
        def report(receipt: Receipt) -> Outcome:
            session.report["contract"] = receipt.contract
            line = f"contract {receipt.contract} on {session.place}, chain {session.client.chain_id}"
            return Outcome([line], {"contract": receipt.contract})

        return session.deploy(f"create the contract on {session.place}", report)


class Register(Action):
    name = "register"
    summary = "register a claimed file as a work"
    description = f"""Register a file as a work: whoever claimed it holds its title, and may offer copies of it.

    gan-chain register 7.png --ledger outputs/ledger --account alice --price "0.1 ether" --editions 10
    gan-chain register film.mp4 --ledger outputs/ledger --royalty 5% --part 3 --part 4 --payee alice:70 --payee bob:30
    gan-chain register last.ckpt --ledger outputs/ledger --share 10% --run outputs/demo
    gan-chain register 7.png --ledger outputs/ledger --price "0.1 ether" --sign release.json

Earnings go to the parts first, each by its --share, and the rest to the payees by their units; payee 'holder' is
whoever holds the title at the time, and the default. --run makes the contributors of a run payees. Within 30 days an
older claim of another account displaces the work.

With --sign nothing is sent: the signed release lets a buyer register the work: gan-chain collect release.json
{TERMS}"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("file", type=Path, help="file or folder that the account has claimed")
        parser.add_argument("--ledger", metavar="DIR", type=Path, required=True, help="ledger with the claim")
        for option, meaning in {
            "--royalty": "part of each resale that goes to the payees: 5%%",
            "--share": "part that goes to this work of what works made of it earn: 10%%",
        }.items():
            read = partial(parse_percentage, option=option)
            parser.add_argument(option, metavar="PERCENT", type=read, default=0, help=f"{meaning} (0%%)")
        for option, metavar, meaning in (
            ("--payee", "ACCOUNT:UNITS", "account that shares the earnings, or 'holder'"),
            ("--part", "WORK", "work that this one is made of, by its number or file"),
        ):
            parser.add_argument(
                option, metavar=metavar, action="append", default=[], help=f"{meaning}; may be repeated"
            )
        parser.add_argument(
            "--run", metavar="RUN", type=Path, dest="contributors", help="run whose contributors are paid"
        )
        add_terms(parser, required=False)
        add_description(parser)
        parser.add_argument("--sign", metavar="FILE", type=Path, help="new file for a signed release; nothing is sent")
        parser.add_argument(
            "--deadline",
            metavar="DATE",
            type=partial(parse_time, option="--deadline"),
            help="time until which others may register the signed release",
        )
        add_trust_root(parser)
        add_file_modality(parser)

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        from gan_lightning.chain.anchors import anchored_evidence
        from gan_lightning.provenance.ledger import read_ledger

        if arguments.deadline and not arguments.sign:
            raise UserError("--deadline: is for signed releases: give --sign too")
        offer = read_terms(arguments, session)
        if arguments.sign and offer is None:
            raise UserError("--sign: needs an offer, since whoever registers the work buys a copy: give --price")
        artifact = session.artifact(arguments.file)
        ledger = read_ledger(arguments.ledger, b"")
        index = _find_claim(arguments, session, ledger, artifact)
        description = describe_file(arguments, artifact, ledger, index)
        draft = _read_draft(arguments, session, description.digest, offer)
        named = f", with an offer of {describe_editions(offer)} ({describe_terms(offer)})" if offer else ""
        values = {
            "artifact": artifact.digest,
            "metadata": str(description.path),
            "metadata_address": description.address,
        }
        if arguments.sign:
            outcome = _sign(arguments.sign, session, ledger, index, draft, description)
            return Outcome(outcome.lines, values | dict(outcome.result))
        evidence = anchored_evidence(session.client, ledger, index)

        def report(receipt: Receipt) -> Outcome:
            description.write()
            number = receipt.first("Registered").arguments["work"]
            work = read_work(session.client, number)
            assert work is not None
            lines = [
                f"work {number}: title held by {session.describe(session.account)}, on record since "
                f"{format_time(work.since)}, final from {format_time(work.final)}",
                f"metadata: {description.path} is {description.address}: publish it: ipfs add --cid-version=1",
            ]
            numbers = {"work": number, "since": work.since, "final": work.final, "offers": len(work.offers)}
            return Outcome(lines, values | numbers)

        does = f"register {arguments.file} as a work of {session.describe(session.account)}{named}"
        return session.send(does, report, "register", evidence, draft, b"", prepare=description.write)


def _read_draft(arguments: argparse.Namespace, session: Session, metadata: bytes, offer: Offer | None) -> Draft:
    return Draft(
        metadata=metadata,
        royalty=arguments.royalty,
        share=arguments.share,
        payees=read_payees(arguments, session) or [Payee()],
        parts=check_parts(arguments.part, session),
        offers=[offer] if offer else [],
        deadline=arguments.deadline or NO_DEADLINE,
    )


def _find_claim(arguments: argparse.Namespace, session: Session, ledger: Ledger, artifact: Artifact) -> int:
    """Return the index of the first claim of the account; raise UserError if there is none."""
    from gan_lightning.chain.claims import find_claims

    file, folder = arguments.file, arguments.ledger
    found = find_claims(ledger, artifact.digest, session.account.lower())
    if not found:
        raise UserError(
            f"{file}: {folder} holds no claim of {session.describe(session.account)} to it as it is now: if it was not "
            f"changed by mistake: gan-chain claim {file} --ledger {folder}, then anchor"
        )
    return found[0]


def _sign(path: Path, session: Session, ledger: Ledger, index: int, draft: Draft, description: Description) -> Outcome:
    from gan_lightning.chain.anchors import earliest_anchored_root
    from gan_lightning.chain.claims import evidence
    from gan_lightning.chain.releases import RELEASE, Release

    if path.exists():
        raise UserError(f"--sign {path}: exists already: choose another name")
    root = earliest_anchored_root(session.client, ledger, index)
    proof, anchored = evidence(ledger, index, root), root is not None
    remark = "" if anchored else f", once the ledger is anchored: gan-chain anchor {path}"
    line = f"{path}: lets anyone register the work and buy a copy: gan-chain collect {path}{remark}"
    if session.dry_run:
        return Outcome([f"dry run: would sign {line}"])
    address = session.client.address
    assert address is not None  # the proof was looked up in the contract
    signature = session.client.sign_release(session.signer, proof.claim.artifact, draft)
    Release(RELEASE, session.client.chain_id, address, proof, draft, signature).write(path)
    description.write()
    return Outcome([line], {"release": str(path), "anchored": anchored})
