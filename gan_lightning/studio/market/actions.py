"""Actions of the market: from a request to the calls of the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gan_lightning.chain.terms import describe_editions, describe_terms
from gan_lightning.chain.units import format_wei
from gan_lightning.chain.views import Work
from gan_lightning.chain.works import NOBODY, Offer
from gan_lightning.studio.market import wishes
from gan_lightning.studio.market.calls import Call, SingleCall, Task
from gan_lightning.studio.market.drafts import read_decisions, read_terms
from gan_lightning.studio.market.opened import OpenMarket
from gan_lightning.studio.market.refusing import refused
from gan_lightning.studio.market.registering import Registration
from gan_lightning.studio.market.releasing import ReleaseCollection, no_release, read_document
from gan_lightning.studio.refusals import Refusal

EVERYBODY = "everybody"  # name of an account in allow


@dataclass(frozen=True)
class Action:
    """Action that a request can name.

    Args:
        wish: type of the request.
        plan: returns the task for a request; raises Refusal if it cannot be done.
    """

    wish: type[wishes.Wish]
    plan: Callable[[Any, OpenMarket], Task]


def _register(wish: wishes.DraftWish, market: OpenMarket) -> Task:
    return Registration(read_decisions(wish, market), market)


def _offer(wish: wishes.OfferWish, market: OpenMarket) -> Task:
    work, offer = market.work(wish.work), read_terms(wish.offer, market)
    words = f"offer {describe_editions(offer)} of work {work.number} ({describe_terms(offer)})"
    return _single(wish, market, "offer", words, "offer", work.number, offer)


def _close(wish: wishes.CloseWish, market: OpenMarket) -> Task:
    work = market.work(wish.work)
    _find_offer(work, wish.offer)
    words = f"close offer {wish.offer} of work {work.number}"
    return _single(wish, market, "close", words, "close", work.number, wish.offer)


def _collect(wish: wishes.CollectWish, market: OpenMarket) -> Task:
    account = market.accounts.acting(wish.account)
    if wish.document is not None:
        return ReleaseCollection(account, read_document(wish.document), market)
    if wish.release is not None:
        release = market.releases.find(wish.release)
        if release is None:
            raise no_release(wish.release)
        return ReleaseCollection(account, release, market)
    assert wish.work is not None  # a collect wish names one of the three
    work = market.work(wish.work)
    offer = _find_offer(work, wish.offer)
    words = f"collect a copy of work {work.number} ({describe_terms(offer)})"
    arguments = work.number, wish.offer, account
    return _single(wish, market, "collect", words, "collect", *arguments, value=offer.price)


def _list(wish: wishes.ListWish, market: OpenMarket) -> Task:
    token, price = wish.token, wish.price
    words = f"put token {token} up for sale for {format_wei(price)}" if price else f"end the sale of token {token}"
    return _single(wish, market, "list", words, "list", token, price or 0)


def _buy(wish: wishes.BuyWish, market: OpenMarket) -> Task:
    price, _ = market.client.read("listings", wish.token)
    words = f"buy token {wish.token} for {format_wei(price)}"
    account = market.accounts.acting(wish.account)
    return _single(wish, market, "buy", words, "buy", wish.token, wish.number, account, value=price)


def _tip(wish: wishes.TipWish, market: OpenMarket) -> Task:
    work = market.work(wish.work)
    words = f"give {format_wei(wish.amount)} to work {work.number}"
    return _single(wish, market, "tip", words, "tip", work.number, value=wish.amount)


def _withdraw(wish: wishes.WithdrawWish, market: OpenMarket) -> Task:
    account = market.accounts.acting(wish.account)
    owed = market.client.read("owed", account)
    if owed == 0:
        raise refused("nothing_to_withdraw", "there is nothing to withdraw")
    return _single(wish, market, "withdraw", f"pay out {format_wei(owed)}", "withdraw", account)


def _allow(wish: wishes.AllowWish, market: OpenMarket) -> Task:
    work = market.work(wish.work)
    who = NOBODY if wish.who == EVERYBODY else market.accounts.address(wish.who)
    name = EVERYBODY if who == NOBODY else market.accounts.describe(who)
    words = f"let {name} {'' if wish.allowed else 'no longer '}use work {work.number} as a part"
    return _single(wish, market, "allow", words, "allow", work.number, who, wish.allowed)


def _revoke(wish: wishes.TokenWish, market: OpenMarket) -> Task:
    return _single(wish, market, "revoke", f"revoke copy {wish.token}", "revoke", wish.token)


def _burn(wish: wishes.TokenWish, market: OpenMarket) -> Task:
    return _single(wish, market, "burn", f"destroy token {wish.token}", "burn", wish.token)


ACTIONS: Mapping[str, Action] = {
    "register": Action(wishes.DraftWish, _register),
    "offer": Action(wishes.OfferWish, _offer),
    "close": Action(wishes.CloseWish, _close),
    "collect": Action(wishes.CollectWish, _collect),
    "list": Action(wishes.ListWish, _list),
    "buy": Action(wishes.BuyWish, _buy),
    "tip": Action(wishes.TipWish, _tip),
    "withdraw": Action(wishes.WithdrawWish, _withdraw),
    "allow": Action(wishes.AllowWish, _allow),
    "revoke": Action(wishes.TokenWish, _revoke),
    "burn": Action(wishes.TokenWish, _burn),
}


def _single(
    wish: wishes.Wish, market: OpenMarket, what: str, words: str, function: str, *arguments: Any, value: int = 0
) -> SingleCall:
    return SingleCall(market.accounts.acting(wish.account), Call(what, words, function, arguments, value))


def _find_offer(work: Work, index: int) -> Offer:
    if index >= len(work.offers):
        values = {"work": work.number, "offer": index}
        raise Refusal(404, "no_such_offer", f"work {work.number} has no offer {index}", values)
    return work.offers[index]
