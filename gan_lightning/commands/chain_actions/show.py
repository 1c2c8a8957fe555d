"""``gan-chain show``: what the chain knows about a file, a work, a copy or an account."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_lightning.chain.terms import describe_terms, format_duration
from gan_lightning.chain.units import format_rounded, format_time, format_wei
from gan_lightning.chain.views import Copy, Work, read_copy, read_holder, read_work
from gan_lightning.chain.works import EVERY_EDITION, NO_DIGEST, UNLIMITED, Offer
from gan_lightning.commands.chain_actions.action import READS, Action, Outcome
from gan_lightning.commands.chain_actions.lookup import describe_credits
from gan_lightning.commands.options import Parser, add_trust_code
from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from gan_lightning.commands.chain_actions.session import Session


class Show(Action):
    name = "show"
    summary = "show a file, a work, a copy or an account"
    description = """Show what the chain knows about a file, a work, a copy or an account.

    gan-chain show 7.png
    gan-chain show 7.png --set samples     a file of a set that was registered as one work
    gan-chain show 7
    gan-chain show alice

Exit code 1: the chain knows nothing about it.
"""
    options = READS

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("about", help="file or folder, number of a work or a copy, name or address of an account")
        parser.add_argument("--set", metavar="FOLDER", type=Path, help="registered set that holds the file")
        add_trust_code(parser, "package of your own that defines the modality of a file")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        about = arguments.about
        if arguments.set:
            return _show_member(Path(about), arguments.set, session)
        if about.isdecimal():
            return _show_number(int(about), session)
        if about in session.names or (about.startswith("0x") and not Path(about).exists()):
            return _show_account(session.address(about, "account"), session)
        if not Path(about).exists():
            raise UserError(f"{about}: no such file, number or account: check the spelling")
        return _show_artifact(about, session.artifact(Path(about)).digest, session)


def describe_copy(copy: Copy, session: Session) -> str:
    """Return the holder of a copy, and what is left of its time and its hands, in words."""
    if copy.holder is None:
        return f"copy {copy.token} of work {copy.work}: destroyed"
    left = copy.expires - session.client.now()
    end = f"until {format_time(copy.expires)}" if copy.expires else "without an end"
    end += f" ({format_duration(left)} left)" if copy.expires and left > 0 else ""
    hands = "" if copy.hands == UNLIMITED else f", {copy.hands} hands left"
    state = "valid" if copy.valid else "not valid"
    return f"copy {copy.token} of work {copy.work}: held by {session.describe(copy.holder)}, {state}, {end}{hands}"


def _show_number(number: int, session: Session) -> Outcome:
    if number < 2**64:  # the range of the contract
        if work := read_work(session.client, number):
            return _show_work(work, session)
        if copy := read_copy(session.client, number):
            return Outcome([describe_copy(copy, session)], {"copy": asdict(copy)}, copy.valid)
    return Outcome([f"{number}: no work and no copy has this number"], {"work": None}, holds=False)


def _show_member(member: Path, folder: Path, session: Session) -> Outcome:
    """Show the work of a set that holds a file."""
    from gan_lightning.chain.artifacts import prove_membership

    membership = prove_membership(folder, member, session.contents)
    line = f"{member}: is file {membership.index + 1:,} of {membership.size:,} in the set {folder}"
    outcome = _show_artifact(str(folder), session.artifact(folder).digest, session)
    return Outcome([line, *outcome.lines], dict(outcome.result) | {"membership": asdict(membership)}, outcome.holds)


def _show_artifact(name: str, digest: str, session: Session) -> Outcome:
    work = read_work(session.client, session.client.read("workOf", bytes.fromhex(digest)))
    if work is None:
        line = f"{name}: is not registered on {session.place}, as artifact {digest}"
        return Outcome([line], {"artifact": digest, "work": None}, holds=False)
    return _show_work(work, session)


def _show_work(work: Work, session: Session) -> Outcome:
    client, number, shown = session.client, work.number, session.describe
    holder = read_holder(client, number)
    price, listing = client.read("listings", number)
    sold = [client.read("sold", number, index) for index in range(len(work.offers))]
    tokens = dict.fromkeys(one.arguments["token"] for one in client.events("Sold", work=number))
    copies = [copy for token in tokens if (copy := read_copy(client, token))]
    words, credited = describe_credits(client.events("Credited", work=number), session, "nothing")
    final = "final since" if work.final <= client.now() else "final from"
    lines = [
        f"work {number}: artifact {work.artifact}",
        f"  creator {shown(work.creator)}, on record since {format_time(work.since)}, {final} "
        f"{format_time(work.final)}",
    ]
    if work.void:
        (displaced,) = client.events("Displaced", work=number)
        lines.append(f"  displaced by an older claim: work {displaced.arguments['by']}; nothing of it is valid")
    title = f"held by {shown(holder)}" if holder else "destroyed"
    lines.append(f"  title {title}" + (f", for sale for {format_wei(price)} as number {listing}" if listing else ""))
    payees = ", ".join(f"{shown(payee.account)} {payee.units:,}" for payee in work.payees)
    lines.append(f"  royalty {work.royalty / 100:g}%, share {work.share / 100:g}%, payees by units: {payees}")
    if work.parts:
        lines.append(f"  made of works {', '.join(map(str, work.parts))}")
    if work.metadata != NO_DIGEST:
        lines.append(f"  metadata {_metadata_address(work)}")
    lines += [f"  offer {index}: {_describe_offer(offer, sold[index])}" for index, offer in enumerate(work.offers)]
    lines += [f"  {describe_copy(copy, session)}" for copy in copies]
    lines.append(f"  credited to payees and sellers: {words}")
    values = _plain(asdict(work)) | {
        "holder": holder,
        "listing": {"price": str(price), "number": listing} if listing else None,
        "sold": sold,
        "copies": [asdict(copy) for copy in copies],
        "credited": credited,
    }
    return Outcome(lines, {"work": values}, not work.void)


def _describe_offer(offer: Offer, sold: int) -> str:
    editions = f"{sold:,} sold" if offer.editions == EVERY_EDITION else f"{sold:,} of {offer.editions:,} sold"
    return f"{describe_terms(offer)}; {editions}"


def _show_account(account: str, session: Session) -> Outcome:
    client = session.client
    received = dict.fromkeys(one.arguments["tokenId"] for one in client.events("Transfer", to=account))
    held = [token for token in received if read_holder(client, token) == account]
    copies = [copy for token in held if (copy := read_copy(client, token))]
    titles = [token for token in held if token not in [copy.token for copy in copies]]
    sales = [one for one in client.events("Sold") if one.arguments["seller"] == account]
    owed, balance = client.read("owed", account), client.balance(account)
    lines = [f"account {session.describe(account)}: {format_rounded(balance, 8)}, and {format_wei(owed)} to withdraw"]
    lines += [f"  title of work {token}" for token in titles]
    lines += [f"  {describe_copy(copy, session)}" for copy in copies]
    sold = []
    for event in sales:
        token, buyer, price = (event.arguments[key] for key in ("token", "buyer", "price"))
        when = client.block_time(event.block)
        lines.append(f"  sold token {token} to {session.describe(buyer)} for {format_wei(price)}, {format_time(when)}")
        sold.append({"token": token, "buyer": buyer, "price": str(price), "time": when})
    return Outcome(
        lines,
        {
            "address": account,
            "balance": str(balance),
            "owed": str(owed),
            "titles": titles,
            "copies": [asdict(copy) for copy in copies],
            "sales": sold,
        },
    )


def _metadata_address(work: Work) -> str:
    from gan_lightning.chain.metadata import ipfs_address_base32

    return ipfs_address_base32(work.metadata)


def _plain(value: Any) -> Any:
    """Return a value for JSON: bytes in hexadecimal, amounts of wei as strings."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: str(one) if key in ("price", "units") else _plain(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value
