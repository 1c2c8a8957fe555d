"""Events of the contract, read from its logs."""

from __future__ import annotations

from typing import Any

from eth_utils.abi import event_abi_to_log_topic
from web3.logs import DISCARD
from web3.types import EventData, LogReceipt, TxReceipt

from gan_lightning.chain.places import Place, Unreachable
from gan_lightning.chain.receipts import Event
from gan_lightning.errors import UserError

FEWEST_BLOCKS = 100  # of a request that a node refuses, from which on the refusal is reported


class Logs:
    """Logs of one contract.

    Args:
        place: the chain.
        contract: web3's contract.
        first_block: number of the block from which its events start.
    """

    def __init__(self, place: Place, contract: Any, first_block: int) -> None:
        self._place, self._contract, self.first_block = place, contract, first_block
        self._by_topic = {event_abi_to_log_topic(event.abi): event for event in contract.events}

    def named(self, name: str, **arguments: Any) -> list[Event]:
        """Return all events of a name in their order, whose indexed arguments have the given values."""
        event = self._contract.events[name]()
        with self._place.errors():
            newest = self._place.web3.eth.block_number
            logs = event.get_logs(argument_filters=arguments, from_block=self.first_block, to_block=newest)
        return [_plain_event(log) for log in logs]

    def between(self, first: int, last: int) -> list[Event]:
        """Return the events in blocks ``first`` to ``last`` in their order."""
        found: list[LogReceipt] = []
        step = self._place.blocks_at_once
        for start in range(max(first, self.first_block), last + 1, step):
            found += self._read(start, min(start + step - 1, last))
        found.sort(key=lambda log: (log["blockNumber"], log["logIndex"]))
        return [event for log in found if (event := self._decode(log))]

    def in_receipt(self, receipt: TxReceipt) -> list[Event]:
        """Return the events of a transaction in their order."""
        found: list[EventData] = []
        for event in self._contract.events:
            found += event().process_receipt(receipt, errors=DISCARD)
        return [_plain_event(log) for log in sorted(found, key=lambda log: log["logIndex"])]

    def _read(self, first: int, last: int) -> list[LogReceipt]:
        """Return the logs of a range of blocks, in several requests if a node refuses that many."""
        wanted: Any = {"address": self._contract.address, "fromBlock": first, "toBlock": last}
        try:
            with self._place.errors():
                return list(self._place.web3.eth.get_logs(wanted))
        except Unreachable:
            raise
        except UserError:
            if last - first < FEWEST_BLOCKS:
                raise
        middle = (first + last) // 2
        return self._read(first, middle) + self._read(middle + 1, last)

    def _decode(self, log: LogReceipt) -> Event | None:
        """Return the event of a log; None if the contract has no such event."""
        event = self._by_topic.get(bytes(log["topics"][0])) if log["topics"] else None
        return None if event is None else _plain_event(event().process_log(log))


def _plain_event(log: EventData) -> Event:
    arguments = {key: value.hex() if isinstance(value, bytes) else value for key, value in log["args"].items()}
    return Event(log["event"], arguments, log["blockNumber"], f"0x{bytes(log['transactionHash']).hex()}")
