"""Works, copies, accounts and sales as the routes answer them: plain values for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gan_lightning.chain.metadata import ipfs_address_base32
from gan_lightning.chain.sales import Sale
from gan_lightning.chain.views import Work
from gan_lightning.chain.works import EVERY_EDITION, NO_DIGEST, NOBODY, UNLIMITED, Offer
from gan_lightning.studio.market.board import Board
from gan_lightning.studio.market.items import Items
from gan_lightning.studio.market.texts import Texts, parse_metadata
from gan_lightning.studio.market.tree import describe_payee, divide

if TYPE_CHECKING:  # slow to import, and needs an extra
    from gan_lightning.chain.client import Client

MAX_WORKS = 500  # of one answer


class Views:
    """Describes the market of one moment.

    Args:
        client: client of the contract.
        board: state of the market.
        items: items of the gallery.
        metadata: metadata of works, as far as it is known here.
        licences: texts of licences, as far as they are known here.
    """

    def __init__(self, client: Client, board: Board, items: Items, metadata: Texts, licences: Texts) -> None:
        self._client, self._board = client, board
        self._metadata, self._licences = metadata, licences
        self._state, self._now = board.state(), client.now()
        self._items = {item.artifact: item for item in reversed(items.items()) if item.problem is None}
        self._sales: dict[int, list[Sale]] = {}
        for sale in self._state.sales:
            self._sales.setdefault(sale.work, []).append(sale)

    def market(self) -> dict[str, Any]:
        numbers = sorted(self._state.works, reverse=True)
        works = [self.work(self._state.works[number]) for number in numbers[:MAX_WORKS]]
        listed = [token for token in sorted(self._state.listings, reverse=True) if token not in self._state.works]
        return {
            "now": self._now,
            "block": self._state.block,
            "works": works,
            "listings": [self.copy(token) for token in listed[:MAX_WORKS]],
            "truncated": max(len(numbers), len(listed)) > MAX_WORKS,
        }

    def find_work(self, number: int) -> Work | None:
        return self._state.works.get(number)

    def is_anchored(self, root: bytes) -> bool:
        return root.hex() in self._state.anchored

    def find_artifact(self, artifact: str) -> Work | None:
        """Return the work of an artifact that was not displaced; None if there is none."""
        return self._state.works.get(self._state.numbers.get(artifact, 0))

    def work(self, work: Work) -> dict[str, Any]:
        number, state = work.number, self._state
        prices = [sale.price for sale in self._sales.get(work.number, ()) if sale.kind == "copy"]
        item = self._items.get(work.artifact)
        fields = self._fields(work)
        return {
            "number": number,
            "artifact": work.artifact,
            "title": fields.get("name"),
            "description": fields.get("description"),
            "preview": item and item.preview,
            "item": item and item.id,
            "creator": work.creator,
            "holder": state.holders.get(number),
            "since": work.since,
            "final": work.final,
            "is_final": work.final <= self._now,
            "void": work.void,
            "displaced_by": state.displaced_by.get(number),
            "royalty": work.royalty / 100,
            "share": work.share / 100,
            "payees": [describe_payee(payee, state.holders.get(number)) for payee in work.payees],
            "parts": list(work.parts),
            "offers": [self._offer(work, index) for index in range(len(work.offers))],
            "listing": self._listing(number),
            "copies_sold": len(prices),
            "sold_for": str(sum(prices)),
        }

    def details(self, work: Work) -> dict[str, Any]:
        """Return a work with the tree of its parts, its sales and its copies."""
        state = self._state
        fields, address = self._fields(work), ipfs_address_base32(work.metadata)
        attributes = fields.get("attributes")
        return self.work(work) | {
            "tree": divide(work, state.works, state.holders, self._heading),
            "sales": [self.sale(sale) for sale in reversed(self._sales.get(work.number, []))],
            "copies": [self.copy(token) for token in reversed(state.copies.get(work.number, ()))],
            "metadata": {
                "digest": work.metadata.hex(),
                "address": None if work.metadata == NO_DIGEST else address,
                "known": bool(fields),
                "attributes": [
                    {"name": str(one.get("trait_type")), "value": str(one.get("value"))}
                    for one in (attributes if isinstance(attributes, list) else [])
                    if isinstance(one, dict)
                ],
            },
            "may_build_on": {"everybody": self._client.read("mayBuildOn", work.number, NOBODY)},
        }

    def copy(self, token: int) -> dict[str, Any]:
        copy, holder = self._board.copy(token), self._state.holders.get(token)
        work = self._state.works[copy.work]
        terms = work.offers[copy.offer]
        over = work.void or bool(copy.expires and copy.expires <= self._now)
        listing = self._listing(token) or {"price": None, "number": None}
        return {
            "token": token,
            "work": copy.work,
            "offer": copy.offer,
            **self._heading(work),
            "holder": holder,
            "valid": holder is not None and not over and terms.start <= self._now,
            "over": over,
            "starts": terms.start or None,
            "expires": copy.expires or None,
            "remaining": max(copy.expires - self._now, 0) if copy.expires else None,
            "hands": None if copy.hands == UNLIMITED else copy.hands,
            "term": terms.term or None,
            **self._licence(terms),
            "revocable": terms.revocable,
            "transferable": holder is not None and not over and copy.hands > 0,
            **listing,
        }

    def account(self, address: str, name: str | None) -> dict[str, Any]:
        """Return what an account holds, has earned and can withdraw."""
        state = self._state
        held = sorted((token for token, holder in state.holders.items() if holder == address), reverse=True)
        sales = [sale for sale in reversed(state.sales) if address in (sale.seller, sale.buyer)]
        earned = [(sale, one) for sale in reversed(state.sales) for one in sale.payments if one.account == address]
        earnings = [
            {
                "time": sale.time,
                "work": payment.work,
                "title": self._title(payment.work),
                "amount": str(payment.amount),
                "sale": sale.kind,
            }
            for sale, payment in earned
        ]
        return {
            "address": address,
            "name": name,
            "balance": str(self._client.balance(address)),
            "owed": str(self._client.read("owed", address)),
            "earned": str(sum(payment.amount for _, payment in earned)),
            "titles": [self.work(state.works[token]) for token in held if token in state.works],
            "copies": [self.copy(token) for token in held if token not in state.works],
            "sales": [self.sale(sale) for sale in sales if sale.seller == address],
            "purchases": [self.sale(sale) for sale in sales if sale.buyer == address],
            "earnings": earnings,
        }

    def sales(self, before: int | None, limit: int) -> dict[str, Any]:
        """Return the newest sales and tips of the market, of blocks before one."""
        found = [sale for sale in reversed(self._state.sales) if before is None or sale.block < before]
        return {"sales": [self.sale(sale) for sale in found[:limit]], "more": len(found) > limit}

    def sale(self, sale: Sale) -> dict[str, Any]:
        payments = [{"account": one.account, "amount": str(one.amount), "work": one.work} for one in sale.payments]
        return {
            "kind": sale.kind,
            "time": sale.time,
            "block": sale.block,
            "transaction": sale.transaction,
            "work": sale.work,
            "title": self._title(sale.work),
            "token": sale.token,
            "from": sale.seller,
            "to": sale.buyer,
            "price": str(sale.price),
            "payments": payments,
        }

    def terms(self, offer: Offer) -> dict[str, Any]:
        """Return the terms of an offer."""
        return {
            "price": str(offer.price),
            "editions": None if offer.editions == EVERY_EDITION else offer.editions,
            "term": offer.term or None,
            "from": offer.start or None,
            "until": offer.until or None,
            "hands": None if offer.hands == UNLIMITED else offer.hands,
            "revocable": offer.revocable,
            **self._licence(offer),
        }

    def _offer(self, work: Work, index: int) -> dict[str, Any]:
        offer, sold = work.offers[index], self._state.sold[work.number][index]
        reason = (
            "displaced"
            if work.void
            else "sold_out"
            if sold >= offer.editions
            else "ended"
            if offer.until and offer.until <= self._now
            else None
        )
        left = None if offer.editions == EVERY_EDITION else offer.editions - sold
        state = {"sold": sold, "left": left, "open": reason is None, "closed_because": reason}
        return {"index": index, **self.terms(offer), **state}

    def _licence(self, offer: Offer) -> dict[str, str | None]:
        digest = None if offer.licence == NO_DIGEST else offer.licence.hex()
        known = digest is not None and self._licences.find(digest) is not None
        return {"licence": digest, "licence_url": f"/api/market/licences/{digest}" if known else None}

    def _listing(self, token: int) -> dict[str, Any] | None:
        listing = self._state.listings.get(token)
        return {"price": str(listing.price), "number": listing.number} if listing else None

    def _fields(self, work: Work) -> Mapping[str, Any]:
        return parse_metadata(self._metadata.find(work.metadata.hex()))

    def _title(self, number: int) -> str | None:
        work = self._state.works.get(number)
        return self._fields(work).get("name") if work else None

    def _heading(self, work: Work) -> dict[str, Any]:
        item = self._items.get(work.artifact)
        return {"title": self._fields(work).get("name"), "preview": item and item.preview}
