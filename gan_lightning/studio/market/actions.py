"""Actions of the market: from a request to the calls of the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gan_lightning.chain.terms import describe_editions, describe_terms
from gan_lightning.chain.units import format_wei
from gan_lightning.chain.views import Work
from gan_lightning.chain.works import NOBODY, Offer
from gan_lightning.studio.market import requests
from gan_lightning.studio.market.calls import Call, SingleCall, Task
from gan_lightning.studio.market.chain_errors import refused
from gan_lightning.studio.market.drafts import read_decisions, read_terms
from gan_lightning.studio.market.open_market import OpenMarket
from gan_lightning.studio.market.registering import Registration
from gan_lightning.studio.market.releasing import ReleaseCollection, no_release, read_document
from gan_lightning.studio.refusals import Refusal

EVERYBODY = "everybody"  # name of an account in allow


@dataclass(frozen=True)
class Action:
    """Action that a request can name.

    Args:
        request: type of the request.
        plan: returns the task for a request; raises Refusal if it cannot be done.
    """

    request: type[requests.Request]
    plan: Callable[[Any, OpenMarket], Task]


def _register(request: requests.DraftRequest, market: OpenMarket) -> Task:
    return Registration(read_decisions(request, market), market)


def _offer(request: requests.OfferRequest, market: OpenMarket) -> Task:
    work, offer = market.work(request.work), read_terms(request.offer, market)
    words = f"offer {describe_editions(offer)} of work {work.number} ({describe_terms(offer)})"
    return _single(request, market, "offer", words, "offer", work.number, offer)


def _close(request: requests.CloseRequest, market: OpenMarket) -> Task:
    work = market.work(request.work)
    _find_offer(work, request.offer)
    words = f"close offer {request.offer} of work {work.number}"
    return _single(request, market, "close", words, "close", work.number, request.offer)


def _collect(request: requests.CollectRequest, market: OpenMarket) -> Task:
    account = market.accounts.acting(request.account)
    if request.document is not None:
        return ReleaseCollection(account, read_document(request.document), market)
    if request.release is not None:
        release = market.releases.find(request.release)
        if release is None:
            raise no_release(request.release)
        return ReleaseCollection(account, release, market)
    assert request.work is not None  # a collect request names one of the three
    work = market.work(request.work)
    offer = _find_offer(work, request.offer)
    words = f"collect a copy of work {work.number} ({describe_terms(offer)})"
    arguments = work.number, request.offer, account
    return _single(request, market, "collect", words, "collect", *arguments, value=offer.price)


def _list(request: requests.ListRequest, market: OpenMarket) -> Task:
    token, price = request.token, request.price
    words = f"put token {token} up for sale for {format_wei(price)}" if price else f"end the sale of token {token}"
    return _single(request, market, "list", words, "list", token, price or 0)


def _buy(request: requests.BuyRequest, market: OpenMarket) -> Task:
    price, _ = market.client.read("listings", request.token)
    words = f"buy token {request.token} for {format_wei(price)}"
    account = market.accounts.acting(request.account)
    return _single(request, market, "buy", words, "buy", request.token, request.number, account, value=price)


def _tip(request: requests.TipRequest, market: OpenMarket) -> Task:
    work = market.work(request.work)
    words = f"give {format_wei(request.amount)} to work {work.number}"
    return _single(request, market, "tip", words, "tip", work.number, value=request.amount)


def _withdraw(request: requests.WithdrawRequest, market: OpenMarket) -> Task:
    account = market.accounts.acting(request.account)
    owed = market.client.read("owed", account)
    if owed == 0:
        raise refused("nothing_to_withdraw", "there is nothing to withdraw")
    return _single(request, market, "withdraw", f"pay out {format_wei(owed)}", "withdraw", account)


def _allow(request: requests.AllowRequest, market: OpenMarket) -> Task:
    work = market.work(request.work)
    who = NOBODY if request.who == EVERYBODY else market.accounts.address(request.who)
    name = EVERYBODY if who == NOBODY else market.accounts.describe(who)
    words = f"let {name} {'' if request.allowed else 'no longer '}use work {work.number} as a part"
    return _single(request, market, "allow", words, "allow", work.number, who, request.allowed)


def _revoke(request: requests.TokenRequest, market: OpenMarket) -> Task:
    return _single(request, market, "revoke", f"revoke copy {request.token}", "revoke", request.token)


def _burn(request: requests.TokenRequest, market: OpenMarket) -> Task:
    return _single(request, market, "burn", f"destroy token {request.token}", "burn", request.token)


ACTIONS: Mapping[str, Action] = {
    "register": Action(requests.DraftRequest, _register),
    "offer": Action(requests.OfferRequest, _offer),
    "close": Action(requests.CloseRequest, _close),
    "collect": Action(requests.CollectRequest, _collect),
    "list": Action(requests.ListRequest, _list),
    "buy": Action(requests.BuyRequest, _buy),
    "tip": Action(requests.TipRequest, _tip),
    "withdraw": Action(requests.WithdrawRequest, _withdraw),
    "allow": Action(requests.AllowRequest, _allow),
    "revoke": Action(requests.TokenRequest, _revoke),
    "burn": Action(requests.TokenRequest, _burn),
}


def _single(
    request: requests.Request, market: OpenMarket, what: str, words: str, function: str, *arguments: Any, value: int = 0
) -> SingleCall:
    return SingleCall(market.accounts.acting(request.account), Call(what, words, function, arguments, value))


def _find_offer(work: Work, index: int) -> Offer:
    if index >= len(work.offers):
        values = {"work": work.number, "offer": index}
        raise Refusal(404, "no_such_offer", f"work {work.number} has no offer {index}", values)
    return work.offers[index]
