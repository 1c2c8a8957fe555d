"""``gan-chain collect``: buys a copy of a work, which a signed release may register."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.chain.contract import Refused
from gan_lightning.chain.terms import describe_terms
from gan_lightning.chain.units import format_time
from gan_lightning.chain.views import Work, read_copy, read_work
from gan_lightning.chain.works import UNLIMITED, Offer
from gan_lightning.commands.chain_actions.action import SENDS, Action, Outcome, add_file_modality
from gan_lightning.commands.chain_actions.lookup import describe_credits, find_offer, find_work
from gan_lightning.commands.options import Parser
from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from gan_lightning.chain.receipts import Receipt
    from gan_lightning.chain.releases import Release
    from gan_lightning.commands.chain_actions.session import Session


class Collect(Action):
    name = "collect"
    summary = "buy a copy of a work"
    description = """Buy a copy of a work, from its first offer or the one of an index.

    gan-chain collect 7 --account bob
    gan-chain collect 7:1 --to carol --account bob
    gan-chain collect release.json --account bob     registers the work first, unless somebody has
"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("work", metavar="WORK[:INDEX]", help="number of the work, its file, or a signed release")
        parser.add_argument("--to", metavar="ACCOUNT", help="account that receives the copy (the one that pays)")
        add_file_modality(parser)

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        from gan_lightning.chain.releases import read_release

        to = session.address(arguments.to, "--to") if arguments.to else session.account
        if release := read_release(Path(arguments.work)):
            return _collect_release(release, arguments.work, to, session)
        text, colon, index = arguments.work.rpartition(":")
        if not colon or not index.isdecimal() or Path(arguments.work).exists():
            text, index = arguments.work, "0"
        return _collect(find_work(text, session).number, int(index), to, session)


def _collect(number: int, index: int, to: str, session: Session) -> Outcome:
    work = read_work(session.client, number)
    assert work is not None
    offer = find_offer(work, index)
    does = f"collect a copy of work {number} for {session.describe(to)} ({describe_terms(offer)})"
    arguments = (number, index, to)
    try:
        return session.send(does, lambda one: _report(one, session), "collect", *arguments, value=offer.price)
    except Refused as refusal:
        if refusal.name != "NotForSale":
            raise
        raise UserError(f"offer {index} of work {number}: {_why_not_for_sale(work, offer, session)}") from refusal


def _why_not_for_sale(work: Work, offer: Offer, session: Session) -> str:
    if work.void:
        return "the work was displaced by an older claim, and no copies are sold"
    if offer.until and offer.until <= session.client.now():
        return f"ended on {format_time(offer.until)}"
    return "all copies are sold, or it was closed: look for other offers: gan-chain show"


def _collect_release(release: Release, name: str, to: str, session: Session) -> Outcome:
    """Register the work and buy a copy; if the creator's work is registered already, buy a copy of it."""
    client, draft = session.client, release.draft
    offer = draft.offers[0]
    artifact = bytes.fromhex(release.evidence.claim.artifact)
    if (release.chain_id, release.contract) != (client.chain_id, client.address):
        raise UserError(
            f"{name}: is for the contract {release.contract} on chain {release.chain_id}, and this is "
            f"{client.address} on chain {client.chain_id}: check --chain and --contract"
        )

    def registered(receipt: Receipt) -> bool:
        return any(one.name == "Registered" and one.arguments["artifact"] == artifact.hex() for one in receipt.events)

    if outcome := session.resume(registered, lambda receipt: _report(receipt, session)):
        return outcome
    work = read_work(client, client.read("workOf", artifact))
    if work and work.creator.lower() == release.evidence.claim.account and not work.void:
        if offer not in work.offers:
            raise UserError(
                f"{name}: is registered already, and work {work.number} has no such offer (any more): "
                f"gan-chain show {work.number}"
            )
        return _collect(work.number, work.offers.index(offer), to, session)
    return session.send(
        f"register the work in {name}, and collect a copy for {session.describe(to)} ({describe_terms(offer)})",
        lambda receipt: _report(receipt, session),
        "registerAndCollect",
        release.evidence,
        draft,
        release.signature,
        to,
        value=offer.price,
    )


def _report(receipt: Receipt, session: Session) -> Outcome:
    sold = receipt.first("Sold").arguments
    copy = read_copy(session.client, sold["token"])
    assert copy is not None
    words, amounts = describe_credits(receipt.events, session)
    end = f"until {format_time(copy.expires)}" if copy.expires else "without an end"
    end += f", {copy.hands} hands left" if copy.hands not in (0, UNLIMITED) else ""
    line = f"copy {copy.token} of work {copy.work} for {session.describe(sold['buyer'])}, {end}; credited: {words}"
    values = {"work": copy.work, "copy": copy.token, "holder": sold["buyer"], "price": str(sold["price"])}
    return Outcome([line], values | {"expires": copy.expires or None, "hands": copy.hands, "credited": amounts})
