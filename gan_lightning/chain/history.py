"""All events of the contract with their times, kept in a file so that each block is read once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.chain.receipts import Event
from gan_lightning.files import make_folder

if TYPE_CHECKING:
    from gan_lightning.chain.client import Client

VERSION = 1


@dataclass(frozen=True)
class DatedEvent(Event):
    """Event with the time of its block.

    Args:
        time: seconds since 1970.
    """

    time: int = 0


class History:
    """Events of the contract of a client, in their order.

    The file holds a header, lines with events, and after the events of each range of blocks a line with its last block.
    What follows the last such line was left by a killed process, and is read again.

    Args:
        client: client of the contract.
        path: the file; it is written anew if it is about another chain, or damaged.

    Attributes:
        events: all events up to ``block``.
        block: number of the last block that was read.
    """

    def __init__(self, client: Client, path: Path) -> None:
        self._client, self._path = client, path
        self._header = {"version": VERSION, "genesis": client.genesis, "contract": client.address}
        self.events: list[DatedEvent] = []
        self.block, self._hash = client.logs.first_block - 1, ""
        self._can_append = False  # the file holds all events
        self._load()

    def refresh(self) -> Sequence[DatedEvent] | None:
        """Read the events of new blocks.

        Returns:
            The new events; None if earlier blocks were replaced, so that all events are new.
        """
        replaced = self._hash != "" and self._hash != self._hash_of(self.block)
        if replaced:
            self.events, self.block, self._hash = [], self._client.logs.first_block - 1, ""
            self._can_append = False
        newest = self._client.block_number()
        if newest <= self.block:
            return []
        found: Sequence[Event] = self._client.logs.between(self.block + 1, newest)
        times = {number: self._client.block_time(number) for number in {event.block for event in found}}
        fresh = [DatedEvent(**vars(event), time=times[event.block]) for event in found]
        self._hash, self.block = self._hash_of(newest), newest
        self.events = [*self.events, *fresh]  # others may still read the earlier list
        self._save(fresh)
        return None if replaced else fresh

    def _hash_of(self, number: int) -> str:
        return self._client.block_hash(number) if number <= self._client.block_number() else "none"

    def _load(self) -> None:
        try:
            header, *lines = [json.loads(line) for line in self._path.read_text(encoding="utf-8").splitlines()]
            ends = [index for index, line in enumerate(lines) if "hash" in line]
            if header != self._header or not ends or self._hash_of(lines[ends[-1]]["block"]) != lines[ends[-1]]["hash"]:
                return
            events = [DatedEvent(**line) for line in lines[: ends[-1]] if "name" in line]
        except (OSError, ValueError, TypeError, LookupError):
            return
        self.events, self.block, self._hash = events, lines[ends[-1]]["block"], lines[ends[-1]]["hash"]
        self._can_append = ends[-1] + 1 == len(lines)

    def _save(self, fresh: Sequence[DatedEvent]) -> None:
        """Append events to the file, or write it anew. If it cannot be written, a later process reads them again."""
        start, events = ([], fresh) if self._can_append else ([self._header], self.events)
        lines = [*start, *map(asdict, events), {"block": self.block, "hash": self._hash}]
        mode, self._can_append = ("a" if self._can_append else "w"), False
        with suppress(OSError):
            make_folder(self._path.parent)
            with self._path.open(mode, encoding="utf-8") as file:
                file.write("".join(f"{json.dumps(line)}\n" for line in lines))
            self._can_append = True
