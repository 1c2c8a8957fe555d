"""Finds works and tokens as users name them, by a number or by a file, and describes credits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.chain.units import format_wei
from gan_lightning.chain.views import Work, read_copy, read_work
from gan_lightning.chain.works import Offer
from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from gan_lightning.chain.receipts import Event
    from gan_lightning.commands.chain_actions.session import Session


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
