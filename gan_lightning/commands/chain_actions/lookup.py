"""Finds works and tokens as users name them, by a number or by a file, and describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.chain.units import format_time, format_wei
from gan_lightning.chain.views import Work, read_copy, read_work
from gan_lightning.chain.works import NO_DIGEST, UNLIMITED, Offer
from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from gan_lightning.chain.receipts import Event
    from gan_lightning.commands.chain_actions.session import Session

EVERY_EDITION = 2**32 - 1  # editions without a limit


def find_work(text: str, session: Session) -> Work:
    """Return the work of a number, or of a file or folder by its content.

    Raises:
        UserError: if there is none.
    """
    number = int(text) if text.isdecimal() else _number_of(text, session)
    if number >= 2**64 or (work := read_work(session.client, number)) is None:
        copy = read_copy(session.client, number) if number < 2**64 else None
        reason = f"is a copy of work {copy.work}: give the work" if copy else "no such work: gan-chain show lists them"
        raise UserError(f"work {text}: {reason}")
    return work


def find_token(text: str, session: Session) -> int:
    """Return the number of a token, given as such or by the file of the work whose title it is."""
    return int(text) if text.isdecimal() else _number_of(text, session)


def find_offer(work: Work, index: int) -> Offer:
    """Return an offer of a work; raise UserError if the work has no offer of that index."""
    if not 0 <= index < len(work.offers):
        has = f"has offers 0 to {len(work.offers) - 1}" if work.offers else "has no offers: gan-chain offer makes one"
        raise UserError(f"offer {index}: work {work.number} {has}")
    return work.offers[index]


def describe_terms(offer: Offer) -> str:
    """Return the terms of an offer in words."""
    terms = [format_wei(offer.price) if offer.price else "a gift"]
    terms += [f"valid from {format_time(offer.start)}"] if offer.start else []
    terms += [f"for {format_duration(offer.term)}"] if offer.term else []
    terms += [f"until {format_time(offer.until)}"] if offer.until else []
    terms += [f"{offer.hands} hands"] if offer.hands != UNLIMITED else []
    terms += ["revocable"] if offer.revocable else []
    terms += [f"licence {offer.licence.hex()}"] if offer.licence != NO_DIGEST else []
    return ", ".join(terms)


def describe_editions(offer: Offer) -> str:
    """Return the number of copies that can be sold, in words."""
    return "copies without a limit" if offer.editions == EVERY_EDITION else f"{offer.editions:,} copies"


def describe_credits(events: Sequence[Event], session: Session, none: str = "nobody") -> tuple[str, Mapping[str, str]]:
    """Return the amounts that events credited to accounts, in words and as plain values.

    Args:
        events: events of the contract, of which those of other kinds are left out.
        session: knows the names of accounts.
        none: words for no amount.
    """
    amounts: dict[str, int] = {}
    for event in events:
        if event.name == "Credited":
            account = event.arguments["account"]
            amounts[account] = amounts.get(account, 0) + event.arguments["amount"]
    words = ", ".join(f"{session.describe(account)} {format_wei(amount)}" for account, amount in amounts.items())
    return words or none, {account: str(amount) for account, amount in amounts.items()}


def format_duration(seconds: int) -> str:
    """Return a duration with its two largest units, such as ``29 d 23 h``."""
    parts: list[str] = []
    for unit, size in {"d": 86_400, "h": 3600, "min": 60, "s": 1}.items():
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count:,} {unit}")
    return " ".join(parts[:2])


def _number_of(text: str, session: Session) -> int:
    """Return the number of the work of a file or folder; raise UserError if it is not registered."""
    path = Path(text)
    if not path.exists():
        raise UserError(f"{text}: must be the number of a work, or a file or folder: no such file")
    artifact = session.artifact(path)
    number = int(session.client.read("workOf", bytes.fromhex(artifact.digest)))
    if number == 0:
        raise UserError(f"{text}: is not registered on {session.place} ({artifact.kind} {artifact.digest})")
    return number
