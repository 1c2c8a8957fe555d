"""Results of transactions: costs, receipts and events in plain values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """Cost of a transaction, at most.

    Args:
        gas: limit of gas.
        max_fee: largest fee for one unit of gas, in wei.
        tip: part of the fee that the producer of the block receives, in wei.
        value: ether sent along, in wei.
    """

    gas: int
    max_fee: int
    tip: int
    value: int

    @property
    def fee(self) -> int:
        """Largest fee of the transaction in wei."""
        return self.gas * self.max_fee

    @property
    def total(self) -> int:
        """Largest fee and the ether sent along, in wei."""
        return self.fee + self.value


@dataclass(frozen=True)
class Event:
    """Event of the contract.

    Args:
        name: name of the event, such as ``Sold``.
        arguments: its arguments by their names; digests are hexadecimal without ``0x``, addresses as in EIP-55.
        block: number of its block.
        transaction: hash of its transaction, hexadecimal with ``0x``.
    """

    name: str
    arguments: Mapping[str, Any]
    block: int
    transaction: str


@dataclass(frozen=True)
class Receipt:
    """Outcome of a transaction that was mined and did what it should.

    Args:
        transaction: hash of the transaction, hexadecimal with ``0x``.
        block: number of its block.
        time: time of the block, seconds since 1970.
        gas: gas that it used.
        fee: fee that was paid, in wei.
        contract: address of the contract that it created; None if it created none.
        events: events of the contract in their order.
    """

    transaction: str
    block: int
    time: int
    gas: int
    fee: int
    contract: str | None
    events: Sequence[Event]

    def first(self, name: str) -> Event:
        """Return the first event of a name; raise LookupError if there is none."""
        for event in self.events:
            if event.name == name:
                return event
        raise LookupError(f"{self.transaction}: has no event {name}")


Report = Callable[[Receipt], None]  # tells the user the outcome of a transaction
Announce = Callable[[Cost], None]  # tells the user the cost of a transaction before it is sent


def ignore_receipt(receipt: Receipt) -> None:
    """Tell nobody."""


def ignore_cost(cost: Cost) -> None:
    """Tell nobody."""
