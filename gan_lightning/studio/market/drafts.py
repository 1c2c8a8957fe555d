"""Drafts of works and offers from requests, checked against the chain before anything is claimed or sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gan_lightning.chain.metadata import Metadata, image_address
from gan_lightning.chain.units import WHOLE, format_time
from gan_lightning.chain.views import may_use, read_holder
from gan_lightning.chain.works import NO_DEADLINE, NO_DIGEST, NOBODY, Draft, Offer, Payee
from gan_lightning.studio.market.chain_errors import refused
from gan_lightning.studio.market.items import Item
from gan_lightning.studio.market.open_market import OpenMarket
from gan_lightning.studio.market.requests import DraftRequest, ReleaseRequest, Terms
from gan_lightning.studio.refusals import Refusal

if TYPE_CHECKING:
    from gan_lightning.provenance.ledger import Ledger

HOLDER = "holder"  # name of a payee: whoever holds the title
FILE = "file"  # kind of artifacts without a record


@dataclass(frozen=True)
class Decisions:
    """Decisions of an account about a work; the metadata are added once the claim is in the ledger.

    Args:
        account: address of the creator.
        item: the item of the gallery.
        kind: kind of its artifact.
        title: title of the work.
        description: text about the work.
        draft: the draft, without metadata.
    """

    account: str
    item: Item
    title: str
    description: str
    draft: Draft

    @property
    def artifact(self) -> str:
        return self.item.artifact


def read_decisions(request: DraftRequest, market: OpenMarket) -> Decisions:
    """Return the decisions of a request.

    Raises:
        Refusal: if there is no such item, account or part, or the account may not use a part.
    """
    account = market.accounts.acting(request.account)
    item = market.items.find(request.item)
    if item is None:
        raise Refusal(404, "no_such_item", f"the gallery has no item {request.item}", {"item": request.item})
    payees = [
        Payee(NOBODY if one.account == HOLDER else market.accounts.address(one.account), one.units)
        for one in request.payees
    ]
    _check_parts(request.parts, account, market)
    draft = Draft(
        royalty=request.royalty,
        share=request.share,
        payees=payees or [Payee()],
        parts=request.parts,
        offers=[read_terms(request.offer, market)] if request.offer else [],
        deadline=request.deadline if isinstance(request, ReleaseRequest) and request.deadline else NO_DEADLINE,
    )
    if draft.deadline <= market.client.now():
        raise _past("deadline", draft.deadline, market)
    return Decisions(account, item, request.title.strip(), request.description, draft)


def read_terms(terms: Terms, market: OpenMarket) -> Offer:
    """Return the offer of a request, and keep the text of its licence; raise Refusal if it would end in the past."""
    if terms.until and terms.until <= market.client.now():
        raise _past("until", terms.until, market)
    licence = market.licences.add(terms.licence.encode()) if terms.licence else NO_DIGEST
    return Offer(
        terms.price,
        terms.start or 0,
        terms.until or 0,
        terms.term or 0,
        terms.editions,
        terms.hands,
        terms.revocable,
        licence,
    )


def describe_work(decisions: Decisions, ledger: Ledger, index: int) -> bytes:
    """Return the metadata of a claimed item: canonical JSON.

    Args:
        decisions: title and description.
        ledger: ledger with the claim.
        index: index of the claim.
    """
    from gan_lightning.chain.claims import parse_claim, recipe_of_claim

    claim = parse_claim(ledger.lines[index])
    kind = claim.kind if claim else FILE
    image = image_address(decisions.item.file, kind)
    attributes = recipe_of_claim(ledger, index) | {"kind": kind, "artifact": decisions.artifact}
    return Metadata(decisions.title, decisions.description, image, attributes=attributes).as_bytes()


def _check_parts(parts: list[int], account: str, market: OpenMarket) -> None:
    works = [market.work(number) for number in parts]
    for work in works:
        if work.void:
            raise refused("part_displaced", f"work {work.number} was displaced by an older claim", part=work.number)
        if not may_use(market.client, work.number, account):
            holder = read_holder(market.client, work.number)
            who = market.accounts.describe(holder) if holder else "nobody"
            message = f"{who}, who holds the title of work {work.number}, has not allowed you to use it as a part"
            raise refused("part_not_allowed", message, part=work.number, holder=holder)
    if (total := sum(work.share for work in works)) > WHOLE:
        message = f"the parts ask for {total / 100:g}% together, more than 100%: leave one out"
        raise refused("shares_too_large", message, percent=total / 100)


def _past(field: str, time: int, market: OpenMarket) -> Refusal:
    now = market.client.now()
    message = f"{field}: {format_time(time)} is past: it is {format_time(now)} on this chain"
    return Refusal(400, "past_time", message, {"field": field, "time": time, "now": now})
