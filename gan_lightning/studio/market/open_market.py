"""A market whose chain is open: what its actions and views need."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.chain.views import Work, read_work
from gan_lightning.studio.market.accounts import Accounts
from gan_lightning.studio.market.board import Board
from gan_lightning.studio.market.calls import Call
from gan_lightning.studio.market.chain_errors import no_work
from gan_lightning.studio.market.items import Items
from gan_lightning.studio.market.release_store import ReleaseStore
from gan_lightning.studio.market.texts import Texts
from gan_lightning.studio.market.views import Views

if TYPE_CHECKING:  # slow to import, and needs an extra
    from gan_lightning.chain.client import Client
    from gan_lightning.chain.receipts import Receipt


EMBEDDED_PAUSE, NODE_PAUSE = 0.2, 1.0  # seconds in which a chain is not asked again for new blocks

FUNCTIONS_OF_WORKS = ("allow", "close", "collect", "offer", "tip")  # whose first argument is a work


@dataclass(frozen=True)
class OpenMarket:
    """Market whose chain is open.

    Args:
        client: client of the contract.
        embedded: True for an embedded chain, on which the server signs.
        accounts: accounts of requests.
        board: state of the market.
        items: items of the gallery.
        ledger: folder of the ledger with the claims.
        metadata: metadata of works by their digests.
        licences: texts of licences by their digests.
        releases: signed releases.
    """

    client: Client
    embedded: bool
    accounts: Accounts
    board: Board
    items: Items
    ledger: Path
    metadata: Texts
    licences: Texts
    releases: ReleaseStore
    claiming: threading.Lock = field(default_factory=threading.Lock)
    _sending: threading.Lock = field(default_factory=threading.Lock)

    def views(self) -> Views:
        """Return the views of the newest block."""
        return Views(self.client, self.board, self.items, self.metadata, self.licences)

    def work(self, number: int) -> Work:
        """Return a work as it is now; raise Refusal if there is none."""
        work = read_work(self.client, number)
        if work is None:
            raise no_work(number)
        return work

    def send(self, account: str, call: Call) -> Receipt:
        """Send a call, signed by a demo account, and return its receipt.

        One call is sent after the other. So a call that is allowed cannot fail because of another one, and nothing is
        paid for a call that is refused.
        """
        with self._sending:
            return self.client.transact(self.accounts.signer(account), call.function, *call.arguments, value=call.value)

    def note(self, call: Call) -> None:
        """Let the board read again what a call has changed, or was refused for."""
        self.board.expire()
        if call.function in FUNCTIONS_OF_WORKS:
            self.board.touch(call.arguments[0])


def open_market(client: Client, embedded: bool, items: Items, folder: Path, ledger: Path) -> OpenMarket:
    """Return the market of a contract, with its state read.

    Args:
        client: client of the contract.
        embedded: True for an embedded chain.
        items: items of the gallery.
        folder: folder of the studio.
        ledger: folder of the ledger with the claims.
    """
    board = Board(
        client, folder / "market" / f"{client.chain_id}-{client.address}", EMBEDDED_PAUSE if embedded else NODE_PAUSE
    )
    board.state()
    return OpenMarket(
        client,
        embedded,
        Accounts(client.demo_accounts),
        board,
        items,
        ledger,
        metadata=Texts(folder / "metadata", ".json"),
        licences=Texts(folder / "licences", ".txt"),
        releases=ReleaseStore(folder / "releases"),
    )
