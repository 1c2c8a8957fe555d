"""``gan-chain offer``, ``close`` and ``allow``, and the options with the terms of an offer."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.chain.terms import describe_editions, describe_terms
from gan_lightning.chain.units import format_time, parse_duration, parse_price, parse_time
from gan_lightning.chain.works import EVERY_EDITION, NO_DIGEST, NOBODY, UNLIMITED, Offer
from gan_lightning.commands.chain_actions.action import SENDS, Action, Outcome, add_work
from gan_lightning.commands.chain_actions.lookup import find_offer, find_work
from gan_lightning.commands.chain_actions.session import EVERYBODY
from gan_lightning.commands.options import Parser
from gan_lightning.errors import UserError
from gan_lightning.files import check_regular, file_digest

if TYPE_CHECKING:
    from gan_lightning.chain.receipts import Receipt
    from gan_lightning.commands.chain_actions.session import Session

TERMS = """
A copy is a print or a licence. Its term starts when it is sold or, with --hands, when it has changed hands as often
as that: then it stays with its holder. Terms never change; an offer can only be closed.
"""


class MakeOffer(Action):
    name = "offer"
    summary = "offer copies of a work whose title you hold"
    description = f"""Offer copies of a work whose title you hold: prints, rentals or licences.

    gan-chain offer 7 --price "0.1 ether" --editions 10 --account alice
    gan-chain offer song.wav --price "0.01 ether" --editions any --term 24h --hands 0 --licence licence.txt
{TERMS}"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        add_work(parser)
        add_terms(parser, required=True)

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        work = find_work(arguments.work, session)
        offer = read_terms(arguments, session)
        assert offer is not None  # --price is required

        def report(receipt: Receipt) -> Outcome:
            index = receipt.first("Offered").arguments["offer"]
            line = f"offer {index} of work {work.number}: gan-chain collect {work.number}:{index}"
            return Outcome([line], {"work": work.number, "offer": index})

        does = f"offer {describe_editions(offer)} of work {work.number} ({describe_terms(offer)})"
        return session.send(does, report, "offer", work.number, offer)


class Close(Action):
    name = "close"
    summary = "end the sale of an offer"
    description = """End the sale of an offer; copies that were sold stay.

    gan-chain close 7 0 --account alice
"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        add_work(parser)
        parser.add_argument("index", type=int, help="index of the offer, from 0")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        work, index = find_work(arguments.work, session), arguments.index
        find_offer(work, index)
        outcome = Outcome([f"offer {index} of work {work.number} is closed"], {"work": work.number, "offer": index})
        return session.send(
            f"close offer {index} of work {work.number}", lambda _: outcome, "close", work.number, index
        )


class Allow(Action):
    name = "allow"
    summary = "let others use a work as a part of theirs"
    description = """Let an account, or everybody, register works that have this one as a part.

    gan-chain allow 7 bob --account alice
    gan-chain allow 7 everybody --no --account alice

This stays when the title is sold; the new holder can take it back.
"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        add_work(parser)
        parser.add_argument("who", metavar="account", help=f"name or address of the account, or '{EVERYBODY}'")
        parser.add_argument("--no", action="store_true", help="allow it no longer")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        work, allowed = find_work(arguments.work, session), not arguments.no
        address = NOBODY if arguments.who == EVERYBODY else session.address(arguments.who, "account")
        who = EVERYBODY if address == NOBODY else session.describe(address)
        verb = "may" if allowed else "may no longer"
        outcome = Outcome(
            [f"{who} {verb} make works of work {work.number}"],
            {"work": work.number, "account": address, "allowed": allowed},
        )
        does = f"state that {who} {verb} make works of work {work.number}"
        return session.send(does, lambda _: outcome, "allow", work.number, address, allowed)


def add_terms(parser: Parser, *, required: bool) -> None:
    """Add the options of an offer; ``--price`` makes one, and is required if ``required`` is true."""
    price = partial(parse_price, option="--price")
    parser.add_argument("--price", required=required, type=price, help="price of a copy: '0.1 ether'; 0 for a gift")
    terms: dict[str, tuple[str, Callable[[str], int], str]] = {
        "--editions": ("N", _parse_editions, "number of copies, or 'any' (1)"),
        "--from": ("DATE", partial(parse_time, option="--from"), "time from which copies are valid: 2027-01-31"),
        "--term": ("TERM", parse_duration, "time that a copy is valid: 30d, 12h, 90s"),
        "--until": ("DATE", parse_time, "time at which the sale and all copies end"),
        "--hands": ("N", _parse_hands, "number of times that a copy can change hands, or 'any' (any)"),
    }
    for option, (metavar, read, meaning) in terms.items():
        parser.add_argument(option, metavar=metavar, type=read, help=meaning)
    parser.add_argument("--revocable", action="store_true", help="the holder of the title may revoke copies")
    parser.add_argument("--licence", metavar="FILE", type=Path, help="text of the licence, named by its SHA-256")


def read_terms(arguments: argparse.Namespace, session: Session) -> Offer | None:
    """Return the offer that the options describe; None without ``--price``.

    Raises:
        UserError: if the terms contradict each other, or other terms are given without a price.
    """
    given = {name: getattr(arguments, name) for name in ("editions", "from", "term", "until", "hands", "licence")}
    if arguments.price is None:
        named = [f"--{name}" for name, value in given.items() if value is not None]
        named += ["--revocable"] if arguments.revocable else []
        if named:
            raise UserError(f"{named[0]}: is a term of an offer: give --price too, 0 for a gift")
        return None
    offer = Offer(
        arguments.price,
        given["from"] or 0,
        arguments.until or 0,
        arguments.term or 0,
        1 if arguments.editions is None else arguments.editions,
        UNLIMITED if arguments.hands is None else arguments.hands,
        arguments.revocable,
        NO_DIGEST if arguments.licence is None else _digest(arguments.licence),
    )
    now = session.client.now()
    if offer.until and offer.until <= now:
        raise UserError(
            f"--until: {format_time(offer.until)} is past: it is {format_time(now)} on this chain: give a later time"
        )
    return offer


def _parse_editions(text: str) -> int:
    return EVERY_EDITION if text == "any" else _parse_number(text, "--editions")


def _parse_hands(text: str) -> int:
    return UNLIMITED if text == "any" else _parse_number(text, "--hands")


def _parse_number(text: str, option: str) -> int:
    if not text.isdecimal():
        raise UserError(f"{option} {text}: must be a whole number, or 'any'")
    return int(text)


def _digest(licence: Path) -> bytes:
    try:
        check_regular(licence)
        return bytes.fromhex(file_digest(licence))
    except OSError as error:
        raise UserError(f"--licence {licence}: cannot be read ({error.strerror or error})") from error
