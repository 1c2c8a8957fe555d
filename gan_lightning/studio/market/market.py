"""The market of a studio: opens its chain in the background, and keeps it open."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_lightning.chain import connect
from gan_lightning.errors import UserError
from gan_lightning.studio.market.jobs import Jobs
from gan_lightning.studio.market.open_market import OpenMarket, open_market
from gan_lightning.studio.market.wallets import SentTransactions
from gan_lightning.studio.refusals import Refusal

if TYPE_CHECKING:  # slow to import, and needs an extra
    from gan_lightning.chain.client import Client
    from gan_lightning.studio.market.items import Items
    from gan_lightning.studio.settings import StudioSettings

STARTING, READY, FAILED = "starting", "ready", "failed"
CHAIN = "chain"  # folder of the embedded chain in that of the studio
DEPLOYER = "alice"  # demo account that creates the contract of a new chain
PAUSE = 3.0  # seconds after which a node that does not answer is asked again
NODE_TIMEOUT = 15.0  # seconds; a page waits for the answer
log = logging.getLogger(__name__)


class Market:
    """Market of a studio.

    Args:
        settings: options of the studio: its folder, the ledger, and where the chain is.
        items: items of the gallery.

    Attributes:
        place: folder or URL of the chain.
        embedded: True for an embedded chain, on which the server signs.
        jobs: jobs on the embedded chain.
        sent: transactions that wallets have sent.
    """

    def __init__(self, settings: StudioSettings, items: Items) -> None:
        self._settings, self._items = settings, items
        self.place = settings.chain or str(settings.folder / CHAIN)
        self.embedded = "://" not in self.place
        self.jobs, self.sent = Jobs(), SentTransactions()
        self._opened: OpenMarket | None = None
        self._state, self._message = STARTING, ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_trying, name="market", daemon=True)

    def start(self) -> None:
        """Open the chain in the background; create an embedded one, and its contract, if there is none."""
        self._thread.start()

    def close(self) -> None:
        """Wait for the jobs that are running, and until the chain is not being opened any more."""
        self._ended.set()
        self.jobs.close()
        if self._thread.is_alive():
            self._thread.join()
        if self._opened is not None:
            with suppress(UserError):  # a node may be away
                self._opened.board.save()

    def opened(self) -> OpenMarket:
        """Return the open market; raise Refusal if it is not open yet, or cannot be opened."""
        if self._opened is not None:
            return self._opened
        if self._state == FAILED:
            raise Refusal(503, "chain_failed", f"the chain cannot be used: {self._message}", {"reason": self._message})
        raise Refusal(503, "chain_starting", "the chain is being opened: try again in a few seconds")

    def describe(self) -> dict[str, Any] | None:
        """Return where the chain is, and its demo accounts; None until it is open."""
        if self._opened is None:
            return None
        client = self._opened.client
        return {
            "embedded": self.embedded,
            "place": self._shown_place,
            "chain_id": client.chain_id,
            "contract": client.address,
            "accounts": [{"name": name, "address": address} for name, address in self._opened.accounts],
        }

    def state(self) -> dict[str, Any]:
        """Return the same with the state of the market, also before it is open."""
        unknown: dict[str, Any] = {"place": self._shown_place, "chain_id": None, "contract": None, "accounts": []}
        return {
            "state": self._state,
            "message": self._message or None,
            "money": "play" if self.embedded else "real",
            "embedded": self.embedded,
        } | (self.describe() or unknown)

    def work_of(self, artifact: str) -> int | None:
        """Return the number of the work of an artifact; None if there is none, or the chain is not open."""
        found = self.find(artifact)
        return int(found["number"]) if found else None

    def find(self, artifact: str) -> dict[str, Any] | None:
        """Return number, creator, holder and time of the work of an artifact; None as :meth:`work_of`."""
        if self._opened is None:
            return None
        try:
            state = self._opened.board.state()
        except UserError as error:
            log.warning("%s", error)
            return None
        work = state.works.get(state.numbers.get(artifact, 0))
        if work is None:
            return None
        holder = state.holders.get(work.number)
        return {"number": work.number, "creator": work.creator, "since": work.since, "holder": holder}

    @property
    def _shown_place(self) -> str:
        """The place without what can hold the key of a provider."""
        scheme, separator, rest = self.place.partition("://")
        return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}" if separator else self.place

    def _keep_trying(self) -> None:
        while not self._ended.is_set():
            try:
                self._opened = self._open()
                self._state, self._message = READY, ""
                return
            except UserError as error:
                self._message = str(error)
                if not _may_pass(error):
                    self._state = FAILED
                    log.error("%s", error)
                    return
            except Exception as error:
                self._state, self._message = FAILED, f"{type(error).__name__}: {error}"
                log.exception("the chain cannot be opened")
                return
            self._ended.wait(PAUSE)

    def _open(self) -> OpenMarket:
        timeout = 60.0 if self.embedded else NODE_TIMEOUT
        client = connect(self.place, create=self.embedded, contract=self._settings.contract, timeout=timeout)
        if self.embedded:
            _finish_transactions(client)
            if client.address is None:
                client.deploy(client.demo_accounts[DEPLOYER])
        _ = client.logs  # raises UserError if there is no contract
        return open_market(client, self.embedded, self._items, Path(self._settings.folder), self._settings.ledger)


def _finish_transactions(client: Client) -> None:
    """Finish transactions that a killed server has left; those of the deployment are continued by it."""
    if client.address is None:
        return
    for account in client.demo_accounts.values():
        try:
            client.resume(account.address)
        except UserError as error:
            log.warning("%s", error)


def _may_pass(error: UserError) -> bool:
    try:
        from gan_lightning.chain.places import Unreachable
    except ImportError:
        return False
    return isinstance(error, Unreachable)
