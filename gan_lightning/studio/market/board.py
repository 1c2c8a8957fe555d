"""State of the market: all works, who holds what, and what is for sale, read once and kept up to date."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.chain.history import DatedEvent, History
from gan_lightning.chain.sales import Sale, read_sales
from gan_lightning.chain.views import Copy, Work, read_work
from gan_lightning.chain.works import NOBODY
from gan_lightning.studio.market.saved_board import VERSION, Listing, SavedBoard, read_saved, save_work

if TYPE_CHECKING:  # slow to import, and needs an extra
    from gan_lightning.chain.client import Client

READ_AGAIN = 2  # works that are read again with each new block
SAVE_AFTER = 20  # works and copies that were read since the file was written


@dataclass(frozen=True)
class State:
    """State of the market at one block.

    Args:
        block: number of the block.
        works: works by their numbers.
        sold: copies sold of each offer, by the number of the work.
        holders: holders of titles and copies by their tokens; destroyed tokens are missing.
        copies: tokens of all copies ever sold, by the number of the work.
        listings: titles and copies for sale by their tokens.
        displaced_by: works that displaced others, by the numbers of the displaced ones.
        sales: all sales and tips in their order.
        anchored: roots that were anchored, hexadecimal.
    """

    block: int = -1
    works: Mapping[int, Work] = field(default_factory=dict)
    sold: Mapping[int, Sequence[int]] = field(default_factory=dict)
    holders: Mapping[int, str] = field(default_factory=dict)
    copies: Mapping[int, Sequence[int]] = field(default_factory=dict)
    listings: Mapping[int, Listing] = field(default_factory=dict)
    displaced_by: Mapping[int, int] = field(default_factory=dict)
    sales: Sequence[Sale] = ()
    anchored: Set[str] = frozenset()

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Numbers of the works that were not displaced, by their artifacts."""
        return {work.artifact: work.number for work in self.works.values() if not work.void}


class Board:
    """Keeps the state of the market up to date.

    A refresh reads the events of new blocks, and the works and listings that they touch. Two calls of the contract
    change a work without an event, ``close`` and ``allow``. Whoever makes them here calls :meth:`touch`. For those of
    other programs, some works are read again with each new block, in turn.

    Args:
        client: client of the contract.
        folder: folder of its files.
        pause: seconds in which the node is not asked again for new blocks.
    """

    def __init__(self, client: Client, folder: Path, pause: float) -> None:
        self._client, self._pause = client, pause
        self._file = folder / "board.json"
        self._history = History(client, folder / "events.jsonl")
        self._lock = threading.Lock()
        self._state, self._sold_tokens = State(), set[int]()
        self._copies: dict[int, Copy] = {}
        self._touched: set[int] = set()
        self._asked = 0.0  # by the monotonic clock
        self._turn = 0
        self._unsaved = 0
        self._pending: Sequence[DatedEvent] = self._history.events
        if saved := read_saved(self._file, client, self._history.block):
            self._restore(saved)

    def state(self) -> State:
        """Return the state at the newest block."""
        with self._lock:
            if self._touched or time.monotonic() - self._asked >= self._pause:
                self._refresh()
                self._asked = time.monotonic()
            return self._state

    def expire(self) -> None:
        """Ask for new blocks before the next answer."""
        with self._lock:
            self._asked = 0.0

    def touch(self, work: int) -> None:
        """Read a work again before the next answer."""
        with self._lock:
            self._touched.add(work)

    def copy(self, token: int) -> Copy:
        """Return a copy that was sold; its field ``valid`` depends on the time, and is not read."""
        if (found := self._copies.get(token)) is not None:
            return found
        state = self._state
        work, offer, expires, hands = self._client.read("copies", token)
        copy = Copy(token, work, offer, expires, hands, state.holders.get(token), False)
        with self._lock:
            if state is self._state:  # otherwise it may have changed in between
                self._copies[token] = copy
                self._unsaved += 1
        return copy

    def save(self) -> None:
        """Write what was read to the file of the board."""
        with self._lock:
            self._save()

    def _save(self) -> None:
        client, state = self._client, self._state
        if client.address is None or state.block < 0 or self._touched:
            return
        where = VERSION, client.genesis, client.address, state.block, client.block_hash(state.block)
        works = [save_work(work) for work in state.works.values()]
        SavedBoard(*where, works, state.sold, state.listings, dict(self._copies)).write(self._file)
        self._unsaved = 0

    def _restore(self, saved: SavedBoard) -> None:
        events = self._history.events
        known = [event for event in events if event.block <= saved.block]
        self._pending = events[len(known) :]
        state = self._apply(known, self._sold_tokens)
        state = replace(state, block=saved.block, works=saved.works, sold=saved.sold, listings=saved.listings)
        self._state, self._copies = state, dict(saved.copies)

    def _refresh(self) -> None:
        if self._client.block_number() == self._state.block and not self._touched:
            return
        events = self._history.refresh()
        if events is None:  # the chain was replaced
            self._state, self._sold_tokens, self._pending, self._copies = State(), set(), (), {}
            events = self._history.events
        self._pending = [*self._pending, *events]  # until they are applied: the node may stop answering before
        works, tokens = self._find_touched(self._pending)
        works |= self._next_turn() if self._pending else set()
        for token in tokens:
            self._copies.pop(token, None)
        sold_tokens = set(self._sold_tokens)
        self._state = self._read_again(self._apply(self._pending, sold_tokens), works, tokens)
        self._sold_tokens, self._pending = sold_tokens, ()
        self._touched -= works
        self._unsaved += len(works)
        if self._unsaved >= SAVE_AFTER:
            self._save()

    def _find_touched(self, events: Sequence[DatedEvent]) -> tuple[set[int], set[int]]:
        """Return the works and the tokens to read again."""
        works = set(self._touched)
        works |= {event.arguments["work"] for event in events if "work" in event.arguments}
        tokens = {event.arguments["token"] for event in events if "token" in event.arguments}
        tokens |= {event.arguments["tokenId"] for event in events if event.name == "Transfer"}
        return works, tokens | works

    def _next_turn(self) -> set[int]:
        numbers = sorted(self._state.works)
        self._turn = (self._turn + READ_AGAIN) % max(len(numbers), 1)
        return set(numbers[self._turn : self._turn + READ_AGAIN])

    def _apply(self, events: Sequence[DatedEvent], sold_tokens: set[int]) -> State:
        """Return the state after events, as far as they tell it; add the tokens that were sold to those before."""
        state = self._state
        holders, displaced_by = dict(state.holders), dict(state.displaced_by)
        copies = dict(state.copies)
        for event in events:
            values = event.arguments
            if event.name == "Transfer" and values["to"] == NOBODY:
                holders.pop(values["tokenId"], None)
            elif event.name == "Transfer":
                holders[values["tokenId"]] = values["to"]
            elif event.name == "Displaced":
                displaced_by[values["work"]] = values["by"]
        sales = read_sales(events, sold_tokens)
        for sale in sales:
            if sale.kind == "copy" and sale.token is not None:
                copies[sale.work] = [*copies.get(sale.work, ()), sale.token]
        return replace(
            state,
            block=self._history.block,
            holders=holders,
            copies=copies,
            displaced_by=displaced_by,
            sales=[*state.sales, *sales],
            anchored=state.anchored | {event.arguments["root"] for event in events if event.name == "Anchored"},
        )

    def _read_again(self, state: State, numbers: set[int], tokens: set[int]) -> State:
        works, sold, listings = dict(state.works), dict(state.sold), dict(state.listings)
        for number in sorted(numbers):
            work = read_work(self._client, number)
            if work is not None:
                works[number] = work
                sold[number] = [self._client.read("sold", number, index) for index in range(len(work.offers))]
        listed = {event.arguments["token"] for event in self._history.events if event.name == "Listed"}
        for token in tokens & listed:
            price, number = self._client.read("listings", token)
            if number and token in state.holders:
                listings[token] = Listing(price, number)
            else:
                listings.pop(token, None)
        return replace(state, works=works, sold=sold, listings=listings)
