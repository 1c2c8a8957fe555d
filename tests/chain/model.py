"""The contract Works in plain Python, written from its description: what each call must change, return or refuse."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field

from scripts.contract.evm import NOBODY, START, UNLIMITED, Claim, Draft, Offer

CONTEST = 30 * 86_400
WHOLE = 10_000


class Refusal(Exception):
    """The contract must revert."""


def require(*conditions: bool) -> None:
    if not all(conditions):
        raise Refusal


@dataclass
class Work:
    creator: str
    since: int
    contestable: int
    artifact: bytes
    draft: Draft
    weight: int
    offers: list[Offer]
    void: bool = False
    allowed: set[str] = field(default_factory=set)


@dataclass
class Token:
    work: int
    holder: str | None  # None after it was burned
    offer: int | None = None  # None for a title
    expires: int = 0
    hands: int = UNLIMITED
    listing: tuple[int, int] | None = None  # price and number


class Model:
    """State of the contract. A method changes it like the contract's function of the same name, or raises Refusal."""

    def __init__(self) -> None:
        self.now = START
        self.anchors: dict[bytes, int] = {}
        self.works: dict[int, Work] = {}
        self.tokens: dict[int, Token] = {}
        self.owed: dict[str, int] = defaultdict(int)
        self.balance = 0
        self.listings = 0  # number of the last listing

    # Claims and works

    def anchor(self, sender: str, value: int, root: bytes, size: int) -> None:
        self.anchors.setdefault(root, self.now)

    def register(self, sender: str, value: int, claim: Claim, draft: Draft, signature: bytes) -> int:
        since = self.anchors.get(root_of(claim))
        require(since is not None and since < self.now, sender == claim.account)
        old = self.work_of(claim.artifact)
        require(old is None or self.displaces(claim.account, since, old))
        valid = {number for number, work in self.works.items() if not work.void and number != old}
        require(
            len(draft.payees) > 0,
            all(units > 0 for _, units in draft.payees),
            max(draft.royalty, draft.share) <= WHOLE,
            all(part in valid and self.may_use(claim.account, part) for part in draft.parts),
        )
        weight = len(draft.payees) + sum(self.works[part].weight for part in draft.parts)
        require(weight <= 64, sum(self.works[part].draft.share for part in draft.parts) <= WHOLE)
        if old is not None:
            self.works[old].void = True
        title = len(self.tokens) + 1
        self.works[title] = Work(
            claim.account, since, self.now + CONTEST, claim.artifact, draft, weight, list(draft.offers)
        )
        self.tokens[title] = Token(title, claim.account)
        return title

    def allow(self, sender: str, value: int, work: int, account: str, allowed: bool) -> None:
        self._require_holder(sender, work)
        self.tokens[work].listing = None
        (self.works[work].allowed.add if allowed else self.works[work].allowed.discard)(account)

    def offer(self, sender: str, value: int, work: int, terms: Offer) -> None:
        self._require_holder(sender, work)
        self.tokens[work].listing = None
        self.works[work].offers.append(terms)

    def close(self, sender: str, value: int, work: int, index: int) -> None:
        self._require_holder(sender, work)
        offers = self.works[work].offers
        require(index < len(offers))
        self.tokens[work].listing = None
        offers[index] = offers[index]._replace(editions=self.sold(work, index))

    # Trade

    def collect(self, sender: str, value: int, work: int, index: int, to: str) -> int:
        require(work in self.works and not self.is_over(work) and index < len(self.works[work].offers))
        terms = self.works[work].offers[index]
        require(
            terms.until == 0 or self.now < terms.until, self.sold(work, index) < terms.editions, value == terms.price
        )
        copy = len(self.tokens) + 1
        starts_now = terms.hands in (0, UNLIMITED)
        self.tokens[copy] = Token(work, to, index, self.end_of(terms) if starts_now else terms.until, terms.hands)
        self.balance += value
        self._distribute(work, value)
        return copy

    def list(self, sender: str, value: int, token: int, price: int) -> None:
        self._require_token(sender, token)
        require(self.is_transferable(token))
        self.listings += price > 0
        self.tokens[token].listing = (price, self.listings) if price else None

    def buy(self, sender: str, value: int, token: int, number: int, to: str) -> None:
        require(token in self.tokens and self.tokens[token].listing == (value, number) and self.is_transferable(token))
        work, seller = self.tokens[token].work, self.tokens[token].holder
        royalty = value * self.works[work].draft.royalty // WHOLE
        self.balance += value
        self._distribute(work, royalty)
        self.owed[seller] += value - royalty
        self._move(token, to)

    def transferFrom(self, sender: str, value: int, holder: str, to: str, token: int) -> None:
        self._require_token(sender, token)
        require(holder == sender, self.is_transferable(token))
        self._move(token, to)

    def tip(self, sender: str, value: int, work: int) -> None:
        require(work in self.works and not self.works[work].void)
        self.balance += value
        self._distribute(work, value)

    def withdraw(self, sender: str, value: int, account: str) -> None:
        self.balance -= self.owed.pop(account, 0)

    # End of a token

    def revoke(self, sender: str, value: int, copy: int) -> None:
        require(copy in self.tokens and self.tokens[copy].offer is not None)
        token = self.tokens[copy]
        self._require_holder(sender, token.work)
        require(self.terms_of(copy).revocable, not self.is_over(copy))
        token.expires, token.listing = self.now, None

    def burn(self, sender: str, value: int, token: int) -> None:
        require(token in self.tokens and self.tokens[token].holder is not None)
        one = self.tokens[token]
        require(self.is_over(token) or (one.offer is not None and one.holder == sender))
        one.holder = one.listing = None

    # Questions

    def work_of(self, artifact: bytes) -> int | None:
        return max((number for number, work in self.works.items() if work.artifact == artifact), default=None)

    def displaces(self, account: str, since: int, old: int) -> bool:
        work = self.works[old]
        return since < work.since and account != work.creator and self.now < work.contestable

    def may_use(self, account: str, part: int) -> bool:
        return bool({NOBODY, account} & self.works[part].allowed) or self.tokens[part].holder == account

    def sold(self, work: int, index: int) -> int:
        return sum(token.work == work and token.offer == index for token in self.tokens.values())

    def terms_of(self, copy: int) -> Offer:
        token = self.tokens[copy]
        return self.works[token.work].offers[token.offer]

    def is_over(self, token: int) -> bool:
        one = self.tokens[token]
        return self.works[one.work].void or 0 < one.expires <= self.now

    def is_valid(self, token: int) -> bool:
        one = self.tokens[token]
        start = 0 if one.offer is None else self.terms_of(token).start
        return one.holder is not None and not self.is_over(token) and start <= self.now

    def is_transferable(self, token: int) -> bool:
        return self.tokens[token].holder is not None and not self.is_over(token) and self.tokens[token].hands > 0

    def end_of(self, terms: Offer) -> int:
        ends = [end for end in (terms.until, self.now + terms.term if terms.term else 0) if end]
        return min(ends, default=0)

    # Changes that several calls share

    def _require_holder(self, sender: str, work: int) -> None:
        require(work in self.works and self.tokens[work].holder == sender)

    def _require_token(self, sender: str, token: int) -> None:
        require(token in self.tokens and self.tokens[token].holder == sender)

    def _distribute(self, number: int, amount: int) -> None:
        work = self.works[number]
        rest = amount
        for part in work.draft.parts:
            if not self.works[part].void:
                share = amount * self.works[part].draft.share // WHOLE
                rest -= share
                self._distribute(part, share)
        total = sum(units for _, units in work.draft.payees)
        amounts = [rest * units // total for _, units in work.draft.payees]
        amounts[0] += rest - sum(amounts)
        for (account, _), due in zip(work.draft.payees, amounts, strict=True):
            self.owed[self.tokens[number].holder if account == NOBODY else account] += due

    def _move(self, token: int, to: str) -> None:
        one = self.tokens[token]
        one.holder, one.listing = to, None
        if one.offer is not None and one.hands != UNLIMITED:
            one.hands -= 1
            if one.hands == 0:
                one.expires = self.end_of(self.terms_of(token))


def root_of(claim: Claim) -> bytes:
    """Return the root to which the proof of a claim leads."""
    line = f'{{"account":"{claim.account}","artifact":"{claim.artifact.hex()}"{claim.rest}'
    node = hashlib.sha256(b"\0" + line.encode()).digest()
    for level, sibling in enumerate(claim.path):
        pair = sibling + node if claim.lefts >> level & 1 else node + sibling
        node = hashlib.sha256(b"\1" + pair).digest()
    return node
