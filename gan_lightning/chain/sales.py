"""Sales and tips, and who was paid of each, from the events of the contract."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gan_lightning.chain.history import DatedEvent


@dataclass(frozen=True)
class Payment:
    """Part of a price that an account was credited.

    Args:
        account: address of the account.
        amount: amount in wei.
        work: number of the work for which it is paid.
    """

    account: str
    amount: int
    work: int


@dataclass(frozen=True)
class Sale:
    """Sale or tip.

    Args:
        kind: ``copy`` if it was sold from an offer, ``resale`` of a copy, ``title``, or ``tip``.
        work: number of the work.
        token: number of the title or copy; None for a tip.
        seller: address of the seller; None for a tip.
        buyer: address of the account that received the token, or gave the tip.
        price: amount in wei.
        time: time of the block, seconds since 1970.
        block: number of the block.
        transaction: hash of the transaction.
        payments: parts of the price, whose sum is the price.
    """

    kind: Literal["copy", "resale", "title", "tip"]
    work: int
    token: int | None
    seller: str | None
    buyer: str
    price: int
    time: int
    block: int
    transaction: str
    payments: Sequence[Payment]


def read_sales(events: Iterable[DatedEvent], sold: set[int]) -> list[Sale]:
    """Return the sales and tips in events, in their order.

    Args:
        events: events of complete transactions, in their order.
        sold: tokens that were sold before these events; those of the events are added.
    """
    found: list[Sale] = []
    payments: list[Payment] = []
    for event in events:
        values = event.arguments
        if event.name == "Credited":
            # Payments follow the sale or the tip that they divide, in the same transaction.
            payments.append(Payment(values["account"], values["amount"], values["work"]))
        elif event.name in ("Sold", "Tipped"):
            payments = []
            where = event.time, event.block, event.transaction, payments
            work = values["work"]
            if event.name == "Tipped":
                found.append(Sale("tip", work, None, None, values["by"], values["amount"], *where))
                continue
            token = values["token"]
            kind: Literal["copy", "resale", "title"] = (
                "title" if token == work else "resale" if token in sold else "copy"
            )
            sold.add(token)
            found.append(Sale(kind, work, token, values["seller"], values["buyer"], values["price"], *where))
    return found
