"""Outcomes of transactions as the routes answer them: what happened, in words and as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gan_lightning.chain.receipts import Event, Receipt
from gan_lightning.chain.units import format_wei
from gan_lightning.chain.works import NOBODY
from gan_lightning.studio.market.accounts import Accounts

AMOUNTS = ("price", "amount")  # arguments of events in wei
MAX_NUMBER = 2**53  # from which on browsers round numbers of JSON
FAILED = "the transaction failed: the state changed after it was checked, and only its fee was paid"


def describe_result(
    action: str, accounts: Accounts, receipt: Receipt | None, values: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the result of an action.

    Args:
        action: name of the action.
        accounts: knows the names of accounts.
        receipt: receipt of the last transaction; None if everything was done already.
        values: further values of the result.
    """
    events = receipt.events if receipt else []
    transaction = receipt and {
        "hash": receipt.transaction,
        "block": receipt.block,
        "time": receipt.time,
        "gas": receipt.gas,
        "fee": str(receipt.fee),
    }
    return {"action": action, "already": receipt is None, **find_subjects(events), **(values or {})} | {
        "transaction": transaction,
        "events": [describe_event(event, accounts) for event in events],
    }


def find_subjects(events: Sequence[Event]) -> dict[str, Any]:
    """Return the work, token, offer, listing and amount that the events of a transaction are about."""
    found: dict[str, Any] = dict.fromkeys(("work", "token", "offer", "number", "amount"))
    for event in sorted(events, key=lambda event: event.name == "Displaced"):  # last, as it is about another work
        values = _plain(event)
        amount = {"amount": values["price"]} if event.name in ("Sold", "Listed") else {}
        found |= {key: one for key, one in (values | amount).items() if key in found and found[key] is None}
    return found


def describe_event(event: Event, accounts: Accounts) -> dict[str, Any]:
    """Return an event with its values and in words."""
    shown = {key: _show(key, value, accounts) for key, value in event.arguments.items()}
    return {"name": event.name, "words": _words(event, shown), "values": _plain(event)}


def _plain(event: Event) -> dict[str, Any]:
    return {
        key: str(value) if key in AMOUNTS or (isinstance(value, int) and value >= MAX_NUMBER) else value
        for key, value in event.arguments.items()
    }


def _show(key: str, value: Any, accounts: Accounts) -> str:
    if key in AMOUNTS:
        return format_wei(value)
    return accounts.describe(value) if isinstance(value, str) else f"{value}"


def _words(event: Event, shown: Mapping[str, str]) -> str:
    match event.name:
        case "Transfer" if event.arguments["from"] == NOBODY:
            template = "token {tokenId} was created for {to}"
        case "Transfer" if event.arguments["to"] == NOBODY:
            template = "token {tokenId} was destroyed"
        case "Listed" if event.arguments["number"] == 0:
            template = "token {token} is not for sale any more"
        case name:
            template = _TEMPLATES.get(name, name)
    return template.format(**shown)


_TEMPLATES = {
    "Anchored": "the root of the ledger ({size} lines) is on the chain",
    "Registered": "work {work} is registered for {creator}",
    "Displaced": "work {work} was displaced by work {by}, which has an older claim",
    "Offered": "offer {offer} of work {work} is open",
    "Listed": "token {token} is for sale for {price}, as number {number}",
    "Sold": "{seller} sold token {token} of work {work} to {buyer} for {price}",
    "Tipped": "{by} gave {amount} to work {work}",
    "Credited": "{account} was credited {amount} for work {work}",
    "Withdrawn": "{account} was paid {amount}",
    "Revoked": "copy {token} was revoked",
    "Transfer": "token {tokenId} went from {from} to {to}",
}
